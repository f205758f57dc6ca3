"""Escrow lines: that they are the ones that leaves commit to, and who may open a day with them.

Law: a line that was altered, taken out or put before others is found without any key. That a line
opens, only its recipient can find out. Nothing is called unreadable for ever where a line stands
that may open it.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Final

from custody.evidence.disk.escrow_file import (
    MAX_ESCROW_BYTES,
    EscrowDay,
    escrow_header,
    escrow_path,
    parse_escrow,
)
from custody.evidence.verifier.file_access import names, read_bytes
from custody.evidence.verifier.report import EscrowAccess, Findings, counted, printable

_DAY: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", re.ASCII)


@dataclass(slots=True)
class EscrowCheck:
    """One evidence directory's."""

    evidence: Path
    committed: dict[str, int] = field(default_factory=dict)
    """By day: how many of its lines leaves commit to."""
    _day: EscrowDay | None = None
    _prefixes: tuple[str, ...] = ()
    """The commitment to each number of lines, from 1."""

    def fault(self, day: str, commitment: str) -> str:
        """What is wrong with the lines that a leaf commits to; empty for nothing."""
        if self._find(day, commitment):
            return ""
        self._read(day)  # a running gateway writes it before the leaf
        found = self._find(day, commitment)
        if found:
            return ""
        escrow = self._day
        if escrow is None or not escrow.hashes:
            return "has none of the lines that a record commits to"
        unread = f"; {counted(escrow.damaged, 'line')} cannot be read" if escrow.damaged else ""
        return f"was altered, or lines were taken out{unread}"

    def learn(self, day: str, commitment: str) -> None:
        """A leaf commits to these lines, which have no fault."""
        found = self._find(day, commitment)
        if found:
            self.committed[day] = max(self.committed.get(day, 0), found)

    def may_open(self, day: str) -> bool:
        """Whether a line stands here with which somebody may open the day's key."""
        return any(line.sealed for line in self.read(day).lines)

    def read(self, day: str) -> EscrowDay:
        data = read_bytes(escrow_path(self.evidence, day), MAX_ESCROW_BYTES)
        return parse_escrow(escrow_header(day) if data is None else data, day)

    def summarise(self, findings: Findings) -> None:
        """Say of all days who may open them, and what that rests on."""
        last = max(self.committed, default="")
        access: dict[tuple[str, str, bool], EscrowAccess] = {}
        loose = 0
        for day in sorted(filter(_DAY.fullmatch, names(self.evidence / "escrow"))):
            if last and day > last:
                continue  # prepared ahead of its first record
            escrow = self.read(day)
            loose += len(escrow.hashes) > self.committed.get(day, 0)
            for place, sealed in _by_recipient(escrow).items():
                known = access.get(place) or EscrowAccess(*place, days=0, left_out=0)
                access[place] = known.with_day(left_out=not sealed)
        findings.escrow.extend(access.values())
        for each in access.values():
            _say(each, findings)
        if loose:
            findings.not_proved.append(
                f"escrow lines of {counted(loose, 'day')} that no record commits to: left by a "
                "crash, or put there by somebody"
            )

    def _find(self, day: str, commitment: str) -> int:
        """How many lines the commitment is to; 0 where it is to others."""
        if self._day is None or self._day.day != day:
            self._read(day)
        if commitment in self._prefixes:
            return self._prefixes.index(commitment) + 1
        return 0

    def _read(self, day: str) -> None:
        escrow = self._day = self.read(day)
        digest, prefixes = sha256(), []
        for each in escrow.hashes if escrow.header else ():
            digest.update(f"{each}\n".encode())
            prefixes.append(digest.copy().hexdigest())
        self._prefixes = tuple(prefixes)


def _by_recipient(escrow: EscrowDay) -> Mapping[tuple[str, str, bool], bool]:
    """By recipient, key and term: whether any line of theirs is whole here."""
    found: dict[tuple[str, str, bool], bool] = {}
    for line in escrow.lines:
        place = (line.recipient, line.key, line.lasting)
        found[place] = found.get(place, False) or bool(line.sealed)
    return found


def _say(access: EscrowAccess, findings: Findings) -> None:
    who = f"{printable(access.recipient)} ({printable(access.key)})"
    term = "also when retention is over" if access.lasting else "until retention is over"
    if access.days:
        findings.not_proved.append(
            f"whether only the gateway can open contents: {who} may open those of "
            f"{counted(access.days, 'day')} by escrow, {term}"
        )
    if access.left_out:
        findings.not_proved.append(
            f"the escrow lines of {who} for {counted(access.left_out, 'day')} were left out of "
            "this copy; in a gateway's own directory, somebody took them out"
        )
