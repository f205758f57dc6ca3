"""``verify``: the order in which an evidence directory is examined.

Law: anchor before checkpoint before records, so that what a running gateway adds meanwhile is only
ever more, never a contradiction. Each year's log in turn; sessions carry over from one to the next.
"""

import re
import time
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from custody.evidence.tlog.checkpoint import Checkpoint
from custody.evidence.tlog.merkle import EMPTY_ROOT
from custody.evidence.tlog.note import VerifierKey
from custody.evidence.tlog.policy import TlogPolicy
from custody.evidence.verifier.clean_runs import SegmentExaminer
from custody.evidence.verifier.contents import ContentsCheck, DayKeyOpener, open_days
from custody.evidence.verifier.entries import Entries
from custody.evidence.verifier.escrow_check import EscrowCheck
from custody.evidence.verifier.file_access import names
from custody.evidence.verifier.published_tree import PublishedTree
from custody.evidence.verifier.records import RecordsCheck
from custody.evidence.verifier.report import (
    FaultKind,
    Findings,
    LogSummary,
    PayloadState,
    Report,
    VerifyFault,
    counted,
)
from custody.evidence.verifier.sessions import Links, SessionsCheck
from custody.evidence.verifier.survey import Survey
from custody.evidence.verifier.tree import TreeCheck
from custody.evidence.verifier.trust import Trusted, anchored, bundled_keys, trust
from custody.evidence.verifier.walk import YearWalk
from custody.evidence.verifier.worker_pool import map_in_order
from custody.model.errors import CustodyError

Progress = Callable[[str, int, int], None]
"""``progress(what, done, total)``: ``what`` is ``tree`` or ``records`` and the log's origin."""

_LOOKS: Final = 8
_YEAR: Final = re.compile(r"[0-9]{4}", re.ASCII)
_ORIGIN: Final = re.compile(r"[!-~]+/[0-9]{4}", re.ASCII)


@dataclass(frozen=True, slots=True)
class VerifyOptions:
    """What a verifier brings along. Without ``policy`` nobody vouches for the key; without
    ``anchor`` an older copy of everything passes; without ``open_day`` contents stay sealed.
    """

    policy: TlogPolicy | None = None
    anchor: Path | None = None
    open_day: DayKeyOpener | None = None
    progress: Progress | None = None
    processes: int = 1
    """How many may read at once, where there is enough to read; with more than one, the program's
    main module must be one that can be imported without doing anything (``multiprocessing``).
    """
    pause: Callable[[], None] = field(default=lambda: time.sleep(0.25))
    """Waits before another look at a checkpoint that a running gateway is about to replace."""
    voucher: str = "your policy"
    """Whose word ``policy`` is, for the verdict."""


def verify(directory: Path, options: VerifyOptions | None = None) -> Report:
    """Examine a data or evidence directory. Raises ``CustodyError`` where there is no evidence."""
    return _Verification(find_evidence(directory), options or VerifyOptions()).run()


def find_evidence(directory: Path) -> Path:
    """The evidence directory that ``directory`` is or holds."""
    for candidate in (directory / "evidence", directory):
        if (candidate / "log").is_dir() or (candidate / "segments").is_dir():
            return candidate
    raise CustodyError(
        "verify.no-evidence",
        f"There is no evidence in {directory}.",
        "Name a gateway's data directory, or the evidence directory inside it.",
    )


