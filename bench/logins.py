"""What it costs to be let in.

Law: the ticket check is the doorkeeper's own, with a state database on disk that holds many
tickets; a way to a first query goes through a whole gateway and ends when the answer is there.
"""

import os
import random
import statistics
import time
from pathlib import Path

import msgspec

from custody.identity import TicketDoorkeeper, local_identity, mint_loop, mint_ticket
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
        doorkeeper = TicketDoorkeeper(state)
        doorkeeper.recognise(secrets[0], now)  # the first reads all of them, once at a start
        taken = []
        for _ in range(checks):
            secret = random.choice(secrets)
            started = time.perf_counter_ns()
            admission = doorkeeper.recognise(secret, now)
            if not isinstance(admission, Admission) or not doorkeeper.alive(admission, now):
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
    state.add(ticket)
    return secret
