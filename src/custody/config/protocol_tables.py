"""Reads the tables that name a protocol: ``[listen.NAME]`` and ``[[target]]``.

Law: such a table has the keys that all protocols share, without those that the protocol lacks, and
the protocol's own. ``[listen.console]`` is no protocol's.
"""

from collections.abc import Iterator

import msgspec

from custody import protocols
from custody.config.document import ConfigDocument
from custody.config.faults import ConfigFaults, KeyPath
from custody.config.later_parts import later_protocols
from custody.config.logins import ConsoleConfig, MetricsConfig
from custody.config.read_table import fields_of, refuse_unknown
from custody.config.tables import ListenerConfig, TargetConfig, Tls

WrittenTable = tuple[KeyPath, dict[str, object]]


def read_listeners(document: ConfigDocument) -> Iterator[ListenerConfig]:
    tables = document.written.get("listen", {})
    if not isinstance(tables, dict):
        document.faults.add(
            "config.type", ("listen",), "It must be tables.", "Write [listen.postgres]."
        )
        return
    built = protocols.names()
    known = built | later_protocols() | {"console", "metrics"}
    refuse_unknown(tables, known, ("listen",), document.faults)
    for name, table in tables.items():
        if name in built:
            settings = protocols.settings_of(name)
            listener = document.read_with_own(
                ListenerConfig,
                settings.listener,
                table,
                ("listen", name),
                lacks=settings.listener_lacks,
                name=name,
            )
            if listener is not None:
                yield listener


def read_console(document: ConfigDocument) -> ConsoleConfig | None:
    listen = document.written.get("listen")
    if not isinstance(listen, dict) or "console" not in listen:
        return None
    return document.read(ConsoleConfig, listen["console"], ("listen", "console"))


def read_metrics(document: ConfigDocument) -> MetricsConfig | None:
    listen = document.written.get("listen")
    if not isinstance(listen, dict) or "metrics" not in listen:
        return None
    return document.read(MetricsConfig, listen["metrics"], ("listen", "metrics"))


def read_targets(
    document: ConfigDocument,
) -> tuple[tuple[TargetConfig, ...], list[WrittenTable]]:
    """The targets, and as they are written those whose protocols are not built yet."""
    later = later_protocols()
    written = list(document.entries("target"))
    apart = [(at, table) for at, table in written if str(table.get("protocol")) in later]
    found = [_target(document, each) for each in written if each not in apart]
    return tuple(each for each in found if each is not None), apart


def _target(document: ConfigDocument, written: WrittenTable) -> TargetConfig | None:
    at, table = written
    settings = protocols.settings_of(str(table.get("protocol")))
    for field in fields_of(TargetConfig):
        if field.key in settings.target_needs and field.key not in table:
            document.faults.add(
                "config.missing-key", at, f"The key `{field.key}` is missing.", field.how.says
            )
    target = document.read_with_own(
        TargetConfig,
        settings.target,
        table,
        at,
        lacks=settings.target_lacks,
        number=int(at[1]),
    )
    if target is None:
        return None
    _check_credentials(target, at, document.faults)
    if "tls" not in table and target.address.loopback:
        return msgspec.structs.replace(target, tls=Tls.PREFER)
    return target


def _check_credentials(target: TargetConfig, at: KeyPath, faults: ConfigFaults) -> None:
    keys = [key for key, _ in target.credentials()]
    for key in keys[1:]:
        faults.add(
            "config.two-credentials",
            (*at, key),
            f"It has a `{keys[0]}` and a `{key}`: a target is opened by one credential.",
            "Keep the one that the target takes.",
        )
