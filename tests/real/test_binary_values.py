"""Values in binary: read as the database's own types say, or kept as no more than their length.

Law: the evidence shows what a program got in binary as it shows it in text; and where nobody can
say what the bytes mean, nothing of them stands there, in no form.
"""

import asyncio
import socket
import struct
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import psycopg
import pytest
from tests.real.configs import HEAD, target
from tests.real.planted_scene import message, until
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

CARD = 4111111111111111
SCHEMA = """
CREATE TYPE mood AS ENUM ('sad', 'happy');
CREATE DOMAIN note AS text;
CREATE TYPE pair AS (a int, b text, m mood);
CREATE TYPE moods AS RANGE (subtype = text);
CREATE TABLE things (n note, m mood, p pair, r moods, i int8range, ps pair[], d numeric,
                     b bit(5), t tsvector, j jsonb);
INSERT INTO things VALUES ('a note', 'happy', (1, 'x y', 'sad'), '[a,b)', '[1,5)',
  ARRAY[(2, 'z', NULL)::pair], 12.50, '10101', 'a fat cat', '{"k": 1}');
CREATE TABLE payments (id int, card int8, amount numeric, memo text);
INSERT INTO payments VALUES (1, 4111111111111111, 4111111111111111, 'x');
"""
MASKS = """
[[mask]]
columns = ["secrets.word"]
[[mask]]
detect = ["card", "secret"]
as = "token"
"""
READ = (
    "SELECT * FROM things",
    "SELECT p, ps, row(1, 'x', p), array[p], array[row(n, m)] FROM things",
    "SELECT things FROM things",
)


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("binary_values")
    postgres.execute(SCHEMA, database="binary_values")
    config = HEAD + target(postgres, "binary_values") + MASKS
    folder: Path = tmp_path_factory.mktemp("binary") / "gateway"
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


def captured(gateway: RunningGateway) -> list[list[list[str | None]]]:
    """What the answers of the newest session held."""
    session = str(gateway.items("sessions")[0]["id"])
    answers = [item.get("response") or {} for item in gateway.items("show", session)]
    return [answer["captured"] for answer in answers if answer.get("captured")]


@pytest.mark.parametrize("query", READ)
def test_what_came_in_binary_reads_as_it_does_in_text(gateway: RunningGateway, query: str) -> None:
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        raw = connection.pgconn
        for form in (0, 1):
            assert raw.exec_params(query.encode(), [], result_format=form).ntuples == 1
    text, binary = captured(gateway)
    assert binary == text


@pytest.mark.parametrize("query", ["COPY things TO STDOUT", "COPY payments (id, memo) TO STDOUT"])
def test_copy_in_binary_reads_as_it_does_in_text(gateway: RunningGateway, query: str) -> None:
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        for words in (query, query + " (FORMAT binary)"):
            with connection.cursor().copy(words.encode()) as copy:
                assert b"".join(bytes(piece) for piece in copy)
    text, binary = captured(gateway)
    assert binary == text


def test_binds_of_own_types_are_read(gateway: RunningGateway) -> None:
    async def ask() -> None:
        connection = await asyncpg.connect(
            host="127.0.0.1",
            port=gateway.port,
            user="anything",
            database="orders",
            password=gateway.ticket(),
            ssl=False,
        )
        values = ((3, "it", "sad"), "happy", [(4, "is", None)])
        assert await connection.fetchval(
            "SELECT ($1::pair).b || $2::mood || ($3::pair[])[1].b", *values
        )
        await connection.close()

    asyncio.run(ask())
    commands = [item for item in gateway.commands() if "$1::pair" in item["text"]]
    assert commands[-1]["arguments"] == [
        "(3,it,sad)",
        "happy",
        '{"(4,is,)"}',
    ]


def raw_line(gateway: RunningGateway) -> socket.socket:
    line = socket.create_connection(("127.0.0.1", gateway.port), timeout=30)
    words = b"user\0anything\0database\0orders\0\0"
    line.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
    assert until(line, b"R")
    line.sendall(message(b"p", gateway.ticket().encode() + b"\0"))
    assert until(line, b"Z")
    return line


def asked(query: bytes, *values: bytes) -> bytes:
    """Parse without types, Bind with binary values and results, no Describe."""
    given = b"".join(struct.pack("!i", len(value)) + value for value in values)
    body = struct.pack("!hhh", 1, 1, len(values)) + given + struct.pack("!hh", 1, 1)
    return (
        message(b"P", b"\0" + query + b"\0\0\0")
        + message(b"B", b"\0\0" + body)
        + message(b"E", b"\0" + bytes(4))
        + message(b"S", b"")
    )


FORMS = (
    str(CARD).encode(),
    struct.pack("!q", CARD).hex().encode(),
    struct.pack(">8H", 4, 3, 0, 0, 4111, 1111, 1111, 1111).hex().encode(),
)


def test_what_nobody_described_is_kept_as_its_length(gateway: RunningGateway) -> None:
    number = struct.pack("!q", CARD)
    with raw_line(gateway) as line:
        for query, values in (
            (b"SELECT card, amount, memo FROM payments", ()),
            (b"SELECT id FROM payments WHERE card = $1", (number,)),
            (b"INSERT INTO payments (id, card) VALUES (7, $1)", (number,)),
        ):
            line.sendall(asked(query, *values))
            assert until(line, b"Z")
        line.sendall(message(b"X", b""))
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        for words in (
            "COPY (SELECT card, amount FROM payments) TO STDOUT (FORMAT binary)",
            "COPY payments (card, amount) TO STDOUT (FORMAT binary)",
        ):
            with connection.cursor().copy(words.encode()) as copy:
                assert b"".join(bytes(piece) for piece in copy)
    sessions = [item["id"] for item in gateway.items("sessions")][:2]
    shown = "".join(str(gateway.items("show", str(each))) for each in sessions)
    for form in FORMS:
        assert form.decode() not in shown
    assert "‹binary:8 bytes›" in shown
    assert "‹card:" in shown
