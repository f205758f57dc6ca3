"""The TOML document, one table after another.

Law: a table is read by the struct that a room declares for it; what is no table is a fault.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.read_table import read_table

T = TypeVar("T", bound=msgspec.Struct)


class ConfigDocument:
    """``written`` is what TOML gave; relative paths start from ``folder``."""

    def __init__(self, written: Mapping[str, object], folder: Path, faults: ConfigFaults) -> None:
        self.written: Final = written
        self.faults: Final = faults
        self._folder: Final = folder

    def read(self, kind: type[T], table: object, at: KeyPath, **given: object) -> T | None:
        """As ``read_table``."""
        return read_table(kind, table, at, self._folder, self.faults, **given)

    def one(self, kind: type[T], key: str) -> T | None:
        """``[key]``; where it is absent, with no key in it."""
        return self.read(kind, self.written.get(key, {}), (key,))

    def each(self, kind: type[T], key: str) -> list[tuple[KeyPath, T]]:
        """``[[key]]``, each that could be read, with its place."""
        found = [(at, self.read(kind, table, at)) for at, table in self.entries(key)]
        return [(at, one) for at, one in found if one is not None]

    def entries(self, key: str) -> Iterator[tuple[KeyPath, dict[str, object]]]:
        """The entries of ``[[key]]`` as they are written."""
        value = self.written.get(key, [])
        if not isinstance(value, list):
            self.faults.add(
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
                self.faults.add(
                    "config.type", (key, number), "It must be a table.", f"Write [[{key}]]."
                )
