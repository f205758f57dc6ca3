"""Messages as no driver sends them: resets in front of others in one write, wrong bodies.

Law: each dialogue is written byte for byte, to the server itself and through the gateway; what
comes back is the same but for texts. What ran is in the evidence under its own text.
"""

import os
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests.real.configs import HEAD, target
from tests.real.raw_line import SYNC, bind, execute, message, parse, text
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

Write = bytes
PREPARED = parse("b", "select 1") + SYNC


def query(words: str) -> bytes:
    return message(b"Q", text(words))


def run(words: str) -> bytes:
    return parse("", words) + bind("", "") + execute()


USE = bind("", "b") + execute() + SYNC
RESETS: dict[str, tuple[Write, ...]] = {
    "deallocate all": (PREPARED, run("deallocate all") + parse("b", "select 2") + SYNC, USE),
    "deallocate one": (PREPARED, run("deallocate b") + parse("b", "select 2") + SYNC, USE),
    "discard all": (PREPARED, run("discard all") + SYNC + parse("b", "select 2") + SYNC, USE),
    "discard all, simple": (PREPARED, query("discard all") + parse("b", "select 2") + SYNC, USE),
    "deallocate and use, simple": (
        PREPARED,
        query("deallocate b") + parse("b", "select 2") + bind("", "b") + execute() + SYNC,
        USE,
    ),
    "prepare behind a reset": (
        PREPARED,
        query("deallocate all") + query("prepare b as select 2"),
        query("execute b"),
        USE,
    ),
    "close behind a prepare": (
        run("prepare b as select 1") + message(b"C", b"Sb\0") + parse("b", "select 2") + SYNC,
        USE,
    ),
    "close all": (
        query("begin"),
        run("close all") + parse("", "select 2") + bind("p", "") + message(b"S"),
        execute("p") + SYNC,
        query("commit"),
    ),
    "close one": (
        query("begin; declare p cursor for select 1"),
        run("close p") + parse("", "select 2") + bind("p", "") + SYNC,
        execute("p") + SYNC,
        query("commit"),
    ),
    "a reset that fails": (
        PREPARED,
        query("begin"),
        query("discard all") + parse("b", "select 2") + SYNC,
        query("rollback"),
        USE,
    ),
}
MALFORMED: dict[str, tuple[Write, ...]] = {
    "a NUL in a query": (message(b"Q", b"select 1\0select 2\0"), query("select 3")),
    "no NUL behind a query": (message(b"Q", b"select 1"), query("select 3")),
    "a NUL in a parse": (
        message(b"P", b"\0select\0 1\0\0\0") + bind("", "") + execute() + SYNC,
        query("select 3"),
    ),
    "a NUL in a transaction": (
        query("begin"),
        message(b"Q", b"select 1\0select 2\0"),
        query("select 3"),
        query("rollback"),
    ),
    "a bind without its end": (
        parse("", "select 1") + message(b"B", b"portal") + execute() + SYNC,
        query("select 3"),
    ),
    "a bind with a value that is cut": (
        parse("", "select $1") + message(b"B", b"\0\0\0\0\0\x01\0\0\0\x09x") + execute() + SYNC,
        query("select 3"),
    ),
    "a describe of nothing": (message(b"D", b"Xname\0") + SYNC, query("select 3")),
    "an execute without its rows": (run("select 1")[:-9] + message(b"E", b"\0") + SYNC,),
    "a sync with a body": (message(b"S", b"x"), query("select 3")),
    "a flush with a body": (message(b"H", b"x") + SYNC, query("select 3")),
}


class Wire:
    """A logged-in connection, spoken to in bytes."""

    def __init__(self, login: psycopg.Connection[tuple[object, ...]]) -> None:
        self._login = login
        self._socket = socket.socket(fileno=os.dup(self._login.fileno()))
        self._socket.settimeout(30)

    def say(self, written: bytes, readies: int) -> list[str]:
        """What comes up to so many ReadyForQuery: kinds, tags, values, codes of errors."""
        self._socket.sendall(written)
        heard: list[str] = []
        while readies:
            kind, length = struct.unpack("!ci", self._exactly(5))
            body = self._exactly(length - 4)
            if kind not in b"SN":
                heard.append(_shown(kind, body))
            readies -= kind == b"Z"
        return heard

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self._socket.recv(count - len(found))
            assert piece, "the connection was closed"
            found += piece
        return found

    def close(self) -> None:
        self._socket.close()
        self._login.close()


def _shown(kind: bytes, body: bytes) -> str:
    match kind:
        case b"E":
            return "E " + next(part[1:].decode() for part in body.split(b"\0") if part[:1] == b"C")
        case b"T":
            return "T"
        case _:
            return f"{kind.decode()} {body!r}"


def _readies(written: bytes) -> int:
    """A Query, a Sync (whatever its body) answers with one."""
    position = count = 0
    while position < len(written):
        kind, length = struct.unpack_from("!ci", written, position)
        count += kind in (b"Q", b"S")
        position += length + 1
    return count


def played(conninfo: str, writes: tuple[Write, ...]) -> list[list[str]]:
    wire = Wire(psycopg.connect(conninfo, autocommit=True))
    try:
        return [wire.say(written, _readies(written)) for written in writes]
    finally:
        wire.close()


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("raw")
    folder: Path = tmp_path_factory.mktemp("raw") / "gateway"
    everything = HEAD + target(postgres, "raw")
    # What cannot be read is not granted: a text that was lost would be refused.
    config = everything.replace(', "unknown"]', "]")
    assert config != everything
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


@pytest.fixture(scope="module")
def ticket(gateway: RunningGateway) -> str:
    return gateway.ticket()


@pytest.mark.parametrize("name", [*RESETS, *MALFORMED])
def test_what_comes_back_is_what_the_server_says(
    name: str, gateway: RunningGateway, ticket: str, postgres: ScratchPostgres
) -> None:
    writes = {**RESETS, **MALFORMED}[name]
    direct = played(f"{postgres.dsn('raw')} sslmode=disable", writes)
    assert played(f"{gateway.dsn(ticket, 'orders')} sslmode=disable", writes) == direct


def test_what_was_made_behind_a_reset_is_recorded_as_what_it_is(
    gateway: RunningGateway, ticket: str
) -> None:
    before = len(gateway.commands())
    played(f"{gateway.dsn(ticket, 'orders')} sslmode=disable", RESETS["deallocate all"])
    assert [each["text"] for each in gateway.commands()[before:]] == ["deallocate all", "select 2"]


def test_a_malformed_message_is_on_the_record(gateway: RunningGateway, ticket: str) -> None:
    played(f"{gateway.dsn(ticket, 'orders')} sslmode=disable", MALFORMED["a NUL in a query"])
    shown = [gateway.custody("show", str(each["id"])).stdout for each in gateway.items("sessions")]
    assert any("a malformed message, refused with 08P01" in each for each in shown)
