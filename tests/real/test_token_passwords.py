"""A workload's raw token where a client gives its password: an unchanged driver, a real server."""

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

ISSUER = "https://ci.example.com"
TABLES = f"""
[[workload]]
name = "ci"
issuer = "{ISSUER}"
audience = ["custody"]
preset = "github"
jwks = "keys.json"
subject = "repository"
groups = ["agents"]
require = {{ repository = "acme/shop", ref = "refs/heads/main" }}
password = true

[[workload]]
name = "no-passwords"
issuer = "https://other.example.com"
audience = ["custody"]
jwks = "keys.json"
groups = ["agents"]
require = {{ repository = "acme/shop" }}
"""


class Scene:
    def __init__(self, gateway: RunningGateway, key: ECKey) -> None:
        self.gateway = gateway
        self.key = key

    def token(self, **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "custody",
            "sub": "repo:acme/shop",
            "repository": "acme/shop",
            "ref": "refs/heads/main",
            "iat": now - 5,
            "exp": now + 600,
            "jti": f"job-{time.time_ns()}",
            **changed,
        }
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, self.key)

    def enter(self, token: str) -> psycopg.Connection[Any]:
        return psycopg.connect(self.gateway.dsn(token, "orders"), connect_timeout=10)

    def loops(self) -> list[dict[str, Any]]:
        return self.gateway.items("loops")


@pytest.fixture
def scene(tmp_path: Path, postgres: ScratchPostgres, database: str) -> Iterator[Scene]:
    key = ECKey.generate_key("P-256", parameters={"alg": "ES256", "use": "sig"}, auto_kid=True)
    folder = tmp_path / "gateway"
    folder.mkdir()
    (folder / "keys.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    config = HEAD + target(postgres, database) + TABLES
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as gateway:
        yield Scene(gateway, key)


def test_the_same_token_gives_the_same_loop_until_that_is_killed(scene: Scene) -> None:
    token = scene.token()
    for _ in range(3):
        with scene.enter(token) as connection:
            assert connection.execute("SELECT 1").fetchone() == (1,)
    (loop,) = scene.loops()
    assert loop["identity"] == "acme/shop"
    scene.gateway.custody("kill", loop["id"])
    with pytest.raises(psycopg.OperationalError, match="revoked"):
        scene.enter(token)
    with scene.enter(scene.token()):
        assert len(scene.loops()) == 2
    assert token.encode() not in scene.gateway.output()


@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"ref": "refs/heads/mine"}, "not known here"),
        ({"aud": "somebody-else"}, "not known here"),
        ({"exp": 1_700_000_000}, "expired"),
        ({"iss": "https://other.example.com"}, "not known here"),
        ({"iss": "https://evil.example.com"}, "not known here"),
    ],
    ids=["branch", "audience", "expired", "no passwords", "issuer"],
)
def test_what_was_not_meant_for_this_is_refused(
    scene: Scene, changed: dict[str, Any], words: str
) -> None:
    with pytest.raises(psycopg.OperationalError, match=words):
        scene.enter(scene.token(**changed))
    assert scene.loops() == []
    assert "login.refused" in {item["kind"] for item in scene.gateway.items("search", "kind:*")}