class _Verification:
    def __init__(self, evidence: Path, options: VerifyOptions) -> None:
        self._evidence = evidence
        self._options = options
        self._findings = Findings()
        self._escrow = EscrowCheck(evidence)
        self._anchors: Mapping[str, Checkpoint] = {}
        self._bundled_keys: tuple[VerifierKey, ...] = ()
        self._carried: Links | None = None
        self._last: Checkpoint | None = None

    def run(self) -> Report:
        Survey(self._evidence, self._findings).run()
        self._anchors = anchored(self._options.anchor, self._findings)
        self._bundled_keys = bundled_keys(self._evidence, self._findings)
        years = self._years()
        name = self._name(years)
        logs = tuple(self._log(f"{name}/{year}", last=year == years[-1]) for year in years)
        for origin, anchor in self._anchors.items():
            if anchor.size and origin not in {log.origin for log in logs}:
                sentence = f"{origin} was signed with {anchor.size} records and is gone."
                self._add(FaultKind.ANCHOR_ROLLED_BACK, origin, sentence)
        if not logs:
            self._add(FaultKind.NOTHING, "", "There is no log here, so nothing is proved.")
        self._summarise(logs)
        self._escrow.summarise(self._findings)
        policy = self._options.policy
        return self._findings.report(logs, self._options.voucher if policy else "")

    def _years(self) -> list[str]:
        logs = names(self._evidence / "log")
        days = {day[:4] for day in names(self._evidence / "segments")}
        # A day's folder may be made before its year has any record.
        begun = {year for year in days - logs if any(True for _ in YearWalk(self._evidence, year))}
        return sorted(year for year in logs | begun if _YEAR.fullmatch(year))

    def _name(self, years: list[str]) -> str:
        """The gateway's name: from the keys beside the log, the policy, the anchor, or else from
        what the checkpoints call themselves.
        """
        keys = [
            *self._bundled_keys,
            *(self._options.policy.log_keys if self._options.policy else ()),
        ]
        origins = [key.name for key in keys] or list(self._anchors)
        for year in years:
            data = PublishedTree(self._evidence / "log" / year).checkpoint() or b""
            origins.append(data.partition(b"\n")[0].decode("utf-8", "replace"))
        named = [origin for origin in origins if _ORIGIN.fullmatch(origin)]
        return named[0].rpartition("/")[0] if named else "unknown"

    def _log(self, origin: str, *, last: bool) -> LogSummary:
        year = origin.rpartition("/")[2]
        published = PublishedTree(self._evidence / "log" / year)
        anchor = self._anchors.get(origin, Checkpoint(origin, 0, EMPTY_ROOT))
        trusted = self._trusted(published, origin)
        processes = self._options.processes
        tree = TreeCheck(published, trusted.checkpoint, self._findings, processes)
        tree.run(lambda done: self._progress(f"tree {origin}", done, trusted.checkpoint.size))
        records = RecordsCheck(
            origin,
            YearWalk(self._evidence, year),
            Entries(published, tree.extent),
            (trusted.checkpoint, anchor),
            SessionsCheck(origin, self._findings, self._carried),
            ContentsCheck(
                self._evidence, origin, self._findings, self._options.open_day, self._escrow
            ),
            self._findings,
        )
        examiner = self._examiner(origin, records)
        with closing(map_in_order(examiner.examine, records.walk.names, processes)) as scans:
            records.run(
                scans,
                lambda done: self._progress(f"records {origin}", done, trusted.checkpoint.size),
            )
        self._check_anchor(published, trusted, anchor, records)
        if last:
            self._miss_anchor(trusted)
        self._check_end(trusted, records, last=last)
        self._check_year(records)
        self._carried, self._last = records.sessions.open, trusted.checkpoint
        return _summary(trusted, records)

    def _examiner(self, origin: str, records: RecordsCheck) -> SegmentExaminer:
        secrets = None
        if (open_day := self._options.open_day) is not None:
            days = sorted({name[:10] for name in records.walk.names})
            secrets = open_days(self._evidence, days, open_day)
        cuts = tuple(checkpoint.size for checkpoint in records.vouched)
        return SegmentExaminer(self._evidence, origin, records.entries.extent, cuts, secrets)

    def _trusted(self, published: PublishedTree, origin: str) -> Trusted:
        data = published.checkpoint()
        return trust(data, origin, self._bundled_keys, self._options.policy, self._findings)

    def _check_anchor(
        self, published: PublishedTree, trusted: Trusted, anchor: Checkpoint, records: RecordsCheck
    ) -> None:
        if not anchor.size:
            return
        origin, found = trusted.origin, records.roots.get(anchor.size)
        if records.tree.size < anchor.size:
            self._add(
                FaultKind.ANCHOR_ROLLED_BACK,
                origin,
                f"{anchor.size} records were signed, {records.tree.size} are here: this is an "
                "older copy, or its end was cut off.",
            )
        elif found != anchor.root:
            self._add(
                FaultKind.ANCHOR_FORK,
                origin,
                f"The first {anchor.size} records are not the ones that were signed.",
            )
        elif trusted.signed is not None and not self._shows(published, trusted, anchor.size):
            self._add(
                FaultKind.CHECKPOINT_STALE,
                origin,
                f"The checkpoint shows {trusted.checkpoint.size} records, but one of "
                f"{anchor.size} was signed.",
            )

    def _miss_anchor(self, trusted: Trusted) -> None:
        """Whoever looks for an older copy looks for its anchor, which exists before a signature;
        that of the newest log: each year's begins with the end of the one before.
        """
        known = trusted.signed is None or trusted.origin in self._anchors
        if self._options.anchor is None or known:
            return
        self._add(
            FaultKind.ANCHOR_MISSING,
            trusted.origin,
            f"The anchor that was named knows nothing of {trusted.origin}, which was signed with "
            f"{counted(trusted.checkpoint.size, 'record')}: it is lost, another log's, or was "
            "restored, so an older copy of the log would not be noticed.",
        )

    def _shows(self, published: PublishedTree, trusted: Trusted, size: int) -> bool:
        """Whether a checkpoint of that size is shown: at once, or by a running gateway soon."""
        for _ in range(_LOOKS):
            if trusted.signed is not None and trusted.checkpoint.size >= size:
                return True
            self._options.pause()
            policy = self._options.policy
            trusted = trust(
                published.checkpoint(), trusted.origin, self._bundled_keys, policy, Findings()
            )
        return False

    def _check_end(self, trusted: Trusted, records: RecordsCheck, *, last: bool) -> None:
        unsigned = records.tree.size - trusted.checkpoint.size
        if trusted.signed is None or unsigned <= 0:
            return
        if records.sessions.closed or not last:
            self._add(
                FaultKind.UNSIGNED_AFTER_CLOSE,
                trusted.origin,
                f"The log was closed, yet {counted(unsigned, 'record')} at its end "
                "stand behind the checkpoint.",
            )

    def _check_year(self, records: RecordsCheck) -> None:
        """A year begins with the final checkpoint of the one before, where that is here."""
        previous = str(records.first.facts.get("previous", "")) if records.first else ""
        if self._last is None or records.first is None:
            if previous:
                self._findings.not_proved.append(
                    f"{records.origin}: the log of the year before is not here"
                )
            return
        if not previous.startswith(self._last.body):
            sentence = f"{records.origin} does not begin with the end of {self._last.origin}."
            self._add(FaultKind.YEAR_LINK, records.origin, sentence)

    def _progress(self, what: str, done: int, total: int) -> None:
        if self._options.progress is not None:
            self._options.progress(what, done, max(done, total))

    def _add(self, kind: FaultKind, origin: str, sentence: str) -> None:
        self._findings.add(VerifyFault(kind, sentence, origin))

    def _summarise(self, logs: tuple[LogSummary, ...]) -> None:
        proved, open_ends = self._findings.proved, self._findings.not_proved
        for log in logs:
            _summarise_log(log, proved, open_ends)
        payloads = self._findings.payloads
        opened, unbound = self._findings.opened, self._findings.unbound
        if opened:
            proved.append(f"{counted(opened, 'content')} opened and compared")
        sealed = payloads[PayloadState.OK] - opened - unbound
        if sealed > 0:
            what = counted(sealed, "content")
            open_ends.append(
                f"{what}: sealed bytes and keys unaltered; not opened for want of keys"
            )
        if unbound:
            open_ends.append(
                f"{counted(unbound, 'content')} of format 1: sealed bytes unaltered; not opened, "
                "and format 1 does not bind the random bytes and key lines that opening needs, so "
                "they may have been made unreadable"
            )
        if payloads[PayloadState.PRUNED]:
            open_ends.append(f"{counted(payloads[PayloadState.PRUNED], 'content')} pruned")
        if self._options.anchor is None:
            open_ends.append("no anchor was given: an older copy of everything would pass")


