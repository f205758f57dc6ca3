"""Reads the document's tables into the configuration.

Law: every table of the contract has one reader here; a table of a part that is not built yet is
accepted with a warning and does nothing; any other is refused.
"""

from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

import msgspec

from custody import protocols
from custody.config.document import ConfigDocument
from custody.config.faults import ConfigFaults, KeyPath
from custody.config.login_checks import check_logins
from custody.config.logins import ConsoleConfig, LoginConfig
from custody.config.masks import read_masks
from custody.config.read_table import fields_of, refuse_unknown
from custody.config.stores import check_references, read_stores
from custody.config.tables import (
    LATER_PROTOCOLS,
    LATER_TABLES,
    CaptureConfig,
    Config,
    GatewayConfig,
    ListenerConfig,
    RetentionConfig,
    TargetConfig,
    Tls,
)
from custody.identity.oidc import OidcSettings, WorkloadSettings
from custody.identity.saml import SamlSettings
from custody.model.words import Decision
from custody.policy import Grant, Rule
from custody.vault import KIND_OF_TABLE

TABLES = frozenset(
    {
        "gateway", "listen", "target", "grant", "rule", "mask", "capture", "retention",
        "login", "oidc", "workload", "saml", *KIND_OF_TABLE,
    }
)  # fmt: skip

WrittenTable = tuple[KeyPath, Mapping[str, object]]


def read_sections(
    written: Mapping[str, object], path: Path, faults: ConfigFaults, *, masks_checked: bool
) -> Config | None:
    """``None`` where ``faults`` says why not."""
    document = ConfigDocument(written, path.parent, faults)
    present = {key: value for key, value in written.items() if key not in LATER_TABLES}
    refuse_unknown(present, TABLES, (), faults)
    gateway = document.one(GatewayConfig, "gateway")
    capture = document.one(CaptureConfig, "capture")
    retention = document.one(RetentionConfig, "retention")
    listeners = tuple(_listeners(document))
    written_targets = list(document.entries("target"))
    targets = tuple(_targets(document, written_targets))
    grants = [
        document.read(Grant, table, at, name=f"grant {int(at[1]) + 1}")
        for at, table in document.entries("grant")
    ]
    rules = document.each(Rule, "rule")
    masks = read_masks(document, checked=masks_checked)
    login = document.one(LoginConfig, "login")
    console = _console(document)
    oidc = document.each(OidcSettings, "oidc")
    workload = document.each(WorkloadSettings, "workload")
    saml = document.each(SamlSettings, "saml")
    check_logins(document, console, oidc, workload, saml)
    stores = read_stores(document)
    check_references(targets, stores, faults)
    later_targets = [(at, table) for at, table in written_targets if _is_later(table)]
    _warn_of_later_parts(written, later_targets, [rule for _, rule in rules], faults)
    if faults.found or gateway is None or capture is None or retention is None or login is None:
        return None
    return Config(
        path=path,
        gateway=gateway,
        listeners=listeners,
        targets=targets,
        later_targets=tuple(str(table.get("name")) for _, table in later_targets),
        grants=tuple(filter(None, grants)),
        rules=tuple(rule for _, rule in rules),
        masks=masks,
        capture=capture,
        retention=retention,
        login=login,
        console=console,
        oidc=tuple(one for _, one in oidc),
        workload=tuple(one for _, one in workload),
        saml=tuple(one for _, one in saml),
        stores=stores,
        warnings=tuple(faults.warnings),
    )


def _listeners(document: ConfigDocument) -> Iterator[ListenerConfig]:
    tables = document.written.get("listen", {})
    if not isinstance(tables, dict):
        document.faults.add(
            "config.type", ("listen",), "It must be tables.", "Write [listen.postgres]."
        )
        return
    built = protocols.names()
    refuse_unknown(tables, built | LATER_PROTOCOLS | {"console"}, ("listen",), document.faults)
    for name, table in tables.items():
        if name in built:
            listener = document.read(ListenerConfig, table, ("listen", name), name=name)
            if listener is not None:
                yield listener


def _console(document: ConfigDocument) -> ConsoleConfig | None:
    listen = document.written.get("listen")
    if not isinstance(listen, dict) or "console" not in listen:
        return None
    return document.read(ConsoleConfig, listen["console"], ("listen", "console"))


def _targets(document: ConfigDocument, written: Iterable[WrittenTable]) -> Iterator[TargetConfig]:
    for at, table in written:
        if _is_later(table):
            continue
        _check_needs(table, at, document.faults)
        target = document.read(TargetConfig, table, at, number=int(at[1]))
        if target is None:
            continue
        if "tls" not in table and target.address.loopback:
            target = msgspec.structs.replace(target, tls=Tls.PREFER)
        yield target


def _check_needs(target: Mapping[str, object], at: KeyPath, faults: ConfigFaults) -> None:
    """The keys that the target's protocol cannot do without."""
    needed = protocols.part(str(target.get("protocol")), "settings", "TARGET_KEYS")
    for field in fields_of(TargetConfig):
        if isinstance(needed, tuple) and field.key in needed and field.key not in target:
            faults.add(
                "config.missing-key", at, f"The key `{field.key}` is missing.", field.how.says
            )


def _is_later(target: Mapping[str, object]) -> bool:
    protocol = target.get("protocol")
    return isinstance(protocol, str) and protocol in LATER_PROTOCOLS - protocols.names()


def _warn_of_later_parts(
    written: Mapping[str, object],
    targets: Iterable[WrittenTable],
    rules: Iterable[Rule],
    faults: ConfigFaults,
) -> None:
    listen = written.get("listen")
    names = listen if isinstance(listen, dict) else {}
    later = [f"listen.{name}" for name in names if name in LATER_PROTOCOLS - protocols.names()]
    later += [name for name in written if name in LATER_TABLES]
    for name in later:
        faults.warn(f"[{name}] belongs to a part that is not built yet and does nothing.")
    if "retention" in written:
        faults.warn("[retention] belongs to a part that is not built yet: nothing is pruned.")
    for at, _ in targets:
        faults.warn(
            f"[[target]] number {int(at[1]) + 1} has a protocol that is not built yet "
            "and does nothing."
        )
    if any(rule.then is Decision.ASK for rule in rules):
        faults.warn('A rule that asks denies for now: "approval is not available yet".')
    if not protocols.names().intersection(names):
        faults.warn("There is no [listen.postgres], so nothing listens for PostgreSQL clients.")
