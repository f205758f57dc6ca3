"""Unchanged clients that bring a provider's token: as a password, and by OAUTHBEARER."""

import asyncio
import json
import os
import ssl
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import asyncpg
import psycopg
import pytest
from joserfc.jwk import ECKey
from tests.real.libpq import Libpq, find_libpq
from tests.real.token_scene import ISSUER, BearerClient, TokenScene, token_scene

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


@pytest.fixture(scope="module")
def passwords(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TokenScene]:
    with token_scene(postgres, tmp_path_factory.mktemp("passwords"), oauth=False) as scene:
        yield scene


@pytest.fixture(scope="module")
def bearers(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[TokenScene]:
    with token_scene(postgres, tmp_path_factory.mktemp("bearers"), oauth=True) as scene:
        yield scene


def psql(scene: TokenScene, password: str, database: str = "orders") -> tuple[int, str]:
    """Its exit code, and all that it said."""
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith("PG")
    } | {
        "PGHOST": "127.0.0.1",
        "PGPORT": str(scene.gateway.port),
        "PGUSER": "anybody",
        "PGDATABASE": database,
        "PGPASSWORD": password,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(scene.gateway.authority),
    }
    done = subprocess.run(
        ["psql", "-XAtc", "SELECT 41 + 1"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return done.returncode, done.stdout.strip() + done.stderr.strip()


def connect(scene: TokenScene, token: str) -> "psycopg.Connection[tuple[object, ...]]":
    return psycopg.connect(scene.gateway.tls_dsn(token, "orders"))


def test_psql_psycopg_and_asyncpg_log_in_with_a_token_and_share_its_loop(
    passwords: TokenScene,
) -> None:
    token = passwords.token()
    before = len(passwords.loops())
    assert psql(passwords, token) == (0, "42")
    with connect(passwords, token) as first, connect(passwords, token) as second:
        assert first.execute("SELECT 1").fetchone() == (1,)
        assert second.execute("SELECT 2").fetchone() == (2,)

    async def with_asyncpg() -> list[object]:
        pool = await asyncpg.create_pool(
            host="127.0.0.1",
            port=passwords.gateway.port,
            user="anybody",
            password=token,
            database="orders",
            min_size=4,
            max_size=4,
            ssl=ssl.create_default_context(cafile=str(passwords.gateway.authority)),
        )
        async with pool:
            return list(await asyncio.gather(*(pool.fetchval("SELECT 3") for _ in range(8))))

    assert asyncio.run(with_asyncpg()) == [3] * 8
    loops = passwords.loops()
    assert len(loops) == before + 1
    assert "job-7" in json.dumps(loops[0])


def test_connections_that_bring_one_token_at_once_are_one_loop(passwords: TokenScene) -> None:
    token, before = passwords.token(), len(passwords.loops())

    async def at_once() -> list[int]:
        async def one(number: int) -> int:
            connection = await psycopg.AsyncConnection.connect(
                passwords.gateway.tls_dsn(token, "orders")
            )
            async with connection:
                row = await (await connection.execute(f"SELECT {number}")).fetchone()
                assert row is not None
                return int(row[0])

        return list(await asyncio.gather(*(one(number) for number in range(12))))

    assert asyncio.run(at_once()) == list(range(12))
    assert len(passwords.loops()) == before + 1


def test_a_token_may_be_very_long(passwords: TokenScene) -> None:
    token = passwords.token(padding="x" * 40_000)
    assert 50_000 < len(token) < 65_536
    assert psql(passwords, token) == (0, "42")


def test_who_is_not_taken_is_told_what_an_unknown_ticket_is(passwords: TokenScene) -> None:
    stranger = ECKey.generate_key("P-256", auto_kid=True)
    unknown = psql(passwords, "ct_" + "A" * 43)
    assert unknown[0] == 2
    assert "not known here" in unknown[1]
    for token in (
        passwords.token(stranger),
        passwords.token(aud="others"),
        passwords.token(ref="refs/heads/evil"),
        passwords.token(iss="https://nobody.example.com"),
        passwords.token(iss=f"{ISSUER}/other"),
        passwords.token() + "x",
        "a.b.c",
    ):
        assert psql(passwords, token) == unknown


def test_an_expired_token_says_so(passwords: TokenScene) -> None:
    code, said = psql(passwords, passwords.token(iat=1_700_000_000, exp=1_700_000_600))
    assert code == 2
    assert "this token has expired" in said
    assert "fresh one" in said


def test_no_such_target_and_not_yours_are_the_same_words(passwords: TokenScene) -> None:
    code, said = psql(passwords, passwords.token(), "nowhere")
    assert code == 2
    assert 'no target "nowhere"' in said


def test_a_token_whose_loop_was_ended_opens_nothing_more(passwords: TokenScene) -> None:
    token = passwords.token()
    with connect(passwords, token) as connection:
        connection.execute("SELECT 1")
        (loop,) = [item["id"] for item in passwords.loops() if not item.get("ended")][:1]
        passwords.gateway.custody("kill", str(loop))
        with pytest.raises(psycopg.OperationalError):
            connection.execute("SELECT pg_sleep(5)")
    # For up to a second a connection may still begin; no command passes in it.
    answers = [psql(passwords, token)]
    time.sleep(1.1)
    answers.append(psql(passwords, token))
    assert all(code != 0 for code, _ in answers), answers
    assert answers[-1][0] == 2
    assert "revoked" in answers[-1][1]


def test_no_token_is_on_disk_or_in_a_log(passwords: TokenScene) -> None:
    good, bad = passwords.token(), passwords.token(aud="others")
    assert psql(passwords, good)[0] == 0
    assert psql(passwords, bad)[0] == 2
    for token in (good, bad):
        for part in (token, token.split(".")[1], token.split(".")[2]):
            assert passwords.on_disk(part) == []


def test_tokens_are_not_asked_for_in_clear_text(passwords: TokenScene) -> None:
    with pytest.raises(psycopg.OperationalError, match="inside TLS only"):
        psycopg.connect(passwords.gateway.dsn(passwords.token(), "orders"))


# OAUTHBEARER.


def test_a_client_is_told_whose_tokens_are_taken_and_comes_back_with_one(
    bearers: TokenScene,
) -> None:
    with BearerClient(bearers.gateway) as client:
        assert client.receive() == ("R", b"\0\0\0\x0aOAUTHBEARER\0\0")
        client.bring("")
        kind, body = client.receive()
        assert (kind, body[:4]) == ("R", b"\0\0\0\x0b")
        told = json.loads(body[4:])
        assert told["status"] == "invalid_token"
        assert told["openid-configuration"] == f"{ISSUER}/.well-known/openid-configuration"
        client.send("p", b"\1")
        kind, body = client.receive()
        assert kind == "E"
        assert b"28000" in body
        assert client.receive() == ("", b"")
    with BearerClient(bearers.gateway) as client:
        client.receive()
        client.bring(f"Bearer {bearers.token()}")
        assert client.receive() == ("R", b"\0\0\0\0")
        while client.receive()[0] != "Z":
            pass
        assert client.value("SELECT 41 + 1") == "42"


@pytest.mark.parametrize("claim", ["aud", "ref", "exp"])
def test_a_token_that_is_not_taken_fails_after_the_client_took_note(
    bearers: TokenScene, claim: str
) -> None:
    wrong: dict[str, Any] = {"aud": "others", "ref": "refs/heads/evil", "exp": 1_700_000_600}
    with BearerClient(bearers.gateway) as client:
        client.receive()
        client.bring(f"Bearer {bearers.token(None, **{claim: wrong[claim]})}")
        kind, body = client.receive()
        assert (kind, body[:4]) == ("R", b"\0\0\0\x0b")
        client.send("p", b"\1")
        kind, body = client.receive()
        assert kind == "E"
        assert b"28P01" in body
        assert (b"expired" in body) == (claim == "exp")


def test_a_ticket_opens_nothing_on_a_listener_for_tokens(bearers: TokenScene) -> None:
    with BearerClient(bearers.gateway) as client:
        client.receive()
        client.bring(f"Bearer {bearers.gateway.ticket()}")
        assert client.receive()[1][:4] == b"\0\0\0\x0b"
        client.send("p", b"\1")
        assert b"28P01" in client.receive()[1]


def test_libpq_18_brings_the_token_that_its_program_fetched(bearers: TokenScene) -> None:
    path = find_libpq()
    if path is None or (libpq := Libpq(path)).version < 180_000:
        pytest.skip("this psycopg brings no libpq 18")
    asked: list[tuple[str, str]] = []

    def conninfo(**more: str) -> str:
        words = {
            "host": "127.0.0.1", "port": str(bearers.gateway.port), "user": "anybody",
            "dbname": "orders", "sslmode": "verify-full",
            "sslrootcert": str(bearers.gateway.authority), "require_auth": "oauth",
            "oauth_issuer": ISSUER, "oauth_client_id": "psql", **more,
        }  # fmt: skip
        return " ".join(f"{name}='{value}'" for name, value in words.items())

    def good(configuration: str, scope: str) -> str:
        asked.append((configuration, scope))
        return bearers.token()

    assert libpq.value(conninfo(), "SELECT 41 + 1", good) == "42"
    assert asked == [(f"{ISSUER}/.well-known/openid-configuration", "openid")]
    old = libpq.value(conninfo(), "SELECT 1", lambda *_: bearers.token(exp=1_700_000_600))
    assert "this token has expired" in old
    elsewhere = libpq.value(conninfo(oauth_issuer="https://evil.example.com"), "SELECT 1", good)
    assert "incompatible with oauth_issuer" in elsewhere


def test_an_older_client_is_turned_away_in_words(bearers: TokenScene) -> None:
    code, said = psql(bearers, bearers.token())
    assert code == 2
    assert "SASL" in said or "oauth" in said.lower()
