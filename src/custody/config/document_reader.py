"""Reads the document's tables into the configuration.

Law: every table that ``Config`` declares is read; one of a part that is not built yet is accepted
with a warning and does nothing; any other is refused.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from custody import protocols
from custody.config.config_table import tables_of
from custody.config.document import ConfigDocument
from custody.config.faults import ConfigFaults, KeyPath
from custody.config.later_parts import later_protocols, later_tables
from custody.config.login_checks import check_logins, check_metrics
from custody.config.masks import check_masks
from custody.config.protocol_tables import (
    WrittenTable,
    read_console,
    read_listeners,
    read_metrics,
    read_targets,
)
from custody.config.read_table import refuse_unknown
from custody.config.stores import check_references, read_stores
from custody.config.tables import Config
from custody.model.words import Decision
from custody.policy import Rule
from custody.vault import KIND_OF_TABLE

_TABLES: Final = frozenset(each.table.key for each in tables_of(Config)) | KIND_OF_TABLE.keys()


def read_sections(
    written: Mapping[str, object], path: Path, faults: ConfigFaults, *, masks_checked: bool
) -> Config | None:
    """``None`` where ``faults`` says why not."""
    document = ConfigDocument(written, path.parent, faults)
    present = {key: value for key, value in written.items() if key not in later_tables()}
    refuse_unknown(present, _TABLES, (), faults)
    single, placed = _plain_tables(document)
    console = read_console(document)
    metrics = read_metrics(document)
    listeners = tuple(read_listeners(document))
    targets, later_targets = read_targets(document)
    if masks_checked:
        check_masks(placed["masks"], faults)
    if metrics is not None:
        check_metrics(metrics, faults)
    check_logins(document, console, placed["oidc"], placed["workload"], placed["saml"])
    stores = read_stores(document)
    check_references(targets, stores, faults)
    _warn_of_later_parts(written, later_targets, [rule for _, rule in placed["rules"]], faults)
    if faults.found:
        return None
    plain: dict[str, Any] = {
        **single,
        **{field: tuple(one for _, one in found) for field, found in placed.items()},
    }
    return Config(
        path=path,
        listeners=listeners,
        console=console,
        metrics=metrics,
        targets=targets,
        later_targets=tuple(str(table.get("name")) for _, table in later_targets),
        stores=stores,
        warnings=tuple(faults.warnings),
        **plain,
    )


def _plain_tables(
    document: ConfigDocument,
) -> tuple[dict[str, Any], dict[str, Sequence[tuple[KeyPath, Any]]]]:
    """By the fields of ``Config``: what stands in tables of one entry, and of many, with places."""
    single: dict[str, Any] = {}
    placed: dict[str, Sequence[tuple[KeyPath, Any]]] = {}
    for each in tables_of(Config):
        if each.table.apart:
            continue
        if each.many:
            placed[each.field] = document.each(
                each.kind, each.table.key, numbered=each.table.numbered
            )
        else:
            single[each.field] = document.one(each.kind, each.table.key)
    return single, placed


def _warn_of_later_parts(
    written: Mapping[str, object],
    targets: Iterable[WrittenTable],
    rules: Iterable[Rule],
    faults: ConfigFaults,
) -> None:
    listen = written.get("listen")
    names = listen if isinstance(listen, dict) else {}
    later = [f"listen.{name}" for name in names if name in later_protocols()]
    later += [name for name in written if name in later_tables()]
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
