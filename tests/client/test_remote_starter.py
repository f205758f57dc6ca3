"""What proves who starts a loop, in which order; and how providers are asked."""

import base64
import socket
import threading
import time
from pathlib import Path

import pytest
from tests.client.played_gateway import LOGIN, played_gateway

from custody.client.gateway import GatewayClient, GatewayDescription, ProviderDescription
from custody.client.https import HttpError, allowed, ask
from custody.client.login_file import SavedLogin
from custody.client.remote_starter import RemoteStarter, audience_of, parent_ticket
from custody.client.run import LoopOptions
from custody.model.errors import CustodyError

TICKET = {
    **LOGIN,
    "access_token": "ct_secret",
    "loop": {
        "id": "loop_a",
        "identity": "ada",
        "issuer": "corp",
        "groups": ["agents"],
        "principal": {"subject": "bo", "issuer": "corp", "groups": [], "kind": "human"},
        "targets": [{"name": "orders", "protocol": "postgres", "database": "o", "effects": []}],
        "expires": "2026",
    },
}


def kept(gateway: str, lasts: int = 60) -> SavedLogin:
    return SavedLogin(gateway, "", "corp", "cl_secret", int(time.time()) + lasts)


@pytest.mark.parametrize(
    ("proofs", "brought", "kind"),
    [
        ("parent login token", "ct_parent", "urn:custody:token-type:ticket"),
        ("login token", "cl_secret", "urn:custody:token-type:login"),
        ("lapsed token", "a.b.c", "urn:ietf:params:oauth:token-type:jwt"),
        ("token", "a.b.c", "urn:ietf:params:oauth:token-type:jwt"),
    ],
)
def test_the_first_proof_that_there_is_counts(
    tmp_path: Path, proofs: str, brought: str, kind: str
) -> None:
    ticket = tmp_path / "ticket"
    ticket.write_text("ct_parent")
    environment = {}
    if "parent" in proofs:
        environment["CUSTODY_TICKET_FILE"] = str(ticket)
    if "token" in proofs:
        environment["CUSTODY_ID_TOKEN"] = "a.b.c"
    with played_gateway() as gateway:
        gateway.tokens = [(200, TICKET)]
        login = kept(gateway.url, -1 if "lapsed" in proofs else 60)
        has_login = "login" in proofs or "lapsed" in proofs
        starter = RemoteStarter(
            GatewayClient(gateway.url), environment, login if has_login else None
        )
        granted = starter.start(LoopOptions(("orders",), "p", ("read", "write"), 60))
        assert granted.loop is not None
        assert granted.loop.principal is not None
        assert granted.loop.principal.subject == "bo"
        (form,) = gateway.asked_at("/oauth/token")
        assert (form["subject_token"], form["subject_token_type"]) == (brought, kind)
        assert (form["target"], form["effects"], form["ttl"]) == ("orders", "read write", "60")


def test_a_parent_whose_ticket_is_gone_is_not_replaced_by_another_proof(tmp_path: Path) -> None:
    with pytest.raises(CustodyError) as caught:
        parent_ticket({"CUSTODY_TICKET_FILE": str(tmp_path / "gone")})
    assert caught.value.code == "run.parent"
    assert parent_ticket({}) is None


WORKLOADS = (
    ProviderDescription("corp", "oidc", "https://id.example.com", audience=("people",)),
    ProviderDescription("gitlab", "workload", "https://gitlab.com", audience=("for-gitlab",)),
    ProviderDescription(
        "gh", "workload", "https://token.actions.githubusercontent.com", audience=("for-gh",)
    ),
)


@pytest.mark.parametrize(
    ("providers", "environment", "audience"),
    [
        (WORKLOADS, {}, "for-gh"),
        (WORKLOADS[:2], {}, "for-gitlab"),
        (WORKLOADS[:1], {}, "custody"),
        (WORKLOADS, {"CUSTODY_AUDIENCE": "said"}, "said"),
    ],
)
def test_a_token_is_asked_for_with_the_gateways_audience(
    providers: tuple[ProviderDescription, ...], environment: dict[str, str], audience: str
) -> None:
    assert audience_of(GatewayDescription("gw", "1", "", providers), environment) == audience


@pytest.mark.parametrize(
    ("url", "may"),
    [
        ("https://gw.example.com:8443", True),
        ("http://127.0.0.1:80/x", True),
        ("http://[::1]:80", True),
        ("http://gw.example.com", False),
        ("http://127.0.0.1.example.com", False),
        ("ftp://gw.example.com", False),
        ("https://", False),
        ("https://gw:port", False),
        ("https://gw:0", False),
    ],
)
def test_secrets_go_over_https_or_nowhere_else_than_here(url: str, may: bool) -> None:  # noqa: FBT001 - a case of a table
    assert allowed(url) is may


def test_a_provider_outside_is_asked_by_the_proxy_of_the_environment(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    heard: list[bytes] = []
    with socket.create_server(("127.0.0.1", 0)) as proxy:

        def answer() -> None:
            connection, _ = proxy.accept()
            with connection:
                heard.append(connection.recv(4096))
                connection.sendall(b"HTTP/1.1 502 No\r\n\r\n")

        thread = threading.Thread(target=answer)
        thread.start()
        monkeypatch.setenv("https_proxy", f"http://me:p%40ss@127.0.0.1:{proxy.getsockname()[1]}")
        monkeypatch.setenv("no_proxy", "")
        with pytest.raises(HttpError) as caught:
            ask("GET", "https://id.example.com/token", proxied=True)
        thread.join()
    assert "p@ss" not in str(caught.value)
    assert heard[0].startswith(b"CONNECT id.example.com:443 ")
    assert base64.b64encode(b"me:p@ss") in heard[0]
