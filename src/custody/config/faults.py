"""Faults of a configuration: all of them at once, each with its place and its cure.

Law: a fault names a key by its path and never shows a value.
"""

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import msgspec

from custody.model.errors import CustodyError

_BARE: Final = re.compile("[A-Za-z0-9_-]{1,60}")
PathStep = str | int
KeyPath = tuple[PathStep, ...]
"""The way to a key: ``("target", 0, "tls")``."""


def dotted_path(at: KeyPath) -> str:
    """``target[0].tls``; names that are no bare keys are quoted."""
    words = ""
    for step in at:
        if isinstance(step, int):
            words += f"[{step}]"
        else:
            key = step if _BARE.fullmatch(step) else repr(step[:60])
            words += f".{key}" if words else key
    return words


class ConfigFault(msgspec.Struct, frozen=True):
    code: str
    at: KeyPath
    fault: str
    cure: str = ""
    line: int = 0
    """Counted from 1; 0 where it is not known."""


class ConfigError(CustodyError):
    """One or more faults; ``code`` is the first one's."""

    def __init__(self, path: Path, faults: Sequence[ConfigFault]) -> None:
        self.path: Final = path
        self.faults: Final = tuple(faults)
        super().__init__(self.faults[0].code, "\n".join(self.line(fault) for fault in self.faults))

    def line(self, fault: ConfigFault) -> str:
        """``custody.toml:12: target[0].tls: fault cure``."""
        place = f"{self.path}:{fault.line}" if fault.line else str(self.path)
        key = f" {dotted_path(fault.at)}:" if fault.at else ""
        return f"{place}:{key} {fault.fault} {fault.cure}".rstrip()


class ConfigFaults:
    """Collects faults while a configuration is read; at most ``MOST`` of them."""

    MOST: Final = 100

    def __init__(self) -> None:
        self.found: Final[list[ConfigFault]] = []
        self.warnings: Final[list[str]] = []

    def add(self, code: str, at: KeyPath, fault: str, cure: str = "") -> None:
        if len(self.found) < self.MOST:
            self.found.append(ConfigFault(code, at, fault, cure))

    def warn(self, sentence: str) -> None:
        if len(self.warnings) < self.MOST:
            self.warnings.append(sentence)
