"""A CI job: a signed workload token in, a loop out, with one line in front."""

import http.server
import json
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from joserfc.jwk import ECKey
from tests.real.run_scene import AUDIENCE, CUSTODY, RunScene, done, run_scene

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [
    pytest.mark.real,
    pytest.mark.timeout(120),
    pytest.mark.skipif(shutil.which("psql") is None, reason="no psql on this machine"),
]

JOB = ("--", "psql", "-XAtc", "SELECT name FROM whoami")


@pytest.fixture(scope="module")
def scene(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunScene]:
    with run_scene(postgres, tmp_path_factory.mktemp("ci")) as scene:
        yield scene


def refusals(scene: RunScene) -> list[str]:
    found = scene.gateway.items("search", "kind:login.refused", "--oldest")
    return [item["detail"]["reason"] for item in found]


def test_a_job_with_a_token_needs_no_more_than_one_line(scene: RunScene) -> None:
    ran = scene.ci(*JOB, token=scene.token())
    assert ran.stdout == "run_orders\n"
    told = scene.loops()[ran.stderr.split()[1]]
    assert (told["identity"], told["issuer"]) == ("acme/shop", "https://ci.example.com")
    assert told["reason"] == "ended"
    items = scene.gateway.items("search", f"kind:loop.start loop:{told['id']}")
    facts = items[0]["detail"]["facts"]
    assert facts["repository"] == "acme/shop"
    assert facts["commit"].startswith("0123456789")


STRANGER = ECKey.generate_key("P-256", parameters={"alg": "ES256", "use": "sig"}, auto_kid=True)

WRONG: dict[str, tuple[dict[str, Any], str, str]] = {
    "audience": ({"aud": "sts.amazonaws.com"}, "identity.audience", "audience"),
    "branch": ({"ref": "refs/heads/feature"}, "identity.requirement", "ref"),
    "repository": ({"repository": "eve/shop"}, "identity.requirement", "repository"),
    "issuer": ({"iss": "https://ci.example.org"}, "identity.issuer", "vouches"),
    "time": ({"exp": int(time.time()) - 300}, "identity.expired", "expired"),
    "key": ({"key": STRANGER}, "identity.key-unknown", "does not publish"),
}


@pytest.mark.parametrize("what", WRONG)
def test_a_wrong_token_is_refused_with_a_sentence(scene: RunScene, what: str) -> None:
    changed, code, said = WRONG[what]
    ran = scene.ci(*JOB, token=scene.token(**changed), expect=1)
    assert ran.stdout == ""
    (line,) = ran.stderr.splitlines()
    assert line.startswith("custody: ")
    assert said in line
    assert refusals(scene)[-1] == code
    assert not list(scene.home.glob("custody-run-*"))


def test_a_token_file_is_read_anew_at_each_start(scene: RunScene, tmp_path: Path) -> None:
    """As a cluster projects a service account's token, or Jenkins mounts one."""
    file = tmp_path / "token"
    environment = scene.of_ci("", CUSTODY_ID_TOKEN_FILE=str(file))
    for token, code in ((scene.token(), 0), ("", 1), (scene.token(), 0)):
        file.write_text(f"{token}\n")
        done([CUSTODY, "run", *JOB], environment, code)


def test_a_sub_agent_of_a_job_is_a_child_with_the_jobs_facts(scene: RunScene) -> None:
    ran = scene.ci("--", CUSTODY, "run", *JOB, token=scene.token())
    assert ran.stdout == "run_orders\n"
    parent, child = (line.split()[1] for line in ran.stderr.splitlines())
    assert scene.loops()[child]["parent"] == parent
    items = scene.gateway.items("search", f"kind:loop.start loop:{child}")
    assert items[0]["detail"]["facts"]["repository"] == "acme/shop"


def test_an_operators_ticket_in_a_file_is_as_good(scene: RunScene, tmp_path: Path) -> None:
    file = tmp_path / "ticket"
    file.write_text(scene.gateway.ticket())
    ran = done([CUSTODY, "run", *JOB], scene.of_ci("", CUSTODY_TICKET_FILE=str(file)))
    assert ran.stdout == "run_orders\n"
    told = scene.loops()
    child = told[ran.stderr.split()[1]]
    assert told[child["parent"]]["ended"] is None  # the operator's loop goes on


@contextmanager
def github(scene: RunScene) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """The service that a job of GitHub Actions asks for its token."""
    asked: list[dict[str, Any]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            query = parse_qs(urlsplit(self.path).query)
            asked.append({"query": query, "bearer": self.headers["Authorization"]})
            right = self.headers["Authorization"] == "Bearer of-the-job"
            token = scene.token(aud=query["audience"][0]) if right else ""
            body = json.dumps({"count": len(token), "value": token}).encode()
            self.send_response(200 if right else 401)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.05,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_port}/token?api-version=2.0", asked
        finally:
            server.shutdown()
            thread.join()


def test_github_gives_the_job_a_token_for_this_gateway(scene: RunScene) -> None:
    with github(scene) as (url, asked):
        job = {"ACTIONS_ID_TOKEN_REQUEST_URL": url, "ACTIONS_ID_TOKEN_REQUEST_TOKEN": "of-the-job"}
        ran = done([CUSTODY, "run", *JOB], scene.of_ci("", **job))
        assert ran.stdout == "run_orders\n"
        assert asked == [
            {
                "query": {"api-version": ["2.0"], "audience": [AUDIENCE]},
                "bearer": "Bearer of-the-job",
            }
        ]
        job["ACTIONS_ID_TOKEN_REQUEST_TOKEN"] = "of-another"
        ran = done([CUSTODY, "run", *JOB], scene.of_ci("", **job), 1)
        assert "GitHub gave the job no OIDC token: status 401." in ran.stderr
        assert "id-token: write" in ran.stderr


@pytest.mark.parametrize(
    ("words", "changed", "said"),
    [
        ((), {"CUSTODY_ID_TOKEN": ""}, "in CI give the job an OIDC token (docs/ci.md)"),
        ((), {"CUSTODY_CA": ""}, "its certificate is not trusted"),
        ((), {"CUSTODY_CA": "/nowhere"}, "/nowhere (No such file or directory) cannot be read"),
        (("--gateway", "http://gw.example.com"), {}, "is not an https URL"),
        (("--gateway", "https://127.0.0.1:1"), {}, "cannot be reached: Connection refused."),
        (("--group", "agents"), {}, "--group is for the gateway of this host."),
    ],
)
def test_what_is_missing_is_said(
    scene: RunScene, words: tuple[str, ...], changed: dict[str, str], said: str
) -> None:
    environment = {**scene.of_ci(scene.token()), **changed}
    ran = done([CUSTODY, "run", *words, *JOB], environment, None)
    assert ran.returncode in (1, 3)
    assert said in ran.stderr


def test_without_any_gateway_it_is_said_how_to_name_one(scene: RunScene) -> None:
    ran = done([CUSTODY, "run", "-c", "/nowhere/custody.toml", *JOB], scene.environment(), 1)
    assert "`custody login --gateway URL`, or set CUSTODY_GATEWAY" in ran.stderr
