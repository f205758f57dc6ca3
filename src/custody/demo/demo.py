"""The main job, end to end, with a real PostgreSQL: what `custody demo` shows.

Law: everything on the screen happened; nothing is staged. Each claim is checked as it is made, and
the demo fails if one does not hold.
"""

import json
import os
import secrets
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import msgspec

from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres
from custody.model.errors import CustodyError

_CUSTODY: Final = (sys.executable, "-m", "custody")
_START_SECONDS: Final = 30.0

_SCHEMA: Final = """
CREATE TABLE customers (id int PRIMARY KEY, name text, ssn text, email text, card text);
INSERT INTO customers VALUES
  (1, 'Ada Lovelace', '536-90-4399', 'ada@example.org', NULL),
  (2, 'Alan Turing', '219-09-9998', 'alan@example.org', NULL);
CREATE TABLE orders (id int PRIMARY KEY, customer int, item text, amount numeric);
INSERT INTO orders VALUES (1, 1, 'analytical engine', 1200.50), (2, 2, 'paper tape', 9.99),
  (3, 1, 'punched cards', 45.00);
ALTER TABLE customers OWNER TO app;
ALTER TABLE orders OWNER TO app;
"""

_CONFIG: Final = """
[[target]]
name = "orders"
protocol = "postgres"
address = "127.0.0.1:{port}"
database = "orders"
user = "app"
password = "env:ORDERS_PASSWORD"

[[grant]]
groups = ["agents"]
targets = ["orders"]
effects = ["read", "write"]

[[rule]]
name = "unbounded-write"
when = '"write" in command.effects && !command.bounded'
then = "deny"
reason = "UPDATE and DELETE need a WHERE here"

[[mask]]
columns = ["customers.ssn"]
[[mask]]
detect = ["card", "email"]
as = "token"
"""

_SECRETS: Final = ("536-90-4399", "219-09-9998", "ada@example.org", "4539 1488 0343 6467")


class DemoClaim(msgspec.Struct, frozen=True):
    """One claim, and what stands for it."""

    claim: str
    lines: tuple[str, ...] = ()


Show = Callable[[DemoClaim], None]


def run_demo(show: Show, directory: Path | None = None) -> None:
    """Run it all, in ``directory`` or in one that is gone afterwards.

    Raises ``CustodyError`` ``demo.claim`` where something is not as claimed.
    """
    with tempfile.TemporaryDirectory(prefix="custody-demo-") as scratch:
        room = directory or Path(scratch)
        room.mkdir(parents=True, exist_ok=True)
        with scratch_postgres() as server:
            show(
                DemoClaim(
                    f"A real PostgreSQL {server.version} runs on 127.0.0.1:{server.port}, with "
                    "customers and orders."
                )
            )
            password = secrets.token_urlsafe(18)
            server.create_role("app", password)
            server.create_database("orders", owner="app")
            server.execute(_SCHEMA, database="orders")
            _tell(show, room, server, password)


def _tell(show: Show, room: Path, server: ScratchPostgres, password: str) -> None:
    home = room / "gateway"
    _custody("init", str(home))
    config = home / "custody.toml"
    config.write_text(_demo_config(server.port))
    with _serving(config, password) as port:
        show(
            DemoClaim(
                f"Custody stands in front of it, on 127.0.0.1:{port}. The password stays "
                "with Custody."
            )
        )
        ticket = _custody(
            *("ticket", "create", "-c", str(config), "--subject", "demo-agent"),
            *("--group", "agents", "--ttl", "1h", "--purpose", "tidy up the orders", "--quiet"),
        ).strip()
        show(
            DemoClaim(
                "An agent gets a ticket instead: for one loop, for one hour, worthless elsewhere."
            )
        )
        steps = _agent(port, ticket, home / "data" / "ca.pem")
        _check_steps(show, steps, server)
        _check_evidence(show, config, home)
    _check_proof(show, config, home)
    _tamper(show, config, home)


def _demo_config(port: int) -> str:
    head = (
        '[gateway]\nname = "demo.custody.example"\n\n[listen.postgres]\naddress = "127.0.0.1:0"\n'
    )
    return head + _CONFIG.format(port=port)


def _check_steps(show: Show, steps: Sequence[Mapping[str, Any]], server: ScratchPostgres) -> None:
    by_name = {str(step["step"]): step for step in steps}
    direct = server.execute("SELECT name, ssn, email FROM customers ORDER BY id", database="orders")
    seen = by_name["read the customers"]["result"]
    _claim("\n".join("|".join(row) for row in seen) == direct.strip(), "reads come back unchanged")
    show(
        DemoClaim(
            "The agent (psycopg, unmodified) reads the customers. It gets exactly what the server "
            "holds:",
            tuple(" | ".join(row) for row in seen),
        )
    )
    _claim(by_name["change one customer's card"].get("result") == 1, "a bounded write passes")
    show(DemoClaim("It changes one customer's card: allowed, because its UPDATE says which one."))
    for step, claim in (
        ("delete all orders", "Then the agent is hijacked, and tries to delete all orders:"),
        ("run a program on the server", "It tries to run a program on the database's host:"),
    ):
        refused = by_name[step]
        _claim(refused.get("error") == "42501", f"'{step}' is refused")
        show(DemoClaim(claim, (f"ERROR 42501: {refused['message']}",)))
    _claim(by_name["count the orders again"]["result"] == [[3]], "nothing was deleted")
    show(DemoClaim("The session lives on, and all three orders are still there."))


