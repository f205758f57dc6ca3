"""Turns one TOML table into one of the config's structs.

Law: every key is either read by its own reader or refused with the nearest known key; nothing is
ignored, and one fault does not hide the next.
"""

from collections.abc import Collection, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Any, TypeVar, get_type_hints

import msgspec

from custody.config.faults import ConfigFaults, KeyPath
from custody.model.config.config_key import ConfigKey, FilePath, UnfitValueError
from custody.model.errors import CustodyError
from custody.model.secret import ReferenceText
from custody.vault import written_reference

T = TypeVar("T", bound=msgspec.Struct)


class ConfigField(msgspec.Struct, frozen=True):
    name: str
    """The struct's field."""
    key: str
    """What the operator writes: a field in milliseconds is written without its unit."""
    how: ConfigKey
    required: bool
    default: object


@cache
def fields_of(kind: type[msgspec.Struct]) -> tuple[ConfigField, ...]:
    """The keys of a table, as the documents list them."""
    hints = get_type_hints(kind, include_extras=True)
    declared = [
        ConfigField(
            field.name,
            field.encode_name.removesuffix("_ms"),
            note,
            required=field.required,
            default=field.default,
        )
        for field in msgspec.structs.fields(kind)
        for note in getattr(hints[field.name], "__metadata__", ())
        if isinstance(note, ConfigKey)
    ]
    ordered = [field for field in declared if not field.how.after]
    for field in declared:
        if field.how.after:
            names = [each.name for each in ordered]
            ordered.insert(names.index(field.how.after) + 1, field)
    return tuple(ordered)


def keys_of(kind: type[msgspec.Struct]) -> frozenset[str]:
    return frozenset(field.key for field in fields_of(kind))


def read_table(
    kind: type[T], table: object, at: KeyPath, folder: Path, faults: ConfigFaults, **given: object
) -> T | None:
    """The struct, or ``None`` where ``faults`` now says why not. Paths become absolute. ``given``
    are fields that are no keys, and what holds where a key is absent.
    """
    if not isinstance(table, dict):
        faults.add("config.type", at, "It must be a table.", "Write a [table] with its keys below.")
        return None
    before = len(faults.found)
    refuse_unknown(table, keys_of(kind), at, faults)
    found = read_keys(kind, table, at, folder, faults, **given)
    return found if len(faults.found) == before else None


def read_keys(
    kind: type[T],
    table: Mapping[str, object],
    at: KeyPath,
    folder: Path,
    faults: ConfigFaults,
    **given: object,
) -> T | None:
    """As ``read_table``, of a table that has keys of others too: those are left to them."""
    before = len(faults.found)
    known = {field.key: field for field in fields_of(kind)}
    values: dict[str, Any] = dict(given)
    for key, field in known.items():
        if key in table:
            try:
                values[field.name] = _final(field.how.read(table[key]), folder)
            except UnfitValueError as unfit:
                faults.add(unfit.code, (*at, key), unfit.wanted)
        elif field.name in given:
            continue
        elif field.required:
            faults.add("config.missing-key", at, f"The key `{key}` is missing.", field.how.says)
        elif field.default is not msgspec.NODEFAULT:
            # What has a factory (an empty table) the struct makes for itself.
            values[field.name] = _final(field.default, folder)
    if len(faults.found) > before:
        return None
    try:
        return kind(**values)
    except CustodyError as error:  # what the room says of its keys together
        faults.add(error.code, at, error.fault, error.cure)
        return None


def _final(value: object, folder: Path) -> object:
    match value:
        case FilePath() | Path():
            return folder / value
        case ReferenceText():
            return written_reference(value.reveal())
        case _:
            return value


def refuse_unknown(
    table: Mapping[str, object], known: Collection[str], at: KeyPath, faults: ConfigFaults
) -> None:
    for key in table:
        if key not in known:
            near = get_close_matches(key, known, 1)
            faults.add(
                "config.unknown-key",
                (*at, key),
                "This key is not known.",
                f"Did you mean `{near[0]}`?"
                if near
                else f"Known here: {', '.join(sorted(known))}.",
            )
