"""Reads the document's tables into the configuration.

Law: every table of the contract has one reader here; a table of a part that is not built yet is
accepted with a warning and does nothing; any other is refused.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TypeVar

import msgspec

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.login_sections import LoginTables, read_logins
from custody.config.masks import read_masks
from custody.config.read_table import read_table, refuse_unknown
from custody.config.stores import check_references, read_stores
from custody.config.tables import (
    BUILT,
    LATER_LISTENERS,
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
from custody.policy.grant import Grant
from custody.policy.rule import Rule
from custody.vault.kinds import TABLES as STORE_TABLES

T = TypeVar("T", bound=msgspec.Struct)

TABLES = frozenset(
    {
        "gateway", "listen", "target", "grant", "rule", "mask", "capture", "retention",
        "login", "oidc", "workload", "saml", *STORE_TABLES,
    }
)  # fmt: skip
PROVIDERS = ("oidc", "workload", "saml")


def read_sections(
    document: Mapping[str, object], path: Path, faults: ConfigFaults
) -> Config | None:
    """``None`` where ``faults`` says why not."""
    folder = path.parent
    present = {key: value for key, value in document.items() if key not in LATER_TABLES}
    refuse_unknown(present, TABLES, (), faults)
    gateway = read_table(GatewayConfig, document.get("gateway", {}), ("gateway",), folder, faults)
    capture = read_table(CaptureConfig, document.get("capture", {}), ("capture",), folder, faults)
    retention = read_table(
        RetentionConfig, document.get("retention", {}), ("retention",), folder, faults
    )
    listeners = tuple(_listeners(document, folder, faults))
    targets = tuple(_targets(document, folder, faults))
    grants = [
        read_table(Grant, table, at, folder, faults, name=f"grant {int(at[1]) + 1}")
        for at, table in _tables(document, "grant", faults)
    ]
    rules = [
        read_table(Rule, table, at, folder, faults)
        for at, table in _tables(document, "rule", faults)
    ]
    masks = read_masks(list(_tables(document, "mask", faults)), folder, faults)
    written = LoginTables(*(tuple(_tables(document, key, faults)) for key in PROVIDERS))
    logins = read_logins(document, written, folder, faults)
    stores = read_stores(document, folder, faults)
    check_references(targets, stores, faults)
    _warn_of_later_parts(document, faults)
    if faults.found or gateway is None or capture is None or retention is None or logins is None:
        return None
    return Config(
        path=path,
        gateway=gateway,
        listeners=listeners,
        targets=targets,
        later_targets=tuple(
            str(table.get("name"))
            for _, table in _tables(document, "target", ConfigFaults())
            if _is_later(table)
        ),
        grants=tuple(filter(None, grants)),
        rules=tuple(filter(None, rules)),
        masks=masks,
        capture=capture,
        retention=retention,
        login=logins.login,
        console=logins.console,
        oidc=logins.oidc,
        workload=logins.workload,
        saml=logins.saml,
        stores=stores,
        warnings=tuple(faults.warnings),
    )


def _tables(
    document: Mapping[str, object], key: str, faults: ConfigFaults
) -> Iterator[tuple[KeyPath, dict[str, object]]]:
    """The entries of ``[[key]]``."""
    value = document.get(key, [])
    if not isinstance(value, list):
        faults.add(
            "config.type",
            (key,),
            "It must be a list of tables.",
            f"Write [[{key}]] above its keys.",
        )
        return
    for number, table in enumerate(value):
        if isinstance(table, dict):
            yield (key, number), table
        else:
            faults.add("config.type", (key, number), "It must be a table.", f"Write [[{key}]].")


def _listeners(
    document: Mapping[str, object], folder: Path, faults: ConfigFaults
) -> Iterator[ListenerConfig]:
    tables = document.get("listen", {})
    if not isinstance(tables, dict):
        faults.add("config.type", ("listen",), "It must be tables.", "Write [listen.postgres].")
        return
    refuse_unknown(tables, BUILT | LATER_LISTENERS | {"console"}, ("listen",), faults)
    for name, table in tables.items():
        if name in BUILT:
            listener = read_table(
                ListenerConfig, table, ("listen", name), folder, faults, name=name
            )
            if listener is not None:
                yield listener


def _targets(
    document: Mapping[str, object], folder: Path, faults: ConfigFaults
) -> Iterator[TargetConfig]:
    for at, table in _tables(document, "target", faults):
        if _is_later(table):
            continue
        target = read_table(TargetConfig, table, at, folder, faults, number=int(at[1]))
        if target is None:
            continue
        if "tls" not in table and target.address.loopback:
            target = msgspec.structs.replace(target, tls=Tls.PREFER)
        yield target


def _is_later(target: Mapping[str, object]) -> bool:
    protocol = target.get("protocol")
    return isinstance(protocol, str) and protocol in LATER_PROTOCOLS


def _warn_of_later_parts(document: Mapping[str, object], faults: ConfigFaults) -> None:
    listen = document.get("listen")
    names = listen if isinstance(listen, dict) else {}
    later = [f"listen.{name}" for name in names if name in LATER_LISTENERS]
    later += [name for name in document if name in LATER_TABLES]
    for name in later:
        faults.warn(f"[{name}] belongs to a part that is not built yet and does nothing.")
    if "retention" in document:
        faults.warn("[retention] belongs to a part that is not built yet: nothing is pruned.")
    for at, table in _tables(document, "target", ConfigFaults()):
        if _is_later(table):
            faults.warn(
                f"[[target]] number {int(at[1]) + 1} has a protocol that is not built yet "
                "and does nothing."
            )
    if any(table.get("then") == "ask" for _, table in _tables(document, "rule", ConfigFaults())):
        faults.warn('A rule that asks denies for now: "approval is not available yet".')
    if not any(name in BUILT for name in names):
        faults.warn("There is no [listen.postgres], so nothing listens for PostgreSQL clients.")
