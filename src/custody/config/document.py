"""The TOML document, one table after another.

Law: a table is read by the struct that a room declares for it; what is no table is a fault.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final, TypeVar

import msgspec

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.read_table import keys_of, read_keys, read_table, refuse_unknown

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

    def read_with_own(
        self,
        kind: type[T],
        own: type[msgspec.Struct],
        table: object,
        at: KeyPath,
        *,
        lacks: frozenset[str],
        **given: object,
    ) -> T | None:
        """As ``read``, of a table whose protocol adds the keys of ``own`` and ``lacks`` some that
        are shared. What stands in its own keys is the struct's field ``own``.
        """
        if not isinstance(table, dict):
            return self.read(kind, table, at)
        faults, before = self.faults, len(self.faults.found)
        refuse_unknown(table, keys_of(kind) - lacks | keys_of(own), at, faults)
        settings = read_keys(own, table, at, self._folder, faults)
        found = read_keys(kind, table, at, self._folder, faults, own=settings, **given)
        return found if len(faults.found) == before else None

    def one(self, kind: type[T], key: str) -> T | None:
        """``[key]``; where it is absent, with no key in it."""
        return self.read(kind, self.written.get(key, {}), (key,))

    def each(self, kind: type[T], key: str, *, numbered: bool = False) -> list[tuple[KeyPath, T]]:
        """``[[key]]``, each that could be read, with its place. ``numbered``: one without a name is
        called by its number.
        """
        found: list[tuple[KeyPath, T]] = []
        for at, table in self.entries(key):
            given = {"name": f"{key} {int(at[1]) + 1}"} if numbered else {}
            if (one := self.read(kind, table, at, **given)) is not None:
                found.append((at, one))
        return found

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
