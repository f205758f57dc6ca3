"""The stage for a fixed script of statements: a gateway, its clients, and a note of what they saw.

Law: one session at a time, and the next begins when the end of the last is in the evidence, so that
the order of records is the script's. All that a client was told is noted, in the order it came.
"""

import base64
import contextlib
import json
import time
from collections.abc import Iterator, Sequence
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.abc import Params
from psycopg.pq.abc import PGresult
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

SETTLE_SECONDS: Final = 30.0
TOKEN_KEY: Final = base64.b64encode(bytes(range(32))).decode()
"""The stage's own, so that a masked value has the same token each time."""
LONGEST: Final = 300
_SOURCE: Final = frozenset({"SOURCE_FILE", "SOURCE_LINE", "SOURCE_FUNCTION"})


class Told:
    """What clients were told, line by line."""

    def __init__(self) -> None:
        self.lines: Final[list[str]] = []

    def __call__(self, words: str, *values: object) -> None:
        self.lines.append(" ".join((words, *(shown(value) for value in values))))


def short(values: Params) -> list[object]:
    """What a client sent, long texts cut: what became of them is in the evidence."""
    return [value[:LONGEST] if isinstance(value, str) else value for value in values]


def shown(value: object) -> str:
    """On one line, readable."""
    return json.dumps(value, ensure_ascii=False, default=_plain)


def _plain(value: object) -> object:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("utf-8", "backslashreplace")
    return repr(value)


class Client:
    """An unchanged psycopg, whose every answer is noted."""

    def __init__(self, connection: psycopg.Connection[Any], told: Told) -> None:
        self.connection: Final = connection
        self.told: Final = told
        connection.add_notice_handler(lambda notice: told("  notice", fields(notice)))
        connection.add_notify_handler(
            lambda notify: told("  notification", notify.channel, notify.payload)
        )

    def run(
        self,
        text: str,
        values: Params | None = None,
        *,
        binary: bool = False,
        prepare: bool | None = None,
    ) -> None:
        """Without values it is a simple query, with values (or prepared) an extended one."""
        self.told(">", *(text[:LONGEST],) if values is None else (text[:LONGEST], short(values)))
        try:
            cursor = self.connection.execute(text.encode(), values, binary=binary, prepare=prepare)
        except psycopg.Error as error:
            self.failed(error)
        else:
            self.note(cursor)

    def note(self, cursor: psycopg.Cursor[Any]) -> None:
        """Every result of one exchange."""
        while True:
            if cursor.pgresult is not None:
                self.told("  " + result(cursor.pgresult))
            if not cursor.nextset():
                return

    def failed(self, error: psycopg.Error) -> None:
        """Field by field; where it came from the driver alone, in its own words."""
        self.told("  failed", fields(error.diag) or str(error))

    def runs(self, texts: Sequence[str]) -> None:
        for text in texts:
            self.run(text)


def fields(said: psycopg.errors.Diagnostic) -> dict[str, str]:
    """An error's or a notice's fields; of the server's own source only that it names a place."""
    named = {field.name: getattr(said, field.name.lower()) for field in pq.DiagnosticField}
    given = {name: value for name, value in named.items() if value is not None}
    return {name: "<source>" if name in _SOURCE else value for name, value in given.items()}


def result(found: PGresult) -> str:
    """Its status, its tag and its rows as they came, in text or in hexadecimal."""
    status = pq.ExecStatus(found.status).name
    tag = (found.command_status or b"").decode()
    if found.status == pq.ExecStatus.FATAL_ERROR:
        said = psycopg.errors.Diagnostic(found)
        return f"{status} {shown(fields(said))}"
    if not found.nfields:
        return f"{status} {tag}".rstrip()
    columns = [(found.fname(column) or b"").decode() for column in range(found.nfields)]
    rows = [
        [_cell(found, row, column) for column in range(found.nfields)]
        for row in range(found.ntuples)
    ]
    return f"{status} {tag} {shown(columns)} {shown(rows)}"


def _cell(found: PGresult, row: int, column: int) -> str | None:
    value = found.get_value(row, column)
    if value is None:
        return None
    return value.hex() if found.fformat(column) else value.decode()


class Stage:
    """A gateway that was started with a token key of the stage's own."""

    def __init__(self, gateway: RunningGateway, server: ScratchPostgres, database: str) -> None:
        self.gateway: Final = gateway
        self.server: Final = server
        self.database: Final = database
        self.told: Final = Told()

    def ticket(self, subject: str, group: str, *more: str) -> tuple[str, str, str]:
        """The secret, and the ids of ticket and loop."""
        words = (
            "ticket",
            "create",
            "--subject",
            subject,
            "--group",
            group,
            "--ttl",
            "1h",
            "--json",
        )
        (item,) = json.loads(self.gateway.custody(*words, *more).stdout)["items"]
        return item["secret"], item["id"], item["loop"]

    @contextlib.contextmanager
    def session(
        self, name: str, ticket: str, target: str = "orders", **words: Any
    ) -> Iterator[Client]:
        """One session from its login to the record of its end."""
        self.told(f"== {name}")
        with self.settled("session.end"):
            dsn = self.gateway.dsn(ticket, target)
            words = {"autocommit": True, "application_name": name, **words}
            with contextlib.closing(psycopg.connect(dsn, **words)) as connection:
                yield Client(connection, self.told)

    @contextlib.contextmanager
    def settled(self, kind: str) -> Iterator[None]:
        """What is done inside ends with one more record of this kind."""
        before = self.count(kind)
        yield
        deadline = time.monotonic() + SETTLE_SECONDS
        while self.count(kind) == before:
            assert time.monotonic() < deadline, f"no record {kind} came"
            time.sleep(0.02)

    def count(self, kind: str) -> int:
        """Records of this kind on disk: a leaf stands in a segment as it is."""
        segments = (self.gateway.data / "evidence" / "segments").glob("*/*.seg")
        return sum(path.read_bytes().count(b'"type":"%s"' % kind.encode()) for path in segments)

    def login_refused(self, name: str, ticket: str, target: str, **words: Any) -> None:
        """A login with psycopg that must fail."""
        self.told(f"== {name}")
        with self.settled("login.refused"):
            try:
                psycopg.connect(self.gateway.dsn(ticket, target), **words).close()
            except psycopg.Error as error:
                self.told("  failed", str(error))
            else:
                self.told("  was let in")


@contextlib.contextmanager
def set_stage(gateway: RunningGateway, server: ScratchPostgres, database: str) -> Iterator[Stage]:
    """The gateway is not started yet; afterwards it has stopped as an operator stops it."""
    key = gateway.folder / "keys" / "token.key"
    head = key.read_text().rpartition(" ")[0]
    key.chmod(0o600)
    key.write_text(f"{head} {TOKEN_KEY}\n")
    try:
        gateway.start()
        yield Stage(gateway, server, database)
        assert gateway.stop() == 0
    finally:
        gateway.end()