def _summary(trusted: Trusted, records: RecordsCheck) -> LogSummary:
    signed = trusted.signed
    return LogSummary(
        origin=trusted.origin,
        records=records.tree.size,
        signed=trusted.checkpoint.size,
        root=trusted.checkpoint.root.hex() if signed else "",
        signer=signed.signer.text if signed else "",
        vouched=trusted.vouched,
        witnesses=trusted.witnesses,
        durability=records.durability,
        closed=records.sessions.closed,
        torn_tails=records.torn_tails,
        torn_bytes=records.torn_bytes,
        unread_tail=records.unread_tail,
        given_up=tuple(records.given_up),
        sessions=records.sessions.started,
        open_sessions=len(records.sessions.open),
        heartbeats=records.sessions.heartbeats,
    )


def _summarise_log(log: LogSummary, proved: list[str], open_ends: list[str]) -> None:
    where = f"{log.origin}: "
    if log.signer:
        proved.append(f"{where}{counted(log.signed, 'record')} signed by {log.signer}")
        if not log.vouched:
            open_ends.append(f"{where}nobody vouched for this key")
    proved.append(
        f"{where}{counted(log.sessions, 'session')} without a hole, "
        f"{counted(log.heartbeats, 'heartbeat')} recomputed"
    )
    if log.witnesses:
        proved.append(f"{where}witnessed by {', '.join(log.witnesses)}")
    else:
        open_ends.append(f"{where}no witness")
    if log.records > log.signed:
        open_ends.append(f"{where}{log.records - log.signed} not yet signed")
    if log.open_sessions:
        open_ends.append(f"{where}{counted(log.open_sessions, 'session')} still open")
    if log.torn_tails:
        proved.append(
            f"{where}{counted(log.torn_tails, 'torn tail')} recovered ({log.torn_bytes} bytes)"
        )
    for each in log.given_up:
        lost = f"{counted(each.lost, 'signed record')}" if each.known else "nobody knows how many"
        open_ends.append(
            f"{where}records were given up before record {each.index}: {lost}. An operator "
            "accepted a new anchor"
        )
    if log.unread_tail:
        open_ends.append(f"{where}{log.unread_tail} bytes behind the last record are no record")
    if log.durability == "disk":
        open_ends.append(
            f"{where}durability is disk: whoever takes over the host can cut off the unsigned end"
        )
