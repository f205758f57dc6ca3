"""Runs suites that others wrote direct and through the gateway, and prints the difference.

    python -m tests.prove.transparency --asyncpg DIR --psycopg DIR --regress DIR --pg-regress FILE

Law: a gateway is transparent when the difference is empty. A line that the protocol explains stands
with its reason in ``transparency_explained.toml``; any other difference makes this fail. So does a
suite that did not reach its known baseline direct: two runs of nothing prove nothing.
The suites are the operator's: docs/development.md says where to get each.
"""

import argparse
import contextlib
import json
import sys
import time
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

from tests.prove.suites import (
    Ask,
    Outcomes,
    Place,
    require_baseline,
    run_asyncpg,
    run_psycopg,
    run_regress,
)
from tests.real.configs import allow_all
from tests.real.running import running_gateway

from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres

DATABASE = "suites"
EXPLAINED = Path(__file__).with_name("transparency_explained.toml")
SETTINGS = {"max_connections": "200", "max_prepared_transactions": "10", "shared_buffers": "256MB"}

Run = Callable[[ScratchPostgres, Ask], Outcomes]


def main() -> int:
    given = _arguments()
    suites = _suites(given)
    if not suites:
        print("No suite is named: --asyncpg, --psycopg or --regress.", file=sys.stderr)
        return 2
    explained = tomllib.loads(EXPLAINED.read_text())
    failed = False
    given.room.mkdir(parents=True, exist_ok=True)
    given.room.chmod(0o755)
    for name, run in suites.items():
        seen: dict[str, Outcomes] = {}
        for way in ("direct", "gateway") if not given.direct_only else ("direct",):
            room = given.room / name / way
            room.mkdir(parents=True, exist_ok=True)
            started = time.monotonic()
            with _place(way, room) as (server, place):
                seen[way] = run(server, Ask(place, given.python, room, given.only))
            tally = ", ".join(
                f"{count} {kind}" for kind, count in Counter(seen[way].values()).items()
            )
            print(f"{name:9} {way:8} {tally}  ({time.monotonic() - started:.0f} s)", flush=True)
            (given.room / f"{name}-{way}.json").write_text(json.dumps(seen[way], indent=1))
            if way == "direct":
                require_baseline(name, seen[way], whole=not given.only)
        if "gateway" in seen:
            failed |= _differs(name, seen["direct"], seen["gateway"], explained.get(name, {}))
    return 1 if failed else 0


def _differs(name: str, direct: Outcomes, through: Outcomes, explained: dict[str, str]) -> bool:
    """Print each test whose outcome is not the same; whether any has no explanation."""
    unexplained = False
    different = sorted(
        test for test in direct.keys() | through.keys() if direct.get(test) != through.get(test)
    )
    for test in different:
        reason = explained.get(test)
        unexplained |= reason is None
        print(
            f"  {test}: {direct.get(test, 'absent')} direct, {through.get(test, 'absent')} through"
            f" the gateway: {reason or 'NOT EXPLAINED'}"
        )
    print(f"  {name}: {len(different)} differences" + ("" if unexplained else ", none unexplained"))
    return unexplained


@contextlib.contextmanager
def _place(way: str, room: Path) -> Iterator[tuple[ScratchPostgres, Place]]:
    with scratch_postgres(settings=SETTINGS) as server:
        server.create_database(DATABASE)
        if way == "direct":
            yield (
                server,
                Place(way, server.host, server.port, server.superuser, server.password, DATABASE),
            )
            return
        config = allow_all(server, DATABASE, listen=True)
        with running_gateway(room / "gateway", config, {"TARGET_PASSWORD": server.password}) as gw:
            ticket = gw.ticket(ttl="4h")
            yield (
                server,
                Place(
                    way,
                    "127.0.0.1",
                    gw.ports["postgres.orders"],
                    server.superuser,
                    ticket,
                    DATABASE,
                ),
            )


def _suites(given: argparse.Namespace) -> dict[str, Run]:
    chosen: dict[str, Run] = {}
    if given.asyncpg:
        chosen["asyncpg"] = lambda _, ask: run_asyncpg(given.asyncpg, ask)
    if given.psycopg:
        chosen["psycopg"] = lambda _, ask: run_psycopg(given.psycopg, ask)
    if given.regress:
        chosen["regress"] = lambda server, ask: run_regress(
            given.regress, given.pg_regress, server.programs, ask
        )
    return chosen


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--asyncpg", type=Path, help="asyncpg's tests folder")
    parser.add_argument("--psycopg", type=Path, help="psycopg's repository")
    parser.add_argument(
        "--regress", type=Path, help="PostgreSQL's src/test/regress, regress.so in it"
    )
    parser.add_argument("--pg-regress", type=Path, help="the pg_regress program of that version")
    parser.add_argument(
        "--python", type=Path, default=Path(sys.executable), help="runs the drivers' tests"
    )
    parser.add_argument("--room", type=Path, default=Path("/tmp/custody-transparency"))
    parser.add_argument("--only", default="", help="pytest -k words, or regression tests by comma")
    parser.add_argument("--direct-only", action="store_true", help="the baseline alone")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
