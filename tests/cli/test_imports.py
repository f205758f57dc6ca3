"""What short commands must not import: a fast start, guarded without a clock.

How long a start takes is measured by `bench/startup.py`.
"""

import datetime as dt
import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from custody.operations.init import initialise

HEAVY = frozenset(
    {
        "alembic", "asyncio", "boto3", "botocore", "cel", "cryptography", "google", "h11", "httpx",
        "jinja2", "joserfc", "litestar", "lxml", "postgast", "re2", "sqlalchemy", "stdnum",
        "rich", "uvicorn", "uvloop",
    }
)  # fmt: skip
"""Libraries that no short command needs."""
ROOMS = frozenset(
    f"custody.{room}"
    for room in ("access", "demo", "evidence", "gateway", "identity", "index", "investigation",
                 "protocols", "recording", "state", "web", "wire")
)  # fmt: skip
"""Those of a gateway's rooms that are none of a short command's business."""
WORKING = frozenset(
    {
        "custody.identity.oidc.provider",
        "custody.identity.saml.provider",
        "custody.masking.detectors.catalogue",
        "custody.protocols.postgres.codec",
        "custody.vault.credential_leases",
    }
)
"""What works behind the tables of a configuration."""
FOR_NO_PROVIDER = frozenset(
    {"alembic", "boto3", "h11", "httpx", "jinja2", "joserfc", "litestar", "lxml", "uvicorn"}
)
"""Libraries that a gateway needs only where its configuration, or its state database, asks."""
PARSER = frozenset({"postgast", "google"})
"""What reads hostile text outside Python, so only in processes that hold nothing."""

RUN = """
import json, sys
from custody.cli.main import run
code = run(sys.argv[1:])
print(json.dumps([code, sorted(sys.modules)]), file=sys.stderr)
"""
SERVE = """
import json, sys
import custody.app.serve.serve, custody.cli.operator.serve, custody.web
from custody.protocols import find_protocol
print(json.dumps([bool(find_protocol("postgres")), sorted(sys.modules)]), file=sys.stderr)
"""


def imported(program: str, *arguments: str) -> tuple[int, set[str]]:
    """How a program ended, and the names of all modules and packages that it had then."""
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    code, modules = json.loads(done.stderr.splitlines()[-1])
    roots = {name.partition(".")[0] for name in modules}
    rooms = {".".join(name.split(".")[:2]) for name in modules}
    return code, {*modules, *roots, *rooms}


@pytest.mark.parametrize("arguments", [["--version"], ["--help"]])
def test_what_every_command_begins_with_imports_nothing_heavy(arguments: list[str]) -> None:
    code, modules = imported(RUN, *arguments)
    assert code == 0
    more = {"custody.app", "custody.config", "msgspec", "pydantic", "rich"}
    assert modules & (HEAVY | ROOMS | more) == set()


@pytest.mark.parametrize("command", [["verify"], ["ticket", "list"], ["sessions"], ["serve"]])
def test_a_commands_help_imports_nothing_of_what_it_does(command: list[str]) -> None:
    code, modules = imported(RUN, *command, "--help")
    assert code == 0
    assert modules & (HEAVY | ROOMS | {"custody.config"}) == set()


def test_who_reads_evidence_without_a_gateway_needs_no_policy_and_no_state(tmp_path: Path) -> None:
    made = initialise(tmp_path / "gw", "gw1.example.com", dt.datetime.now(dt.UTC), os.urandom)
    code, modules = imported(RUN, "sessions", "-c", str(made.config))
    assert code == 0
    assert modules & {"cel", "re2", "sqlalchemy", "custody.access", "custody.state"} == set()


def answer_once(door: socket.socket, asked: list[bytes]) -> None:
    visitor, _ = door.accept()
    with visitor, visitor.makefile("rwb") as lines:
        asked.append(lines.readline())
        lines.write(b'{"result":{"items":[{"id":"loop_1","ended":true}],"next":null}}\n')


def test_kill_imports_what_asks_a_gateway_and_nothing_of_one(tmp_path: Path) -> None:
    made = initialise(tmp_path / "gw", "gw1.example.com", dt.datetime.now(dt.UTC), os.urandom)
    run = tmp_path / "gw" / "data" / "run"
    run.mkdir()
    asked: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(run / "admin.sock"))
        door.listen()
        gateway = threading.Thread(target=answer_once, args=(door, asked))
        gateway.start()
        code, modules = imported(RUN, "kill", "loop_1", "-c", str(made.config))
        gateway.join(60)
    assert json.loads(asked[0])["call"] == "kill"
    assert code == 0
    # The configuration is read by the tables of the rooms; what works behind them stays away.
    tables = {"custody.evidence", "custody.identity", "custody.protocols", "asyncio"}
    assert modules & (HEAVY | ROOMS) <= tables
    assert modules & WORKING == set()


def test_a_gateway_without_providers_or_console_imports_no_library_of_theirs() -> None:
    built, modules = imported(SERVE)
    assert built
    assert modules & (FOR_NO_PROVIDER | PARSER) == set()
