"""A person logs in: a real browser, a real OpenID provider, a real gateway; and what a stranger's
link comes to.
"""

import os
import socket
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import psycopg
import pytest
from tests.providers.browser.chromium import Browser, Tool, browser, tool
from tests.providers.browser.chromium import why_not as no_browser
from tests.providers.oidc_provider.running import install, running_provider
from tests.providers.oidc_provider.running import why_not as no_provider
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

WHY_NOT: Final = no_browser() or no_provider()
pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "never"),
    pytest.mark.timeout(300),
]

SECRET: Final = "the gateway's at the provider"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
LOGIN: Final = "urn:custody:token-type:login"


@pytest.fixture(scope="module")
def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory, free_port: int) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("oidc-provider")
    problem = install(folder)
    if problem:
        pytest.skip(problem)
    us = f"https://127.0.0.1:{free_port}/login/corp"
    client = {
        "client_id": "custody",
        "client_secret": SECRET,
        "redirect_uris": [f"{us}/callback"],
        "response_types": ["code"],
        "grant_types": ["authorization_code", "refresh_token", DEVICE],
        "backchannel_logout_uri": f"{us}/backchannel-logout",
    }
    with pytest.MonkeyPatch.context() as patch:
        # It tells the gateway of logouts, over TLS that only this test's gateway vouches for.
        patch.setenv("NODE_TLS_REJECT_UNAUTHORIZED", "0")
        with running_provider(folder, clients=[client], accounts={"ada": ["agents"]}) as provider:
            yield provider.issuer


class Gateway:
    """A running gateway, and its API as a tool uses it."""

    def __init__(self, running: RunningGateway, url: str) -> None:
        self.running: Final = running
        self.url: Final = url
        trust = ssl.create_default_context(cafile=running.authority)
        self._http: Final = httpx.Client(base_url=url, verify=trust, trust_env=False, timeout=20)

    def close(self) -> None:
        self._http.close()

    def post(self, path: str, **form: str) -> tuple[int, dict[str, Any]]:
        answer = self._http.post(path, data=form)
        return answer.status_code, answer.json()

    def redeem(self, waiting: Tool, code: str) -> tuple[int, dict[str, Any]]:
        return self.post(
            "/oauth/token",
            grant_type="authorization_code",
            code=code,
            code_verifier=waiting.verifier,
        )

    def loop(self, login: str) -> tuple[int, dict[str, Any]]:
        return self.post(
            "/oauth/token", grant_type=EXCHANGE, subject_token=login, subject_token_type=LOGIN
        )


@pytest.fixture(scope="module")
def gateway(
    tmp_path_factory: pytest.TempPathFactory,
    postgres: ScratchPostgres,
    issuer: str,
    free_port: int,
) -> Iterator[Gateway]:
    """One for all: each test brings a browser and a tool of its own."""
    postgres.create_database("browser_logins")
    config = f"""
[listen.console]
address = "127.0.0.1:{free_port}"

[[oidc]]
name = "corp"
issuer = "{issuer}"
client_id = "custody"
client_secret = "plain:{SECRET}"
"""
    running = RunningGateway(
        tmp_path_factory.mktemp("gateway"),
        HEAD + target(postgres, "browser_logins") + config,
        {"TARGET_PASSWORD": postgres.password},
    )
    try:
        running.start()
        found = Gateway(running, f"https://127.0.0.1:{free_port}")
        yield found
        found.close()
    finally:
        running.end()


@pytest.fixture
def chromium() -> Iterator[Browser]:
    with browser() as found:
        yield found


@pytest.fixture
def waiting() -> Iterator[Tool]:
    with tool() as found:
        yield found


def through_the_provider(visitor: Browser) -> None:
    """Its login form and its question, where it asks."""
    if visitor.has("input[name=login]"):
        visitor.fill(login="ada", password="any")
        visitor.press("button[type=submit]")
    for _ in range(3):
        if "/interaction/" not in visitor.url:
            return
        visitor.press("button[type=submit]")


