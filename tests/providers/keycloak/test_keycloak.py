"""Against a real Keycloak: what its tokens look like, and that each passes where it should only.

Runs where ``KEYCLOAK_HOME`` names an unpacked distribution; it is too large to fetch for a test.
"""

import asyncio
import hashlib
import secrets
import socket
import time
from collections.abc import Iterator
from typing import Any, Final

import httpx
import pytest
from tests.identity.oidc.issuing import encode, refusal, run
from tests.providers.keycloak.running import realm, running_keycloak, why_not
from tests.providers.oidc_provider.listening import BACK, Logouts, listening
from tests.providers.oidc_provider.running import Browser

from custody.identity.oidc.http import HttpFetch
from custody.identity.oidc.provider import OidcProvider
from custody.identity.oidc.responses import DevicePending, ProviderLogin, TokenKind
from custody.identity.oidc.settings import Flow, OidcSettings
from custody.model.secret import Secret
from custody.model.words import IdentityKind, Method

pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "never"),
    pytest.mark.timeout(600),
]

SECRET: Final = "a secret: with 100% odd characters"
AUDIENCE: Final = "https://gw1.example.com"


def clients(logout: str) -> list[Any]:
    groups = {
        "name": "groups",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-group-membership-mapper",
        "config": {"claim.name": "groups", "full.path": "false", "id.token.claim": "true"},
    }
    audience = {
        "name": "audience",
        "protocol": "openid-connect",
        "protocolMapper": "oidc-audience-mapper",
        "config": {"included.custom.audience": AUDIENCE, "access.token.claim": "true"},
    }
    return [
        {
            "clientId": "custody",
            "secret": SECRET,
            "redirectUris": [BACK],
            "attributes": {
                "oauth2.device.authorization.grant.enabled": "true",
                "backchannel.logout.url": logout,
                "backchannel.logout.session.required": "true",
            },
            "protocolMappers": [groups],
        },
        {
            "clientId": "builder",
            "secret": "builder",
            "serviceAccountsEnabled": True,
            "standardFlowEnabled": False,
            "protocolMappers": [audience],
        },
    ]


@pytest.fixture(scope="module")
def issuer(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    with (
        listening() as logout,
        running_keycloak(
            tmp_path_factory.mktemp("keycloak"),
            port,
            realm("corp", clients(logout), {"alice": ["agents", "dba"], "bob": []}),
        ) as url,
    ):
        yield f"{url}/realms/corp"


def relying(issuer: str, **more: Any) -> OidcProvider:
    async def reveal() -> Secret:
        return Secret(SECRET)

    fields: dict[str, Any] = {"name": "corp", "issuer": issuer, "client_id": "custody", **more}
    return OidcProvider(
        OidcSettings(**fields), HttpFetch(), lambda: int(time.time() * 1000), secret=reveal
    )


def log_in(provider: OidcProvider, browser: Browser) -> ProviderLogin:
    verifier, nonce = secrets.token_urlsafe(32), secrets.token_urlsafe(8)
    challenge = encode(hashlib.sha256(verifier.encode()).digest())
    url = run(
        provider.authorization_url(redirect_uri=BACK, state="s", nonce=nonce, challenge=challenge)
    )
    _, answer = browser.visit(url, until=BACK)

    async def finish() -> ProviderLogin:
        await provider.check_response_issuer(answer.get("iss"))
        return await provider.redeem(
            code=Secret(answer["code"]), verifier=Secret(verifier), nonce=nonce, redirect_uri=BACK
        )

    return run(finish())


@pytest.fixture
def alice() -> Iterator[Browser]:
    browser = Browser("alice")
    yield browser
    browser.close()


def test_a_login_a_refresh_and_a_logout(issuer: str, alice: Browser) -> None:
    provider = relying(issuer, subject="preferred_username")
    granted = log_in(provider, alice)
    assert granted.proof.identity.subject == "alice"
    assert sorted(granted.proof.identity.groups) == ["agents", "dba"]
    assert dict(granted.proof.facts)["acr"]
    assert granted.refresh is not None
    again = run(provider.refresh(granted.refresh, granted.proof))
    assert again.proof.identity == granted.proof.identity
    assert again.proof.session == granted.proof.session
    assert refusal(provider.check(granted.id_token, TokenKind.ID_TOKEN)) == "passed"
    assert refusal(provider.check(granted.id_token, TokenKind.ACCESS_TOKEN)) == (
        "identity.token-kind"
    )
    assert again.refresh is not None
    assert refusal(provider.check(again.refresh)) != "passed"


def test_a_logout_at_keycloak_names_the_session(issuer: str, alice: Browser) -> None:
    # Offline sessions outlive a logout at Keycloak; this login asks for none.
    provider = relying(issuer, scopes=("openid", "profile"))
    granted = log_in(provider, alice)
    assert granted.proof.session
    Logouts.heard.clear()
    alice.visit(f"{issuer}/protocol/openid-connect/logout")
    for _ in range(200):
        if Logouts.heard:
            break
        time.sleep(0.05)
    token = Secret(Logouts.heard[0])
    left = run(provider.check_logout(token))
    assert left.session == granted.proof.session
    assert left.subject == granted.proof.identity.subject
    assert refusal(provider.check(token)) == "identity.token-kind"
    assert refusal(provider.refresh(granted.refresh or Secret(""), granted.proof)) == (
        "identity.refused"
    )


def test_a_login_on_another_screen(issuer: str) -> None:
    provider = relying(issuer, subject="preferred_username")

    async def wait_for_bob() -> ProviderLogin:
        begun = await provider.begin_device()
        assert await provider.poll_device(begun.device_code) == DevicePending(
            "authorization_pending"
        )
        browser = Browser("bob")
        try:
            await asyncio.to_thread(browser.visit, begun.verification_uri_complete)
        finally:
            browser.close()
        await asyncio.sleep(begun.interval)
        granted = await provider.poll_device(begun.device_code)
        assert isinstance(granted, ProviderLogin)
        return granted

    granted = run(wait_for_bob())
    assert (granted.proof.identity.subject, granted.proof.identity.groups) == ("bob", ())
    assert granted.proof.method is Method.OIDC_DEVICE


def test_a_services_own_token(issuer: str) -> None:
    answer = httpx.post(
        f"{issuer}/protocol/openid-connect/token",
        data={"grant_type": "client_credentials"},
        auth=("builder", "builder"),
        trust_env=False,
    )
    token = Secret(answer.raise_for_status().json()["access_token"])
    services = relying(issuer, audience=(AUDIENCE,), flows=(Flow.CLIENT_CREDENTIALS,))
    proof = run(services.check(token, TokenKind.ACCESS_TOKEN))
    assert proof.identity.kind is IdentityKind.SERVICE
    assert dict(proof.facts)["client"] == "builder"
    assert refusal(services.check(token, TokenKind.ID_TOKEN)) == "identity.token-kind"
    assert refusal(relying(issuer).check(token)) == "identity.audience"
