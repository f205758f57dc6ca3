"""A person's whole way in: the provider's form, the gateway's question, a ticket, a query."""

import base64
import hashlib
import html
import re
import socket
import ssl
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx
import psycopg
import pytest
from tests.conftest import StartGateway
from tests.providers.saml.simplesaml import Posted, SimpleSaml, missing, simple_saml
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

BACK = "http://127.0.0.1:9/back"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]
EXCHANGE = "urn:ietf:params:oauth:grant-type:token-exchange"
LOGIN = "urn:custody:token-type:login"


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSaml]:
    with simple_saml(tmp_path_factory.mktemp("simplesaml") / "home") as found:
        yield found


class Person:
    """A browser and a tool on one machine, in front of one gateway."""

    def __init__(self, gateway: RunningGateway, url: str, idp: SimpleSaml) -> None:
        self._idp = idp
        self._browser = httpx.Client(
            verify=ssl.create_default_context(cafile=gateway.authority),
            base_url=url,
            timeout=20,
            follow_redirects=False,
        )

    def close(self) -> None:
        self._browser.close()

    def sent_away(self) -> str:
        query = {
            "redirect_uri": BACK, "state": "of-the-tool", "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }  # fmt: skip
        return self._went("GET", "/login/corp?" + urlencode(query))

    def brought_back(self, posted: Posted) -> httpx.Response:
        form = {"SAMLResponse": posted.response.decode(), "RelayState": posted.relay}
        return self._browser.post(posted.address, data=form)

    def agreed(self, place: str) -> str:
        page = self._browser.get(place)
        assert page.status_code == 200, page.text
        assert "ada" in page.text
        fields = dict(re.findall(r'name="(state|form)" value="([^"]*)"', page.text))
        said = {name: html.unescape(value) for name, value in fields.items()}
        answer = self._browser.post("/confirm", data={**said, "answer": "yes"})
        assert answer.is_redirect, answer.text
        return answer.headers["location"]

    def token(self, **form: str) -> dict[str, str]:
        answer = self._browser.post("/oauth/token", data=form)
        assert answer.status_code == 200, answer.text
        found: dict[str, str] = answer.json()
        return found

    def log_in(self) -> tuple[str, Posted]:
        """The login's secret, and what the provider had posted for it."""
        posted = self._idp.log_in(self.sent_away())
        back = self.brought_back(posted)
        assert back.is_redirect, back.text
        place = self.agreed(back.headers["location"])
        assert place.startswith(BACK)
        said = parse_qs(urlsplit(place).query)
        assert said["state"] == ["of-the-tool"]
        login = self.token(
            grant_type="authorization_code", code=said["code"][0], code_verifier=VERIFIER
        )
        return login["access_token"], posted

    def _went(self, method: str, place: str) -> str:
        answer = self._browser.request(method, place)
        assert answer.is_redirect, answer.text
        found: str = answer.headers["location"]
        return found


@pytest.fixture
def gateway_url() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return f"https://127.0.0.1:{probe.getsockname()[1]}"


@pytest.fixture
def orders(postgres: ScratchPostgres, database: str) -> str:
    return target(postgres, database)


def test_a_person_logs_in_and_their_agent_queries(
    idp: SimpleSaml, gateway_url: str, start_gateway: StartGateway, orders: str, tmp_path: Path
) -> None:
    us = f"{gateway_url}/saml/corp"
    idp.knows((f"{us}/metadata", f"{us}/acs"))
    (tmp_path / "idp.xml").write_bytes(idp.metadata())
    gateway = start_gateway(
        HEAD
        + orders
        + f"""
[listen.console]
address = "{urlsplit(gateway_url).netloc}"

[[saml]]
name = "corp"
metadata = "{tmp_path / "idp.xml"}"
subject = "uid"
"""
    )
    person = Person(gateway, gateway_url, idp)
    login, posted = person.log_in()
    assert login.startswith("cl_")
    ticket = person.token(
        grant_type=EXCHANGE, subject_token=login, subject_token_type=LOGIN, purpose="a test"
    )["access_token"]
    with psycopg.connect(gateway.dsn(ticket, "orders"), connect_timeout=10) as session:
        assert session.execute("SELECT 1").fetchone() == (1,)
    # The same response once more, and for another login that waits: neither is a way in.
    for relay in (posted.relay, parse_qs(urlsplit(person.sent_away()).query)["RelayState"][0]):
        again = person.brought_back(Posted(posted.address, posted.response, relay))
        assert "/confirm" not in again.headers.get("location", "")
    metadata = person.brought_back(Posted(f"{us}/acs", b"AAAA", "nothing"))
    assert metadata.status_code >= 400
    person.close()
