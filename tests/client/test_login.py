"""`custody login` and `logout`, with a gateway that is played."""

import hashlib
import json
import os
import subprocess
import sys
import time
from base64 import b32encode, urlsafe_b64encode
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from tests.client.played_gateway import LOGIN, PlayedGateway, played_gateway

from custody.cli.main import run

PENDING = (400, {"error": "authorization_pending", "error_description": "…", "code": "x.y"})
SLOWER = (400, {"error": "slow_down", "error_description": "…", "code": "x.y"})


@pytest.fixture
def gateway() -> Iterator[PlayedGateway]:
    with played_gateway() as played:
        played.tokens = [(200, LOGIN)]
        yield played


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where the login is kept, of somebody who is logged in nowhere."""
    for name in [name for name in os.environ if name.startswith(("CUSTODY_", "XDG_"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(time, "sleep", lambda _: None)
    return tmp_path / ".config" / "custody" / "login.json"


def login(gateway: PlayedGateway, *words: str) -> int:
    return run(["login", "--gateway", gateway.url, *words])


class Browser:
    """`custody login --no-browser` in a process of its own, and somebody who opens the address."""

    def __init__(self, gateway: PlayedGateway, home: Path) -> None:
        words = [str(Path(sys.executable).with_name("custody")), "login", "--no-browser"]
        environment = {**os.environ, "HOME": str(home), "CUSTODY_GATEWAY": gateway.url}
        self.process = subprocess.Popen(
            words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()
        self.query = {
            name: values[0] for name, values in parse_qs(urlsplit(self.url).query).items()
        }

    def end(self) -> tuple[int, str]:
        _, said = self.process.communicate(timeout=20)
        return self.process.returncode, said


def test_a_login_in_the_browser(gateway: PlayedGateway, kept: Path, tmp_path: Path) -> None:
    browser = Browser(gateway, tmp_path)
    back = browser.query["redirect_uri"]
    # Nobody else can end it: not without the state, not elsewhere.
    assert httpx.get(back, params={"code": "cc_evil", "state": "guessed"}).status_code == 404
    assert httpx.get(back + "/x", params=browser.query).status_code == 404
    page = httpx.get(browser.url, follow_redirects=True)
    assert page.status_code == 200
    assert "Logged in" in page.text
    code, said = browser.end()
    assert code == 0
    (form,) = gateway.asked_at("/oauth/token")
    assert form["code"] == "cc_once"
    digest = hashlib.sha256(form["code_verifier"].encode()).digest()
    challenge = urlsafe_b64encode(digest).decode().rstrip("=")
    assert browser.query["code_challenge"] == challenge
    check = b32encode(hashlib.sha256(b"custody check\n" + challenge.encode()).digest())[:6]
    assert f"shows {check[:3].decode()}-{check[3:].decode()}" in said
    assert "logged in" in said
    assert kept.stat().st_mode & 0o777 == 0o600
    assert kept.parent.stat().st_mode & 0o777 == 0o700
    assert json.loads(kept.read_bytes())["login"] == "cl_secret"
    assert "cl_secret" not in said


def test_a_login_that_was_declined_says_so(
    gateway: PlayedGateway, kept: Path, tmp_path: Path
) -> None:
    gateway.denies = "access_denied&error_description=No%1b[31m.&error_code=login.declined"
    gateway.after_login = lambda query: (  # type: ignore[method-assign]  # another ending
        f"{query['redirect_uri']}?error={gateway.denies}&state={query['state']}"
    )
    browser = Browser(gateway, tmp_path)
    assert "Not logged in" in httpx.get(browser.url, follow_redirects=True).text
    code, said = browser.end()
    assert code == 1
    assert "The login was refused: No [31m." in said
    assert not kept.exists()


def test_a_login_by_device_code(
    gateway: PlayedGateway, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.tokens = [PENDING, SLOWER, PENDING, (200, LOGIN)]
    assert login(gateway, "--device") == 0
    said = capsys.readouterr().err
    assert "open https://id.example.com/device and enter the code WDJB-MJHT" in said
    assert [form["device_code"] for form in gateway.asked_at("/oauth/token")] == [
        "the-device-code"
    ] * 4
    assert kept.exists()


def test_a_device_code_that_nobody_enters_is_given_up(
    gateway: PlayedGateway, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.tokens = [PENDING]
    assert login(gateway, "--device") == 1
    assert len(gateway.asked_at("/oauth/token")) == 30  # as long as it holds, once a second
    assert "The code was not entered in time." in capsys.readouterr().err
    assert not kept.exists()


REFUSED = (400, {"error": "access_denied", "error_description": "Declined.", "code": "login.no"})

FAULTS: dict[str, tuple[dict[str, tuple[int, object]], tuple[str, ...], str]] = {
    "refused": ({"/oauth/token": REFUSED}, (), "Declined."),
    "not a gateway": ({"/api/v1/gateway": (200, b"<html>")}, (), "is not a Custody gateway's API"),
    "a redirect": ({"/api/v1/gateway": (302, b"{}")}, (), "is not a Custody gateway's API"),
    "too long": ({"/api/v1/gateway": (200, b" " * 1_100_000)}, (), "its answer is too long"),
    "no provider": (
        {"/api/v1/gateway": (200, {"name": "gw", "version": "1", "ca": ""})},
        (),
        "has no provider to log in with",
    ),
    "which provider": ({}, ("--provider", "other"), "Choose one with --provider: corp."),
    "no credentials": ({}, ("--client-credentials",), "Set CUSTODY_CLIENT_ID"),
    "strange device": ({"/oauth/device_authorization": (200, {})}, (), "is not a Custody"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_what_goes_wrong_is_said_and_nothing_is_kept(
    gateway: PlayedGateway, kept: Path, fault: str, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.answers, words, said = FAULTS[fault]
    assert login(gateway, *(words or ("--device",))) == 1
    assert said in capsys.readouterr().err
    assert not kept.exists()


def test_among_several_providers_one_is_chosen(
    gateway: PlayedGateway, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    providers = [{"name": name, "kind": "oidc"} for name in ("corp", "partner")]
    gateway.facts["providers"] = [*providers, {"name": "ci", "kind": "workload"}]
    assert login(gateway, "--device") == 1
    assert "Choose one with --provider: corp, partner." in capsys.readouterr().err
    assert login(gateway, "--device", "--provider", "partner") == 0
    assert gateway.asked_at("/oauth/device_authorization") == [{"provider": "partner"}]
    assert json.loads(kept.read_bytes())["provider"] == "partner"


def test_a_service_logs_in_with_its_own_credentials(
    gateway: PlayedGateway, kept: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with played_gateway() as provider:
        provider.answers["/.well-known/openid-configuration"] = (
            200,
            {"issuer": provider.url, "token_endpoint": f"{provider.url}/oauth/token"},
        )
        provider.tokens = [(200, {"access_token": "a.b.c"})]
        gateway.facts["providers"] = [
            {"name": "corp", "kind": "oidc", "issuer": provider.url, "audience": ["custody"]}
        ]
        monkeypatch.setenv("CUSTODY_CLIENT_ID", "robot")
        monkeypatch.setenv("CUSTODY_CLIENT_SECRET", "s3cret")
        assert login(gateway, "--client-credentials") == 0
        (form,) = provider.asked_at("/oauth/token")
        assert form == {"grant_type": "client_credentials", "audience": "custody"}
    (form,) = gateway.asked_at("/oauth/token")
    assert (form["subject_token"], form["requested_token_type"]) == (
        "a.b.c",
        "urn:custody:token-type:login",
    )
    assert kept.exists()


def test_logout_ends_the_login_at_the_gateway(
    gateway: PlayedGateway, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert login(gateway, "--device") == 0
    assert run(["logout"]) == 0
    assert gateway.asked_at("/oauth/revoke") == [{"token": "cl_secret"}]
    assert not kept.exists()
    assert run(["logout"]) == 0
    assert "nobody is logged in here" in capsys.readouterr().err


def test_logout_forgets_though_the_gateway_does_not_answer(
    gateway: PlayedGateway, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert login(gateway, "--device") == 0
    gateway.answers["/oauth/revoke"] = (503, {"error": "temporarily_unavailable", "code": "a.b"})
    assert run(["logout"]) == 1
    assert "is forgotten here, but the gateway was not told" in capsys.readouterr().err
    assert not kept.exists()


def test_a_login_that_is_over_says_so(
    gateway: PlayedGateway, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    gateway.tokens = [(200, {**LOGIN, "expires_in": -1})]
    assert login(gateway, "--device") == 0
    assert run(["run", "--", "true"]) == 1
    assert f"The login at {gateway.url} is over. `custody login` again." in capsys.readouterr().err


def test_a_login_that_others_can_read_is_not_used(
    gateway: PlayedGateway, kept: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert login(gateway, "--device") == 0
    kept.chmod(0o644)
    assert run(["run", "--", "true"]) == 1
    assert "can be read by others" in capsys.readouterr().err
    assert login(gateway, "--device") == 0  # written anew
    assert kept.stat().st_mode & 0o777 == 0o600
