"""A gateway with two targets, a console and a workload issuer, and `custody run` beside it.

Law: a script that runs under `custody run` is what anybody would have written; nothing in it knows
of a gateway.
"""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

ISSUER = "https://ci.example.com"
AUDIENCE = "custody"
CUSTODY = str(Path(sys.executable).with_name("custody"))

_CONSOLE = f"""
[listen.console]
address = "127.0.0.1:0"

[[workload]]
name = "ci"
issuer = "{ISSUER}"
audience = ["{AUDIENCE}"]
preset = "github"
jwks = "keys.json"
subject = "repository"
groups = ["agents"]
require = {{ repository = "acme/shop", ref = ["refs/heads/main", "refs/tags/*"] }}
"""


class RunScene:
    def __init__(self, gateway: RunningGateway, home: Path, key: ECKey) -> None:
        self.gateway = gateway
        self.home = home
        self.key = key
        self.url = f"https://127.0.0.1:{gateway.ports.get('console', 0)}"

    def environment(self, **more: str) -> dict[str, str]:
        """Of somebody who has nothing of PostgreSQL's or of ours set."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if not name.startswith(("PG", "CUSTODY_", "PYTEST_", "ACTIONS_", "CIRCLE_", "XDG_"))
        }
        places = {"HOME": str(self.home), "XDG_RUNTIME_DIR": str(self.home)}
        path = f"{Path(CUSTODY).parent}:{kept['PATH']}"
        return {**kept, **places, "PATH": path, "PGCONNECT_TIMEOUT": "10", **more}

    def of_ci(self, token: str, **more: str) -> dict[str, str]:
        """As a CI job has it: three variables."""
        return self.environment(
            CUSTODY_GATEWAY=self.url,
            CUSTODY_CA=str(self.gateway.authority),
            CUSTODY_ID_TOKEN=token,
            **more,
        )

    def token(self, key: ECKey | None = None, **changed: Any) -> str:
        """What the CI system gives a job; ``changed`` are claims that are otherwise."""
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": AUDIENCE,
            "sub": "repo:acme/shop:ref:refs/heads/main",
            "repository": "acme/shop",
            "ref": "refs/heads/main",
            "sha": "0123456789012345678901234567890123456789",
            "iat": now - 5,
            "nbf": now - 5,
            "exp": now + 600,
            "jti": f"job-{time.time_ns()}",
            **changed,
        }
        signer = key or self.key
        return jwt.encode({"alg": "ES256", "kid": signer.kid}, claims, signer)

    def words(self, *words: str, group: str = "agents") -> list[str]:
        """`custody run` at this host's own gateway."""
        return [CUSTODY, "run", "-c", str(self.gateway.config), "--group", group, *words]

    def run(
        self,
        *words: str,
        expect: int | None = 0,
        environment: Mapping[str, str] | None = None,
        group: str = "agents",
    ) -> "subprocess.CompletedProcess[str]":
        return done(self.words(*words, group=group), environment or self.environment(), expect)

    def ci(
        self, *words: str, token: str, expect: int | None = 0
    ) -> "subprocess.CompletedProcess[str]":
        """`custody run` in a CI job: one line in front."""
        return done([CUSTODY, "run", *words], self.of_ci(token), expect)

    def loops(self) -> dict[str, dict[str, Any]]:
        found = json.loads(self.gateway.custody("loops", "--json", "--limit", "500").stdout)
        return {item["id"]: item for item in found["items"]}


def done(
    words: list[str], environment: Mapping[str, str], expect: int | None = 0
) -> "subprocess.CompletedProcess[str]":
    ended = subprocess.run(
        words, env=environment, capture_output=True, text=True, check=False, timeout=60
    )
    if expect is not None:
        assert ended.returncode == expect, (ended.returncode, ended.stdout, ended.stderr)
    return ended


def ticket_is_refused(gateway: RunningGateway, ticket: str) -> bool:
    asked = subprocess.run(
        ["psql", gateway.dsn(ticket, "orders"), "-Xqc", "SELECT 1"],
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )
    return asked.returncode == 2


@contextmanager
def run_scene(postgres: ScratchPostgres, folder: Path) -> Iterator[RunScene]:
    for name in ("run_orders", "run_stock"):
        postgres.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")  # an earlier module's
        postgres.create_database(name)
        postgres.execute(f"CREATE TABLE whoami AS SELECT '{name}' AS name", database=name)
    config = HEAD + target(postgres, "run_orders") + _CONSOLE
    config += target(postgres, "run_stock", name="stock", listen=True)
    key = ECKey.generate_key("P-256", parameters={"alg": "ES256", "use": "sig"}, auto_kid=True)
    home = folder / "home"
    home.mkdir()
    gateway_folder = folder / "gateway"
    gateway_folder.mkdir()
    (gateway_folder / "keys.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    with running_gateway(gateway_folder, config, {"TARGET_PASSWORD": postgres.password}) as gateway:
        yield RunScene(gateway, home, key)
