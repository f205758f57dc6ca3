"""The stage for planted secrets: a database that holds them, a gateway in front, a raw line.

Law: everything that a scene hands out is remembered as a secret before it goes anywhere.
"""

import contextlib
import socket
import struct
from collections.abc import Iterator
from typing import Any

import psycopg
from tests.real.planting import Planter
from tests.real.running import RunningGateway

Connection = psycopg.Connection[Any]
MASKS = """
[[mask]]
columns = ["users.ssn", "*.password"]
as = "token"
[[mask]]
columns = ["users.pin"]
[[mask]]
detect = ["card", "email", "phone", "iban", "ssn", "secret"]
as = "token"
[capture]
response_bytes = 4096
"""
SCHEMA = """
CREATE TABLE users (id int PRIMARY KEY, name text, ssn text UNIQUE, pin bigint, note text);
CREATE VIEW people AS SELECT id, ssn AS number, pin FROM users;
CREATE TABLE logins (id serial, password text, blob bytea);
CREATE FUNCTION ssn_of(int) RETURNS text LANGUAGE sql STABLE AS
  'SELECT ssn FROM users WHERE id = $1';
CREATE FUNCTION shout(int) RETURNS void LANGUAGE plpgsql AS
  $$ BEGIN RAISE NOTICE 'ssn is %', (SELECT ssn FROM users WHERE id = $1); END $$;
CREATE FUNCTION cry(int) RETURNS void LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'ssn is %', (SELECT ssn FROM users WHERE id = $1)
     USING DETAIL = (SELECT 'pin ' || pin FROM users WHERE id = $1); END $$;
"""


class Scene:
    """A gateway in front of a database full of secrets, and the means to plant more."""

    def __init__(self, gateway: RunningGateway, planter: Planter) -> None:
        self.gateway = gateway
        self.planter = planter
        self.ticket = planter.remember(gateway.ticket(), "the ticket")
        self._next = 1000

    @contextlib.contextmanager
    def connection(self, **words: Any) -> Iterator[Connection]:
        dsn = self.gateway.dsn(self.ticket, "orders")
        with psycopg.connect(dsn, autocommit=True, **words) as connection:
            yield connection

    def number(self) -> int:
        self._next += 1
        return self._next

    def user(self, connection: Connection, path: str) -> tuple[int, str]:
        """A row with fresh secrets in it, inserted with bind values."""
        row = (self.number(), self.planter.plain(path), self.planter.number(path))
        connection.execute("INSERT INTO users (id, ssn, pin) VALUES (%s, %s, %s)", row)
        return row[0], row[1]


def message(kind: bytes, body: bytes) -> bytes:
    return kind + struct.pack("!i", len(body) + 4) + body


def until(line: socket.socket, kind: bytes) -> bytes:
    """Read whole messages until one of this kind; its body."""
    while True:
        head = _exactly(line, 5)
        body = _exactly(line, struct.unpack("!i", head[1:])[0] - 4)
        if head[:1] == kind:
            return body
        assert head[:1] != b"E" or kind == b"E" or b"FATAL" not in body, body


def _exactly(line: socket.socket, count: int) -> bytes:
    found = b""
    while len(found) < count:
        piece = line.recv(count - len(found))
        assert piece, "the gateway hung up"
        found += piece
    return found
