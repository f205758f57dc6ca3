"""psql 18 as it is: it asks a listener whose tokens it takes, has its user log in at that issuer by
the device flow, and comes back with a token.

``CUSTODY_PSQL18`` names such a psql, built with libcurl. An issuer without TLS is what libpq calls
unsafe, and allows for tests only (``PGOAUTHDEBUG=UNSAFE``).
"""

import os
import re
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import pytest
from tests.providers.oidc_provider.running import (
    Browser,
    RunningProvider,
    install,
    running_provider,
    why_not,
)
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

PSQL: Final = os.environ.get("CUSTODY_PSQL18", "")
RESOURCE: Final = "https://gw1.example.com"
CLIENT: Final = {
    "client_id": "psql",
    "token_endpoint_auth_method": "none",
    "redirect_uris": [],
    "response_types": [],
    "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"],
}
_OIDC: Final = """
[[oidc]]
name = "corp"
issuer = "{issuer}"
client_id = "custody"
audience = ["{audience}"]
scopes = ["openid"]
flows = ["device"]

[[grant]]
identities = ["alice"]
targets = ["orders"]
effects = ["read"]
"""


def _why_not() -> str:
    if not PSQL:
        return "CUSTODY_PSQL18 does not name a psql of PostgreSQL 18"
    said = subprocess.run([PSQL, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"\) (\d+)", said)
    if found is None or int(found[1]) < 18:
        return f"CUSTODY_PSQL18 is {said.strip() or 'nothing that runs'}"
    return why_not()


pytestmark = [
    pytest.mark.provider,
    pytest.mark.real,
    pytest.mark.skipif(bool(_why_not()), reason=_why_not() or "never"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def provider(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningProvider]:
    folder = tmp_path_factory.mktemp("oidc_provider")
    failure = install(folder)
    if failure:
        pytest.skip(failure)
    accounts: dict[str, list[str]] = {"alice": [], "mallory": []}
    with running_provider(
        folder, clients=[CLIENT], accounts=accounts, resource=RESOURCE
    ) as running:
        yield running


@contextmanager
def gateway_for(
    provider: RunningProvider, postgres: ScratchPostgres, folder: Path, audience: str
) -> Iterator[RunningGateway]:
    head = HEAD.replace('cleartext = "loopback"\n', 'oauth = "corp"\n')
    config = head + target(postgres, "bearers")
    config += _OIDC.format(issuer=provider.issuer, audience=audience)
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as gateway:
        yield gateway


@pytest.fixture(scope="module")
def gateway(
    provider: RunningProvider,
    postgres: ScratchPostgres,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[RunningGateway]:
    postgres.create_database("bearers")
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_for(provider, postgres, folder, RESOURCE) as running:
        yield running


class Said:
    """What psql said, and how it ended."""

    def __init__(self, out: str, errors: str, code: int) -> None:
        self.out = out
        self.errors = errors
        self.code = code


def psql(gateway: RunningGateway, issuer: str, who: str, **more: str) -> Said:
    """Run a query as somebody who logs in at the issuer when psql says where."""
    words = {
        "host": "127.0.0.1",
        "port": str(gateway.port),
        "dbname": "orders",
        "user": "anybody",
        "sslmode": "verify-full",
        "sslrootcert": str(gateway.authority),
        "require_auth": "oauth",
        "oauth_issuer": issuer,
        "oauth_client_id": "psql",
        **more,
    }
    with subprocess.Popen(
        [PSQL, "-XAtc", "SELECT 41 + 1", " ".join(f"{k}='{v}'" for k, v in words.items())],
        env={**_plain_environment(), "PGOAUTHDEBUG": "UNSAFE"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        timer = threading.Timer(60, process.kill)
        timer.start()
        try:
            assert process.stderr is not None
            errors = ""
            for line in process.stderr:
                errors += line
                asked = re.search(r"Visit (\S+) and enter the code: (\S+)", line)
                if asked is not None:
                    browser = Browser(who)
                    page, _ = browser.visit(f"{asked[1]}?user_code={asked[2]}")
                    browser.close()
                    assert "Success" in page, page
            assert process.stdout is not None
            out = process.stdout.read()
            return Said(out.strip(), errors, process.wait())
        finally:
            timer.cancel()


def _plain_environment() -> Mapping[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")}


def test_psql_18_logs_in_by_the_device_flow(
    gateway: RunningGateway, provider: RunningProvider
) -> None:
    said = psql(gateway, provider.issuer, "alice")
    assert (said.out, said.code) == ("42", 0), said.errors
    (command,) = [each for each in gateway.commands() if "41 + 1" in str(each)]
    assert "alice" in str(command)


def test_who_has_no_grant_is_told_so(gateway: RunningGateway, provider: RunningProvider) -> None:
    said = psql(gateway, provider.issuer, "mallory")
    assert said.code == 2
    assert "no grant lets this identity use any target now" in said.errors


def test_a_token_for_others_is_not_taken(
    provider: RunningProvider,
    postgres: ScratchPostgres,
    gateway: RunningGateway,
    tmp_path: Path,
) -> None:
    del gateway  # it made the database
    with gateway_for(provider, postgres, tmp_path, "https://other.example.com") as other:
        said = psql(other, provider.issuer, "alice")
    assert said.code == 2
    assert "this token is not taken here" in said.errors


def test_psql_18_asks_no_other_issuer_than_its_user_named(
    gateway: RunningGateway, provider: RunningProvider
) -> None:
    del provider
    said = psql(gateway, "https://elsewhere.example.com", "alice")
    assert said.code == 2
    assert "oauth_issuer" in said.errors


def test_no_token_is_on_disk_or_in_a_log(
    gateway: RunningGateway, provider: RunningProvider
) -> None:
    said = psql(gateway, provider.issuer, "alice")
    # libpq's own trace, which it writes for tests alone, shows what the issuer gave it.
    tokens: list[Any] = re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", said.errors)
    assert tokens
    for path in gateway.folder.rglob("*"):
        if path.is_file():
            held = path.read_bytes()
            assert not any(token.encode() in held for token in tokens), path
