"""`custody login`, `run` and `logout` at a real provider, by device code and as a service."""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pytest
from tests.providers.oidc_provider.running import Browser, install, running_provider, why_not
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

WHY_NOT: Final = why_not() or ("" if shutil.which("psql") else "psql is not on this machine")
pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "never"),
    pytest.mark.timeout(240),
]

SECRET: Final = "a client's own: 100% odd"
AUDIENCE: Final = "https://custody.example.com"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
CUSTODY: Final = str(Path(sys.executable).with_name("custody"))


def config(server: ScratchPostgres, issuer: str) -> str:
    return (
        HEAD
        + target(server, "command_line")
        + f"""
[[grant]]
identities = ["robot"]
targets = ["orders"]
effects = ["read"]

[listen.console]
address = "127.0.0.1:0"

[[oidc]]
name = "corp"
issuer = "{issuer}"
client_id = "custody"
client_secret = "plain:{SECRET}"
flows = ["code", "device"]

[[oidc]]
name = "robots"
issuer = "{issuer}"
client_id = "robot"
audience = ["{AUDIENCE}"]
flows = ["client_credentials"]
"""
    )


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("provider")
    problem = install(folder)
    if problem:
        pytest.skip(problem)
    clients: list[Mapping[str, object]] = [
        {
            "client_id": "custody",
            "client_secret": SECRET,
            "redirect_uris": ["https://127.0.0.1/callback"],
            "response_types": ["code"],
            "grant_types": ["authorization_code", "refresh_token", DEVICE],
        },
        {
            "client_id": "robot",
            "client_secret": SECRET,
            "redirect_uris": [],
            "response_types": [],
            "grant_types": ["client_credentials"],
        },
    ]
    postgres.create_database("command_line")
    with (
        running_provider(folder, clients=clients, accounts={"ada": ["agents"]}) as provider,
        running_gateway(
            tmp_path_factory.mktemp("gateway"),
            config(postgres, provider.issuer),
            {"TARGET_PASSWORD": postgres.password},
        ) as running,
    ):
        yield running


class Person:
    """Somebody with a home of their own, and nothing set but where the gateway is."""

    def __init__(self, gateway: RunningGateway, home: Path) -> None:
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "CUSTODY_", "XDG_"))
        }
        self.environment = {**kept, "HOME": str(home), "XDG_RUNTIME_DIR": str(home)}
        self.where = ("--gateway", f"https://127.0.0.1:{gateway.ports['console']}")
        self.trust = ("--ca", str(gateway.authority))

    def start(self, *words: str) -> "subprocess.Popen[str]":
        return subprocess.Popen(
            [CUSTODY, *words],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def do(self, *words: str, expect: int = 0) -> tuple[str, str]:
        process = self.start(*words)
        said = process.communicate(timeout=60)
        assert process.returncode == expect, said
        return said


@pytest.fixture
def person(gateway: RunningGateway, tmp_path: Path) -> Person:
    return Person(gateway, tmp_path)


def test_a_login_by_device_code_runs_commands_until_its_logout(person: Person) -> None:
    login = person.start("login", "--device", "--provider", "corp", *person.where, *person.trust)
    assert login.stderr is not None
    line = login.stderr.readline()
    while "or open " not in line:
        assert line, login.communicate()
        line = login.stderr.readline()
    browser = Browser("ada")
    try:
        browser.visit(line.split("or open ")[1].strip())
    finally:
        browser.close()
    said = login.communicate(timeout=30)[1]
    assert login.returncode == 0, said
    assert "through corp" in said

    # The gateway and whom to trust are known from the login.
    out, said = person.do("run", "--target", "orders", "--", "psql", "-XAtc", "SELECT 42")
    assert out == "42\n"
    assert "(ada)" in said

    running = person.start("run", "--", "sh", "-c", "echo on; exec psql -Xc 'SELECT pg_sleep(60)'")
    assert running.stdout is not None
    assert running.stdout.readline() == "on\n"
    time.sleep(0.5)
    assert "logged out" in person.do("logout")[1]
    began = time.monotonic()
    said = running.communicate(timeout=30)[1]
    assert running.returncode == 2, said
    assert time.monotonic() - began < 5
    assert "this loop has ended" in said

    said = person.do("run", *person.where, *person.trust, "--", "true", expect=1)[1]
    assert "Nothing here proves who starts this loop." in said


def test_a_service_logs_in_with_its_own_credentials(person: Person) -> None:
    words = ("login", "--client-credentials", "--provider", "robots", *person.where, *person.trust)
    person.environment |= {"CUSTODY_CLIENT_ID": "robot", "CUSTODY_CLIENT_SECRET": "wrong"}
    said = person.do(*words, expect=1)[1]
    assert "robots gave the service no token: status 401." in said
    person.environment["CUSTODY_CLIENT_SECRET"] = SECRET
    person.do(*words)
    script = "psql -XAtc 'SELECT 42'; env | grep -c CLIENT_SECRET"
    out, said = person.do("run", "--", "sh", "-c", script, expect=1)
    assert out == "42\n0\n"
    assert "(robot)" in said
