"""A SAML login in a real browser: the answer comes by another site's POST, which carries no cookie,
and the question that follows knows the browser again all the same.
"""

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import pytest
from tests.conftest import StartGateway
from tests.providers.browser.chromium import Browser, Tool, browser, tool, why_not
from tests.providers.saml.simplesaml import SimpleSaml, missing, simple_saml
from tests.real.configs import HEAD, target

from custody.demo.scratch_postgres import ScratchPostgres

WHY_NOT: Final = why_not() or missing()
pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(WHY_NOT), reason=WHY_NOT or "never"),
    pytest.mark.timeout(300),
]


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSaml]:
    with simple_saml(tmp_path_factory.mktemp("simplesaml") / "home") as found:
        yield found


@pytest.fixture
def gateway_url(
    idp: SimpleSaml,
    start_gateway: StartGateway,
    postgres: ScratchPostgres,
    database: str,
    tmp_path: Path,
) -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        place = f"127.0.0.1:{probe.getsockname()[1]}"
    us = f"https://{place}/saml/corp"
    idp.knows((f"{us}/metadata", f"{us}/acs"))
    (tmp_path / "idp.xml").write_bytes(idp.metadata())
    config = f"""
[listen.console]
address = "{place}"

[[saml]]
name = "corp"
metadata = "{tmp_path / "idp.xml"}"
subject = "uid"
"""
    start_gateway(HEAD + target(postgres, database) + config)
    return f"https://{place}"


@pytest.fixture
def waiting() -> Iterator[Tool]:
    with tool() as found:
        yield found


def sign_in(visitor: Browser) -> None:
    """The provider's form; it then has the browser post its answer, by itself."""
    visitor.fill(username="ada", password="lovelace")
    visitor.press("button[type=submit], input[type=submit], #submit_button")


def test_the_browser_is_known_again_after_the_post(gateway_url: str, waiting: Tool) -> None:
    with browser() as visitor:
        visitor.open(f"{gateway_url}/login/corp?{waiting.query}")
        assert not visitor.url.startswith(gateway_url)
        sign_in(visitor)
        visitor.until("Give a program your login?")
        assert visitor.url.startswith(f"{gateway_url}/confirm?state=")
        assert "ada" in visitor.text
        assert waiting.check in visitor.text
        visitor.press("button[value=yes]")
        visitor.until("the tool has heard")
    (said,) = waiting.heard
    assert said["state"] == waiting.state
    assert said["code"].startswith("cc_")


def test_an_answer_that_another_browser_brings_gets_no_question(
    gateway_url: str, waiting: Tool
) -> None:
    """A stranger begins, and has somebody else's browser go on with it."""
    begun = httpx.get(f"{gateway_url}/login/corp?{waiting.query}", verify=False)
    with browser() as victim:
        victim.open(begun.headers["location"])
        sign_in(victim)
        victim.until("begun in another browser")
        assert not victim.has("form")
    assert not waiting.heard