def heard(waiting: Tool) -> dict[str, str]:
    until = time.monotonic() + 10
    while not waiting.heard:
        assert time.monotonic() < until, "the tool was told nothing"
        time.sleep(0.05)
    return waiting.heard[-1]


def test_a_person_logs_in_and_out(gateway: Gateway, chromium: Browser, waiting: Tool) -> None:
    chromium.open(f"{gateway.url}/login?{waiting.query}")
    chromium.press("a[href^='/login/corp?']")
    chromium.until("/interaction/")
    through_the_provider(chromium)

    chromium.until("Give a program your login?")
    assert chromium.url.startswith(f"{gateway.url}/confirm?state=")
    assert "ada" in chromium.text
    assert "agents" in chromium.text
    assert waiting.check in chromium.text
    # Cookies know no ports: the provider's, on the same address, are there as well.
    (kept,) = [each for each in chromium.cookies() if "custody" in each["name"]]
    assert kept["name"].startswith("__Host-custody-")
    assert (kept["secure"], kept["httpOnly"], kept["sameSite"]) == (True, True, "Lax")
    assert not waiting.heard, "the tool hears nothing before the person agreed"

    chromium.press("button[value=yes]")
    chromium.until("the tool has heard")
    said = heard(waiting)
    assert said["state"] == waiting.state
    status, login = gateway.redeem(waiting, said["code"])
    assert (status, login["login"]["identity"]["subject"]) == (200, "ada")
    ours = [each for each in chromium.complaints() if each.startswith(gateway.url)]
    assert not ours, "its policy blocks something of the gateway's own pages"

    status, ticket = gateway.loop(login["access_token"])
    assert status == 200, ticket
    dsn = gateway.running.dsn(ticket["access_token"], "orders")
    with psycopg.connect(dsn, connect_timeout=10) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
        assert gateway.post("/oauth/revoke", token=login["access_token"])[0] == 200
        time.sleep(1)
        with pytest.raises(psycopg.OperationalError):
            session.execute("SELECT 1")
    assert gateway.loop(login["access_token"])[1]["code"] == "identity.login-ended"

    again, said_again = gateway.redeem(waiting, said["code"])
    assert (again, said_again["code"]) == (400, "login.code")