def _check_evidence(show: Show, config: Path, home: Path) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:  # the index follows the log within a moment
        sessions = json.loads(_custody("sessions", "-c", str(config), "--json"))["items"]
        items = json.loads(_custody("search", "-c", str(config), "--json", ""))["items"]
        if len(items) >= 6 and all(item["outcome"] for item in items):
            break
        if time.monotonic() > deadline:
            raise CustodyError("demo.claim", "The evidence did not show every statement.")
        time.sleep(0.2)
    transcript = _custody("show", "-c", str(config), str(sessions[0]["id"]))
    _claim("unbounded-write" in transcript, "the refusal is in the evidence")
    show(
        DemoClaim(
            "`custody show` has every statement; values were masked before they were written:",
            tuple(transcript.rstrip().splitlines()),
        )
    )
    stored = b"".join(path.read_bytes() for path in home.rglob("*") if path.is_file())
    leaked = [s for s in _SECRETS if s.encode() in stored or s in transcript]
    _claim(not leaked, "no secret is on the gateway's disk")
    show(
        DemoClaim(
            "Not one of those social security numbers, cards or addresses is on the gateway's disk."
        )
    )


def _check_proof(show: Show, config: Path, home: Path) -> None:
    code, said = _verify(config, home)
    _claim(code == 0, f"custody verify proves the log (it said: {said})")
    show(
        DemoClaim(
            "`custody verify` proves that nothing was altered or taken out, and says what it "
            "cannot prove:",
            tuple(said.splitlines()),
        )
    )


def _tamper(show: Show, config: Path, home: Path) -> None:
    segment = next(iter(sorted((home / "data" / "evidence" / "segments").rglob("*.seg"))))
    data = bytearray(segment.read_bytes())
    place = len(bytes(data).rstrip(b"\0")) // 2
    data[place] ^= 0x01
    segment.write_bytes(bytes(data))
    code, said = _verify(config, home)
    _claim(code == 1, "custody verify notices one flipped bit")
    flipped = f"Now one bit of the evidence is flipped, in byte {place} of {segment.name}:"
    show(DemoClaim(flipped, tuple(said.splitlines())))


def _verify(config: Path, home: Path) -> tuple[int, str]:
    policy = home / "keys" / "verifier.policy"
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [*_CUSTODY, "verify", str(home / "data"), "--policy", str(policy), "-c", str(config)],
        capture_output=True,
        text=True,
        check=False,
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def _claim(holds: bool, claim: str) -> None:  # noqa: FBT001 - a claim holds or it does not
    if not holds:
        raise CustodyError(
            "demo.claim",
            f"The demo could not show that {claim}.",
            "Run it again with --keep DIR, and read DIR/gateway/serve.log.",
        )


def _custody(*arguments: str) -> str:
    done = subprocess.run(  # noqa: S603 - our own interpreter and module
        [*_CUSTODY, *arguments], capture_output=True, text=True, check=False
    )
    if done.returncode != 0:
        raise CustodyError(
            "demo.command", f"`custody {arguments[0]}` failed: {done.stderr.strip()}"
        )
    return done.stdout


def _agent(port: int, ticket: str, ca: Path) -> list[dict[str, Any]]:
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith("PG")},
        "PGHOST": "127.0.0.1",
        "PGPORT": str(port),
        "PGDATABASE": "orders",
        "PGUSER": "agent",
        "PGPASSWORD": ticket,
        "PGSSLMODE": "verify-full",
        "PGSSLROOTCERT": str(ca),
    }
    done = subprocess.run(
        [sys.executable, "-m", "custody.demo.agent"],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise CustodyError("demo.agent", f"The agent failed: {done.stderr.strip()[-500:]}")
    return [json.loads(line) for line in done.stdout.splitlines()]


@contextmanager
def _serving(config: Path, password: str) -> Iterator[int]:
    """The port that `custody serve` listens on while the context is open."""
    with (config.parent / "serve.log").open("w+") as log:
        process = subprocess.Popen(  # noqa: S603 - our own interpreter and module
            [*_CUSTODY, "serve", "-c", str(config)],
            env={**os.environ, "ORDERS_PASSWORD": password},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            yield _wait_ready(process, config.parent / "serve.log")
        finally:
            process.send_signal(signal.SIGTERM)
            try:
                process.wait(timeout=20)
            except subprocess.TimeoutExpired:
                process.kill()


def _wait_ready(process: "subprocess.Popen[bytes]", log: Path) -> int:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        lines = log.read_text().splitlines()
        if "ready" in lines:
            address = next(line for line in lines if line.startswith("listening postgres "))
            return int(address.rpartition(":")[2])
        time.sleep(0.05)
    raise CustodyError("demo.serve", f"`custody serve` did not start: {log.read_text()[-1000:]}")
