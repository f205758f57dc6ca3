"""A real server on which probes count: what a case ran, and what it was judged to do.

Law: a case is judged by the real code with the server's own catalogue, before it runs; every case
leaves the database as it was.
"""

from pathlib import Path
from typing import Final

import msgspec
import psycopg
from psycopg.pq import ExecStatus
from tests.bypass.corpus import judge, opened

from custody.model.command import Command
from custody.model.words import Effect
from custody.protocols.postgres.statements import catalogue

_CLEAN: Final = b"ROLLBACK; DISCARD ALL; PREPARE before(text) AS SELECT $1"
_RESTORE: Final = b"""
    DROP MATERIALIZED VIEW IF EXISTS carried; DROP TABLE IF EXISTS ranged;
    ALTER TABLE orders DROP COLUMN IF EXISTS more; TRUNCATE orders;
    INSERT INTO orders VALUES (1, 'a'), (2, 'b')
"""
PROBES: Final = Path(__file__).with_name("probes.sql")


class Tried(msgspec.Struct, frozen=True):
    """What a case came to."""

    effects: frozenset[Effect]
    ran: bool
    """A probe did."""
    error: str
    """Of the last message, as the server says it; empty where all went well."""
    seen: str = ""
    """What ``look`` gave in the same session, behind the messages."""
    written: frozenset[str] = frozenset()
    """Objects of the last message."""


class ProbedServer:
    """One database of a throw-away server, with the probes in it."""

    def __init__(self, dsn: str) -> None:
        self._line = psycopg.connect(dsn, autocommit=True)
        self._watch = psycopg.connect(dsn, autocommit=True)
        self._watch.execute(PROBES.read_bytes())
        self._known: dict[catalogue.CatalogueQuestion, catalogue.CatalogueAnswer] = {}
        self._line.execute("SET client_min_messages = error")
        self._clean(restore=True)

    def close(self) -> None:
        self._line.close()
        self._watch.close()

    def known(self, question: catalogue.CatalogueQuestion) -> catalogue.CatalogueAnswer:
        """The server's answer; what the probes made does not change, so it is asked once."""
        if question not in self._known:
            found = self._watch.execute(catalogue.sql(question).encode()).fetchall()
            text = [[None if value is None else str(value) for value in row] for row in found]
            self._known[question] = catalogue.read(question, text)
        return self._known[question]

    def rows(self, query: str) -> list[tuple[object, ...]]:
        return self._watch.execute(query.encode()).fetchall()

    def judged(self, messages: tuple[str, ...]) -> frozenset[Effect]:
        """All that the messages are judged to do, one after the other in one session."""
        return frozenset(
            effect for commands in self.commands(messages) for c in commands for effect in c.effects
        )

    def commands(self, messages: tuple[str, ...]) -> list[list[Command]]:
        """The commands of each message, judged as if those before it had succeeded."""
        found = []
        _, view = judge("PREPARE before(text) AS SELECT $1", opened(), self.known)
        for message in messages:
            commands, view = judge(message, view, self.known)
            found.append(commands)
        return found

    def try_out(self, messages: tuple[str, ...], *, look: str = "") -> Tried:
        commands = self.commands(messages)
        effects = frozenset(effect for each in commands for c in each for effect in c.effects)
        written = frozenset(name for command in commands[-1] for name in command.objects)
        before = self._count()
        error = ""
        for message in messages:
            error = self._send(message)
            if error:
                break
        ran = self._count() != before
        seen = self._look(look) if look else ""
        self._clean(restore=effects != {Effect.READ})
        return Tried(effects, ran, error, seen, written)

    def _look(self, query: str) -> str:
        result = self._line.pgconn.exec_(query.encode())
        return (result.get_value(0, 0) or b"").decode()

    def plan(self, statement: str) -> str:
        """EXPLAIN VERBOSE; empty where the server refuses the statement."""
        result = self._line.pgconn.exec_(f"EXPLAIN (VERBOSE, COSTS OFF) {statement}".encode())
        rows = [result.get_value(row, 0) or b"" for row in range(result.ntuples)]
        self._line.pgconn.exec_(b"ROLLBACK")
        return b"\n".join(rows).decode()

    def _send(self, message: str) -> str:
        line = self._line.pgconn
        result = line.exec_(message.encode())
        if result.status == ExecStatus.COPY_OUT:
            while line.get_copy_data(0)[0] > 0:
                pass
            result = line.get_result() or result
            while line.get_result() is not None:
                pass
        return "" if result.status != ExecStatus.FATAL_ERROR else result.error_message.decode()

    def _count(self) -> object:
        return self._watch.execute("SELECT last_value, is_called FROM public.ran").fetchone()

    def _clean(self, *, restore: bool) -> None:
        for part in _CLEAN.split(b"; "):
            self._line.pgconn.exec_(part)
        self._line.pgconn.exec_(b"SET client_min_messages = error")
        if restore:
            self._line.pgconn.exec_(_RESTORE)
