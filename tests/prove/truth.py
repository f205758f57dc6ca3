"""Statements by chance are judged, then run: what happened must have been in the verdict.

Law: the observer counts without a look at the verdict; whatever wrote, defined, granted, locked,
loosened a guard, ran a user's code, touched a file or a session without that effect is a fault.
"""

import itertools
import random
import re
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path

import msgspec
from tests.bypass.corpus import judge, opened
from tests.bypass.probed import PROBES
from tests.prove.truth_observer import SECRET, Observed, Observer
from tests.prove.truth_statements import Statements

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect
from custody.protocols.postgres.statements import catalogue

MORE = """
    CREATE TABLE users (id serial PRIMARY KEY, name text, ssn text);
    CREATE TABLE lines (id int PRIMARY KEY, a int REFERENCES orders (id) ON DELETE CASCADE);
    CREATE TABLE parts (id int, a int) PARTITION BY LIST (a);
    CREATE TABLE parts_1 PARTITION OF parts FOR VALUES IN (1);
    CREATE SCHEMA app; CREATE TABLE app.notes (id int, note text);
    INSERT INTO users (name) VALUES ('ada'); INSERT INTO lines VALUES (1, 1), (2, 2);
    INSERT INTO tagged VALUES (1, NULL, NULL, NULL);
"""
HANGING = (
    *("binary_upgrade", "pg_backup", "pg_copy_", "pg_create_", "pg_drop_", "pg_import"),
    *("pg_logical", "pg_promote", "pg_replication", "pg_rotate", "pg_sleep", "pg_start_backup"),
    *("pg_stat_reset", "pg_stop_backup", "pg_switch_wal", "pg_sync", "pg_wal_replay"),
)
"""Functions that would stop the server or the run, or change what no transaction gives back."""
_OF_THE_RUN = re.compile(
    r"(?is)\b(role|user|authid|owned)\b.*postgres"
    r"|\balter\s+(role|user)\s+(current_user|session_user|current_role|user|all)\b"
)
MANY = frozenset((Effect.EXECUTE, Effect.UNKNOWN))
WRITES = MANY | {Effect.WRITE, Effect.DEFINE}
DEFINES = MANY | {Effect.DEFINE, Effect.GRANT}
GRANTS = MANY | {Effect.GRANT}


class Fault(msgspec.Struct, frozen=True):
    messages: tuple[str, ...]
    effects: tuple[str, ...]
    what: str


class Tally(msgspec.Struct):
    tried: int = 0
    succeeded: int = 0
    seen: Counter[str] = msgspec.field(default_factory=Counter)
    """How often each thing happened."""
    faults: list[Fault] = msgspec.field(default_factory=list)


def unjudged(seen: Observed, effects: frozenset[Effect]) -> Iterator[tuple[str, bool]]:
    """Each thing that happened, and whether the verdict lacks it."""
    for what, happened, wanted in (
        ("rows", bool(seen.rows), WRITES),
        ("defined", bool(seen.defined), DEFINES),
        ("granted", bool(seen.granted), GRANTS),
        ("locked", bool(seen.locked), WRITES | {Effect.GRANT}),
        ("settings", bool(seen.settings), GRANTS),
        # Who may define makes what runs later, and a sequence is written.
        ("ran", seen.ran, WRITES),
        ("files", seen.files, MANY),
        ("others", seen.others, MANY),
        ("numbered", seen.numbered, WRITES | {Effect.GRANT}),
    ):
        if happened:
            yield what, effects.isdisjoint(wanted)


class TruthRun:
    """One database and its observer, made anew where a message committed something."""

    def __init__(self, server: ScratchPostgres, room: Path, seed: int, more: Sequence[str]) -> None:
        self._server = server
        self._room = room
        self._numbers = itertools.count()
        room.mkdir(mode=0o777)
        room.chmod(0o777)
        (room / "secret").write_text(SECRET)
        (room / "secret").chmod(0o644)
        server.execute(
            "DO $$ BEGIN CREATE ROLE reporting; EXCEPTION WHEN duplicate_object THEN END $$"
        )
        server.create_database("truth")
        server.execute(PROBES.read_text() + MORE, database="truth")
        self._known: dict[catalogue.CatalogueQuestion, catalogue.CatalogueAnswer] = {}
        self._observer = self._fresh()
        names = {str(row[0]) for row in self._observer.rows("SELECT DISTINCT proname FROM pg_proc")}
        functions = sorted(name for name in names if not name.startswith(HANGING))
        assert len(functions) > 1000
        self._statements = Statements(random.Random(seed), functions, room, more)

    def close(self) -> None:
        self._observer.close()

    def go(self, until: float, at_most: int) -> Tally:
        """Until that time, or so many."""
        tally = Tally()
        while tally.tried < at_most and time.monotonic() < until:
            self.one(self._statements.next(), tally)
        return tally

    def one(self, messages: tuple[str, ...], tally: Tally) -> None:
        # The run itself logs in as ``postgres``, by its password.
        if any("\0" in each or _OF_THE_RUN.search(each) for each in messages):
            return
        effects = self.judged(messages)
        seen = self._observer.observe(messages)
        tally.tried += 1
        tally.succeeded += not seen.errors
        for what, fault in unjudged(seen, effects):
            tally.seen[what] += 1
            # These two words give a number to a transaction that only asks for one.
            asked = what == "numbered" and any(
                "current_xact" in m or "txid_c" in m for m in messages
            )
            if fault and not asked:
                found = f"{what}: {getattr(seen, what)}"
                tally.faults.append(Fault(messages, tuple(sorted(effects)), found))
        if effects - {Effect.READ} and self._observer.spoilt:
            self._observer.close()
            self._observer = self._fresh()

    def judged(self, messages: Sequence[str]) -> frozenset[Effect]:
        effects: set[Effect] = set()
        _, view = judge("BEGIN", opened(), self._find)
        for message in messages:
            commands, view = judge(message, view, self._find)
            effects.update(*(command.effects for command in commands))
        return frozenset(effects)

    def _find(self, question: catalogue.CatalogueQuestion) -> catalogue.CatalogueAnswer:
        """Asked once: whatever a message changes is undone."""
        if question not in self._known:
            rows = [
                [None if value is None else str(value) for value in row]
                for row in self._observer.rows(catalogue.sql(question))
            ]
            self._known[question] = catalogue.read(question, rows)
        return self._known[question]

    def _fresh(self) -> Observer:
        name = f"truth_{next(self._numbers)}"
        self._server.execute(f"CREATE DATABASE {name} TEMPLATE truth")
        # Not by the session: a RESET must lead back to them.
        self._server.execute(f"ALTER DATABASE {name} SET statement_timeout = '3s'")
        self._server.execute(f"ALTER DATABASE {name} SET lock_timeout = '1s'")
        self._known.clear()
        return Observer(self._server.dsn(name), self._room, GUARDED)


GUARDED = (
    "session_replication_role", "log_statement", "track_counts", "allow_system_table_mods",
    "track_functions", "log_min_duration_statement", "zero_damaged_pages", "track_activities",
)  # fmt: skip


def files_of(folder: str) -> list[str]:
    """The statements of a folder of SQL files, as PostgreSQL's regression suite has them."""
    found: list[str] = []
    for path in sorted(Path(folder).glob("*.sql")) if folder else ():
        text = path.read_text(errors="replace")
        found += [part for part in text.split(";\n") if "\\" not in part and len(part) < 2000]
    return found