def test_the_command_line_logs_in(gateway: Gateway, chromium: Browser, tmp_path: Path) -> None:
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(tmp_path),
        "CUSTODY_GATEWAY": gateway.url,
        "CUSTODY_CA": str(gateway.running.authority),
    }
    custody = str(Path(sys.executable).with_name("custody"))
    with subprocess.Popen(
        [custody, "login", "--no-browser"],
        env=environment,
        cwd=tmp_path,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as login:
        assert login.stdout is not None
        assert login.stderr is not None
        chromium.open(login.stdout.readline().strip())
        through_the_provider(chromium)
        chromium.until("Give a program your login?")
        check = chromium.driver.find_element("class name", "check").text
        chromium.press("button[value=yes]")
        chromium.until("Logged in")
        said = login.stderr.read()
        assert login.wait(20) == 0, said
    assert check in said, "the terminal and the page show the same"
    assert f"logged in at {gateway.url} through corp" in said
    shown = subprocess.run(
        [custody, "logout"],
        env=environment,
        cwd=tmp_path,
        text=True,
        capture_output=True,
        check=True,
    )
    assert "logged out" in shown.stderr


def test_whoever_is_signed_in_already_is_asked_all_the_same(
    gateway: Gateway, chromium: Browser, waiting: Tool
) -> None:
    """The link that a stranger sends: the provider asks nothing any more, the gateway does."""
    chromium.open(f"{gateway.url}/login/corp?{waiting.query}")
    through_the_provider(chromium)
    chromium.until("Give a program your login?")
    with tool() as strangers:
        chromium.open(f"{gateway.url}/login/corp?{strangers.query}")
        chromium.until("Give a program your login?")
        assert "/interaction/" not in chromium.url
        assert not strangers.heard
        assert strangers.check in chromium.text
        assert waiting.check not in chromium.text
        chromium.press("button[value=no]")
        chromium.until("the tool has heard")
        said = heard(strangers)
        assert said["error"] == "access_denied"
        assert "code" not in said
    assert not waiting.heard


def test_a_link_back_is_worth_nothing_in_another_browser(
    gateway: Gateway, chromium: Browser, waiting: Tool
) -> None:
    chromium.open(f"{gateway.url}/login/corp?{waiting.query}")
    through_the_provider(chromium)
    chromium.until("Give a program your login?")
    with browser() as victim:
        victim.open(chromium.url)
        assert "begun in another browser" in victim.text
        assert not victim.has("form")
    chromium.press("button[value=yes]")
    chromium.until("the tool has heard")
    assert gateway.redeem(waiting, heard(waiting)["code"])[0] == 200


def test_the_question_is_shown_in_no_other_page(
    gateway: Gateway, chromium: Browser, waiting: Tool
) -> None:
    chromium.open(f"{gateway.url}/login/corp?{waiting.query}")
    through_the_provider(chromium)
    chromium.until("Give a program your login?")
    question = chromium.url
    chromium.open("data:text/html,<iframe src='" + question.replace("&", "%26") + "'></iframe>")
    time.sleep(1)
    chromium.driver.switch_to.frame(0)
    assert "Give a program" not in chromium.driver.page_source


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1"])
def test_the_way_back_by_name_and_by_number(gateway: Gateway, chromium: Browser, host: str) -> None:
    with tool(host) as waiting:
        chromium.open(f"{gateway.url}/login/corp?{waiting.query}")
        through_the_provider(chromium)
        chromium.until("Give a program your login?")
        chromium.press("button[value=yes]")
        chromium.until("the tool has heard")
        assert heard(waiting)["code"].startswith("cc_")


def test_a_device_logs_in(gateway: Gateway, chromium: Browser) -> None:
    status, begun = gateway.post("/oauth/device_authorization", provider="corp")
    assert status == 200, begun
    asks = {"grant_type": DEVICE, "device_code": begun["device_code"]}
    time.sleep(begun["interval"] + 0.1)
    assert gateway.post("/oauth/token", **asks)[1]["error"] == "authorization_pending"

    chromium.open(begun["verification_uri"])
    chromium.fill(user_code=begun["user_code"])
    chromium.press("button[type=submit]")
    chromium.until(begun["user_code"])
    chromium.press("button[type=submit]")
    through_the_provider(chromium)
    chromium.until("success")

    for _ in range(6):
        time.sleep(begun["interval"] + 0.1)
        status, login = gateway.post("/oauth/token", **asks)
        if status == 200:
            break
    assert login["login"]["identity"]["subject"] == "ada", login
    assert gateway.loop(login["access_token"])[0] == 200
    assert gateway.post("/oauth/token", **asks)[1]["code"] == "login.device-code"


def test_logging_out_at_the_provider_ends_the_login(
    gateway: Gateway, chromium: Browser, waiting: Tool, issuer: str
) -> None:
    chromium.open(f"{gateway.url}/login/corp?{waiting.query}")
    through_the_provider(chromium)
    chromium.until("Give a program your login?")
    chromium.press("button[value=yes]")
    chromium.until("the tool has heard")
    _, login = gateway.redeem(waiting, heard(waiting)["code"])
    assert gateway.loop(login["access_token"])[0] == 200

    chromium.open(f"{issuer}/session/end")
    chromium.press("button[name=logout]")
    chromium.until("uccess")
    until = time.monotonic() + 10
    while gateway.loop(login["access_token"])[0] == 200:
        assert time.monotonic() < until, "the login outlived the provider's logout"
        time.sleep(0.2)
    assert gateway.loop(login["access_token"])[1]["code"] == "identity.login-ended"
