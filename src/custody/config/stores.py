"""Reads the tables of stores of secrets: ``[vault]``, ``[vault.NAME]`` and their like.

Law: a table with keys is the store that references without a name mean; a table inside it is the
store that ``SCHEME+NAME:`` means. What a table says is checked before anything listens.
"""

from collections.abc import Iterable, Iterator, Mapping

from custody.config.document import ConfigDocument
from custody.config.faults import ConfigFaults, KeyPath
from custody.config.tables import TargetConfig
from custody.vault import KIND_OF_SCHEME, KIND_OF_TABLE, StoreSettings


def read_stores(document: ConfigDocument) -> Mapping[str, StoreSettings]:
    """By the key that references name them with: ``vault``, ``vault+eu``, ``k8s`` …"""
    stores: dict[str, StoreSettings] = {}
    for key, at, table in _written(document):
        kind = KIND_OF_TABLE[str(at[0])]
        settings = document.read(kind.settings, table, at, name=key)
        if settings is None:
            continue
        lacking = list(settings.faults())
        for error in lacking:
            document.faults.add(error.code, at, error.fault, error.cure)
        if not lacking:
            stores[key] = settings
    return stores


def _written(document: ConfigDocument) -> Iterator[tuple[str, KeyPath, Mapping[str, object]]]:
    """Each store's key, the place of its table, and the table."""
    for name, kind in KIND_OF_TABLE.items():
        table = document.written.get(name)
        if table is None:
            continue
        if not isinstance(table, dict):
            document.faults.add(
                "config.type", (name,), "It must be a table.", f"Write [{name}] above its keys."
            )
            continue
        named = {key: inner for key, inner in table.items() if isinstance(inner, dict)}
        own = {key: value for key, value in table.items() if key not in named}
        if own or not named:
            yield kind.scheme, (name,), own
        for key, inner in named.items():
            yield f"{kind.scheme}+{key}", (name, key), inner


def check_references(
    targets: Iterable[TargetConfig], stores: Mapping[str, StoreSettings], faults: ConfigFaults
) -> None:
    """A reference's store must be configured, unless the machine itself says all about it."""
    for target in targets:
        for key, reference in target.credentials():
            kind = KIND_OF_SCHEME[reference.scheme]
            configured = reference.key in stores
            if not configured and (reference.store or kind.unconfigured is None):
                faults.add(
                    "config.store",
                    ("target", target.number, key),
                    f"It refers to `{reference.key}:`, and there is no such store here.",
                    f"Add [{kind.table}{'.' if reference.store else ''}{reference.store}].",
                )
