"""What it costs to be let in.

Law: the ticket check is the gateway's own, with a state database on disk that holds many
tickets; a way to a first query goes through a whole gateway and ends when the answer is there.
"""

import os
import random
import ssl
import statistics
import subprocess
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import httpx
import msgspec
import psycopg
from tests.real.run_scene import RunScene, run_scene
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres
from custody.identity import CachedTicketAuthenticator, local_identity, mint_loop, mint_ticket
from custody.model.identity import Admission
from custody.model.secret import Secret
from custody.state import State

HOUR_MS = 3_600_000


class TicketCheck(msgspec.Struct, frozen=True):
    """Of one connection: recognise its ticket, and find it alive."""

    tickets: int
    p50_us: float
    p99_us: float


def ticket_check(room: Path, tickets: int, checks: int) -> TicketCheck:
    room.mkdir(parents=True, exist_ok=True)
    now = time.time_ns() // 1_000_000
    with State.open(room / "state.db") as state:
        secrets = [_add(state, number, now) for number in range(tickets)]
        ticket_authenticator = CachedTicketAuthenticator(state)
        ticket_authenticator.authenticate(
            secrets[0], now
        )  # the first reads all of them, once at a start
        taken = []
        for _ in range(checks):
            secret = random.choice(secrets)
            started = time.perf_counter_ns()
            admission = ticket_authenticator.authenticate(secret, now)
            if not isinstance(admission, Admission) or not ticket_authenticator.still_admits(
                admission, now
            ):
                raise RuntimeError("a valid ticket was refused")
            taken.append((time.perf_counter_ns() - started) / 1000)
    return TicketCheck(tickets, statistics.median(taken), statistics.quantiles(taken, n=100)[98])


def _add(state: State, number: int, now: int) -> Secret:
    loop = mint_loop(
        local_identity(f"agent-{number % 100}", ("agents",)),
        now=now,
        ttl_ms=HOUR_MS,
        entropy=os.urandom,
    )
    secret, ticket = mint_ticket(loop, now=now, entropy=os.urandom)
    state.add_ticket(ticket)
    return secret


class WayIn(msgspec.Struct, frozen=True):
    """From what somebody holds to the answer of ``SELECT 1``, the median of ``times``."""

    way: str
    times: int
    p50_ms: float


def ways_in(server: ScratchPostgres, programs: Path, room: Path, times: int) -> list[WayIn]:
    """Over TLS, with a whole gateway; ``direct`` is the server's own way, for comparison."""
    with run_scene(server, room) as scene:
        gateway = scene.gateway
        ticket = gateway.ticket(ttl="1h")
        dsn = gateway.dsn(ticket, "orders")
        own = f"host={server.host} port={server.port} user={server.superuser} dbname=run_orders"
        psql = [str(programs / "psql"), "-XqAtc", "SELECT 1"]
        direct = {**os.environ, "PGPASSWORD": server.password}
        trust = ssl.create_default_context(cafile=gateway.authority)
        with httpx.Client(base_url=scene.url, verify=trust) as api:
            return [
                _way("direct: connect", times, lambda: _query(f"{own} password={server.password}")),
                _way("a ticket: connect", times, lambda: _query(dsn)),
                _way(
                    "a CI job's token: exchange it, connect, end the loop",
                    times,
                    lambda: _by_token(api, scene, gateway),
                ),
                _way(
                    "direct: a process of psql",
                    times,
                    lambda: _process([*psql, own], direct),
                ),
                _way(
                    "`custody run -- psql`, all of it",
                    times,
                    lambda: _process(scene.words("-q", "--", *psql), scene.environment()),
                ),
            ]


def _way(name: str, times: int, act: Callable[[], object]) -> WayIn:
    act()
    taken = []
    for _ in range(times):
        started = time.perf_counter()
        act()
        taken.append(time.perf_counter() - started)
    return WayIn(name, times, statistics.median(taken) * 1000)


def _query(dsn: str) -> None:
    with psycopg.connect(dsn, autocommit=True) as session:
        session.execute("SELECT 1").fetchall()


def _by_token(api: httpx.Client, scene: RunScene, gateway: RunningGateway) -> None:
    form = {
        "grant_type": "urn:ietf:params:oauth:grant-type:token-exchange",
        "subject_token": scene.token(),
        "subject_token_type": "urn:ietf:params:oauth:token-type:jwt",
    }
    answer = api.post("/oauth/token", data=form).raise_for_status().json()
    ticket = answer["access_token"]
    _query(gateway.dsn(ticket, "orders"))
    api.post("/oauth/revoke", data={"token": ticket}).raise_for_status()


def _process(words: list[str], environment: Mapping[str, str]) -> None:
    subprocess.run(words, env=environment, check=True, capture_output=True, timeout=60)
