"""Measures direct, PgBouncer and Custody in one run, side by side.

    python -m bench.run              writes docs/performance.md
    python -m bench.run --smoke      seconds; shows that everything runs, and writes nothing

Law: nothing here asserts a time. Figures are printed as they come and written with their machine.
"""

import argparse
import contextlib
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import ParamSpec, TypeVar

import msgspec
from bench import logins, machine, places, report, sizes, startup, throughput, verification
from bench.report import Figures

from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres
from custody.model.errors import CustodyError

P = ParamSpec("P")
R = TypeVar("R")

CLIENTS = (1, 8, 32)
MODES = ("simple", "prepared")


class Plan(msgspec.Struct, frozen=True):
    """How much of everything."""

    seconds: int = 10
    scale: int = 10
    clients: tuple[int, ...] = CLIENTS
    rows: int = 1_000_000
    sessions: int = 1000
    connects: int = 100
    syncs: int = 1000
    tickets: int = 10_000
    ways: int = 20
    starts: int = 9
    rounds: int = 2
    """Throughput is taken so often, the places in turn; the better round counts."""


SMOKE = Plan(
    seconds=1,
    scale=1,
    clients=(1, 4),
    rows=20_000,
    sessions=20,
    connects=5,
    syncs=20,
    rounds=1,
    tickets=100,
    ways=2,
    starts=1,
)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--smoke", action="store_true", help="seconds, and writes nothing")
    parser.add_argument("--seconds", type=int, help="of each throughput figure")
    parser.add_argument("--room", type=Path, help="where the evidence is written (which disk)")
    given = parser.parse_args()
    plan = SMOKE if given.smoke else Plan()
    if given.seconds:
        plan = msgspec.structs.replace(plan, seconds=given.seconds)
    with tempfile.TemporaryDirectory(prefix="custody-bench-", dir=given.room) as folder:
        figures = _measure(plan, Path(folder))
    text = report.write(figures)
    if given.smoke:
        print("the benchmark runs; nothing was written")
    else:
        path = Path("docs/performance.md")
        path.write_text(text)
        print(f"written: {path}")
    return 0


def _measure(plan: Plan, room: Path) -> Figures:
    facts = machine.describe(room)
    print(facts)
    with contextlib.ExitStack() as ending:
        server = _start_server(ending, plan)
        server.create_database(places.DATABASE)
        direct = places.direct(server)
        throughput.fill(server.programs, direct, plan.scale)
        bouncer = ending.enter_context(places.pgbouncer(server))
        custody, gateway = ending.enter_context(places.custody(server, room))
        every = [place for place in (direct, bouncer, custody) if place is not None]

        speeds, syncs = _throughput(plan, server, every, room)
        secure = msgspec.structs.replace(custody, database="secure")
        with_tls = server.certificate is not None
        connects = [
            _said(sizes.connect, direct, plan.connects, tls=with_tls),
            _said(sizes.connect, secure, plan.connects, tls=True),
        ]
        gateway.stop()
        verified = _said(verification.measure, gateway)
        rows, sessions = _memory(plan, server, direct, room)
        checked = _said(logins.ticket_check, room / "tickets", plan.tickets, 20_000)
        (room / "ways").mkdir()
        ways = _said(logins.ways_in, server, server.programs, room / "ways", plan.ways)
        starts = _said(startup.measure, server, room / "starts", plan.starts)
    return Figures(
        machine=facts,
        postgres=server.version,
        syncs_ms=syncs,
        speeds=speeds,
        rows=rows,
        sessions=sessions,
        connects=connects,
        verifications=verified,
        ticket_check=checked,
        ways_in=ways,
        starts=starts,
        seconds=plan.seconds,
        rounds=plan.rounds,
    )


def _memory(
    plan: Plan, server: ScratchPostgres, direct: places.Place, room: Path
) -> tuple[list[sizes.Rows], sizes.Sessions]:
    """Each with a gateway that has done nothing before."""
    rows = [_said(sizes.read_rows, server.programs, direct, plan.rows, None)]
    with places.custody(server, room / "rows") as (place, fresh):
        rows.append(_said(sizes.read_rows, server.programs, place, plan.rows, fresh))
    with places.custody(server, room / "sessions") as (place, fresh):
        return rows, _said(sizes.hold_sessions, place, fresh, plan.sessions)


def _start_server(ending: contextlib.ExitStack, plan: Plan) -> ScratchPostgres:
    settings = {"max_connections": str(plan.sessions + 150), "shared_buffers": "256MB"}
    try:
        return ending.enter_context(scratch_postgres(tls=True, settings=settings))
    except CustodyError as error:
        if error.code != "scratch.no-tls":
            raise
        print("this PostgreSQL has no TLS: connects are compared with its own in clear text")
        return ending.enter_context(scratch_postgres(settings=settings))


def _throughput(
    plan: Plan, server: ScratchPostgres, every: list[places.Place], room: Path
) -> tuple[list[throughput.Speed], list[float]]:
    """The places take turns, so that what else the machine does meets all of them."""
    best: dict[tuple[str, str, int], throughput.Speed] = {}
    syncs = [machine.sync_ms(room, plan.syncs)]
    for mode in MODES:
        for clients in plan.clients:
            for _ in range(plan.rounds):
                for place in every:
                    found = _said(
                        throughput.measure, server.programs, place, mode, clients, plan.seconds
                    )
                    key = (place.name, mode, clients)
                    if key not in best or best[key].tps < found.tps:
                        best[key] = found
                if clients == 1:
                    syncs.append(machine.sync_ms(room, plan.syncs))
    print(f"fdatasync p50, ms: {[round(value, 3) for value in syncs]}")
    return list(best.values()), syncs


def _said(measure: Callable[P, R], *words: P.args, **more: P.kwargs) -> R:
    found = measure(*words, **more)
    print(found, flush=True)
    return found


if __name__ == "__main__":
    sys.exit(main())
