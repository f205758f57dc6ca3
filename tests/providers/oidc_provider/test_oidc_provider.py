"""Against a real provider: each flow, each way to be a client, keys that change, logouts.

What a real provider proves here that a forged one cannot: that we ask in the way that it
understands, and that what a sound provider signs passes every check.
"""

import asyncio
import hashlib
import secrets
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import httpx
import pytest
from joserfc.jwk import ECKey
from tests.identity.oidc.issuing import encode, refusal, run
from tests.providers.oidc_provider.listening import BACK, Logouts, listening
from tests.providers.oidc_provider.running import (
    Browser,
    RunningProvider,
    install,
    private_jwk,
    running_provider,
    why_not,
)

from custody.identity.oidc.http import HttpFetch
from custody.identity.oidc.issuer_cache import RENEWED_MS
from custody.identity.oidc.provider import OidcProvider
from custody.identity.oidc.responses import DevicePending, ProviderLogin, TokenKind
from custody.identity.oidc.settings import ClientAuth, Flow, OidcSettings
from custody.identity.oidc.workload import WorkloadIssuer
from custody.identity.oidc.workload_settings import WorkloadSettings
from custody.model.identity import Proof
from custody.model.secret import Secret
from custody.model.words import IdentityKind, Method

pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(why_not()), reason=why_not() or "never"),
    pytest.mark.timeout(300),
]

RESOURCE: Final = "https://gw1.example.com"
SECRET: Final = "a secret: with 100% odd characters"
OWN_KEY: Final = ECKey.generate_key("P-256", {"kid": "own"})
LOGIN: Final = {
    "redirect_uris": [BACK],
    "response_types": ["code"],
    "grant_types": [
        "authorization_code",
        "refresh_token",
        "urn:ietf:params:oauth:grant-type:device_code",
    ],
}


def clients(logout: str) -> list[Any]:
    own = {**OWN_KEY.as_dict(private=False), "use": "sig", "alg": "ES256"}
    return [
        {**LOGIN, "client_id": "custody", "client_secret": SECRET, "backchannel_logout_uri": logout,
         "backchannel_logout_session_required": True},
        {**LOGIN, "client_id": "posting", "client_secret": SECRET,
         "token_endpoint_auth_method": "client_secret_post"},
        {**LOGIN, "client_id": "signing", "token_endpoint_auth_method": "private_key_jwt",
         "token_endpoint_auth_signing_alg": "ES256", "jwks": {"keys": [own]}},
        {**LOGIN, "client_id": "public", "token_endpoint_auth_method": "none"},
        {"client_id": "builder", "client_secret": SECRET, "redirect_uris": [],
         "response_types": [], "grant_types": ["client_credentials"]},
    ]  # fmt: skip


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("oidc_provider")
    failure = install(folder)
    if failure:
        pytest.skip(failure)
    return folder


@pytest.fixture(scope="module")
def real(installed: Path) -> Iterator[RunningProvider]:
    with (
        listening() as logout,
        running_provider(
            installed, clients=clients(logout), accounts={"alice": ["agents", "dba"], "bob": []}
        ) as provider,
    ):
        yield provider


Clock = Callable[[], int]


def now() -> int:
    return int(time.time() * 1000)


def relying(
    real: RunningProvider, client: str = "custody", clock: Clock = now, **more: Any
) -> OidcProvider:
    secret = {"public": None, "signing": OWN_KEY.as_pem(private=True).decode()}.get(client, SECRET)

    async def reveal() -> Secret:
        return Secret(secret or "")

    return OidcProvider(
        OidcSettings(
            name="corp",
            issuer=real.issuer,
            client_id=client,
            parameters={"prompt": "consent"},
            **more,
        ),
        HttpFetch(),
        clock,
        secret=reveal if secret else None,
    )


def log_in(
    provider: OidcProvider, login: str = "alice", browser: Browser | None = None
) -> ProviderLogin:
    """The whole way of the browser: the address, the forms, the answer, the code."""
    verifier, nonce, state = (secrets.token_urlsafe(32) for _ in range(3))
    challenge = encode(hashlib.sha256(verifier.encode()).digest())
    own = browser or Browser(login)
    try:
        url = run(
            provider.authorization_url(
                redirect_uri=BACK, state=state, nonce=nonce, challenge=challenge
            )
        )
        _, answer = own.visit(url, until=BACK)
    finally:
        if browser is None:
            own.close()
    assert answer["state"] == state

    async def finish() -> ProviderLogin:
        await provider.check_response_issuer(answer.get("iss"))
        return await provider.redeem(
            code=Secret(answer["code"]), verifier=Secret(verifier), nonce=nonce, redirect_uri=BACK
        )

    return run(finish())


@pytest.mark.parametrize("client", ["custody", "posting", "signing", "public"])
def test_a_login_in_the_browser(real: RunningProvider, client: str) -> None:
    auth = {"posting": ClientAuth.POST, "signing": ClientAuth.PRIVATE_KEY}
    granted = log_in(relying(real, client, client_auth=auth.get(client, ClientAuth.AUTO)))
    assert granted.proof.identity.subject == "alice"
    assert granted.proof.identity.issuer == real.issuer
    assert granted.proof.identity.groups == ("agents", "dba")
    assert granted.proof.method is Method.OIDC_CODE
    assert granted.refresh is not None
    # The id token itself, brought by its holder, proves the same person.
    proof = run(relying(real, client).check(granted.id_token, TokenKind.ID_TOKEN))
    assert proof.identity == granted.proof.identity


def test_a_code_is_good_once_with_its_own_verifier_and_nonce(real: RunningProvider) -> None:
    provider = relying(real)
    verifier, nonce = secrets.token_urlsafe(32), "n1"
    challenge = encode(hashlib.sha256(verifier.encode()).digest())
    browser = Browser("alice")

    def code() -> Secret:
        url = run(
            provider.authorization_url(
                redirect_uri=BACK, state="s", nonce=nonce, challenge=challenge
            )
        )
        return Secret(browser.visit(url, until=BACK)[1]["code"])

    def redeem(code: Secret, verifier: str = verifier, nonce: str = nonce) -> str:
        return refusal(
            provider.redeem(code=code, verifier=Secret(verifier), nonce=nonce, redirect_uri=BACK)
        )

    try:
        assert redeem(code(), verifier=secrets.token_urlsafe(32)) == "identity.refused"
        assert redeem(code(), nonce="n2") == "identity.nonce"
        good = code()
        assert redeem(good) == "passed"
        assert redeem(good) == "identity.refused"
    finally:
        browser.close()


def test_a_wrong_secret_is_our_fault_and_not_the_persons(real: RunningProvider) -> None:
    async def wrong() -> Secret:
        return Secret("wrong")

    provider = OidcProvider(
        OidcSettings(name="corp", issuer=real.issuer, client_id="custody"),
        HttpFetch(), now, secret=wrong,
    )  # fmt: skip
    before = Proof(log_in(relying(real)).proof.identity, Method.OIDC_CODE, "corp", 0, 0)
    assert refusal(provider.refresh(Secret("r"), before)) == "identity.client-refused"


def test_a_login_on_another_screen(real: RunningProvider) -> None:
    provider = relying(real, "public")

    async def wait_for_bob() -> ProviderLogin:
        begun = await provider.begin_device()
        assert begun.verification_uri.startswith(real.issuer)
        assert await provider.poll_device(begun.device_code) == DevicePending(
            "authorization_pending"
        )
        browser = Browser("bob")
        try:
            await asyncio.to_thread(browser.visit, begun.verification_uri_complete)
        finally:
            browser.close()
        granted = await provider.poll_device(begun.device_code)
        assert isinstance(granted, ProviderLogin)
        return granted

    granted = run(wait_for_bob())
    assert (granted.proof.identity.subject, granted.proof.identity.groups) == ("bob", ())
    assert granted.proof.method is Method.OIDC_DEVICE


def access_token(real: RunningProvider, **more: str) -> Secret:
    """As a service gets one for itself, with standard means."""
    answer = httpx.post(
        f"{real.issuer}/token",
        data={"grant_type": "client_credentials", "scope": "read", "client_id": "builder", **more},
        auth=httpx.BasicAuth("builder", "a+secret%3A+with+100%25+odd+characters"),
        trust_env=False,
    )
    return Secret(answer.raise_for_status().json()["access_token"])


def test_a_services_own_token(real: RunningProvider) -> None:
    provider = relying(real, audience=(RESOURCE,))
    token = access_token(real, resource=RESOURCE)
    proof = run(provider.check(token, TokenKind.ACCESS_TOKEN))
    assert (proof.identity.subject, proof.identity.kind) == ("builder", IdentityKind.SERVICE)
    assert proof.method is Method.OIDC_CLIENT
    assert run(provider.check(token)).identity == proof.identity
    assert refusal(provider.check(token, TokenKind.ID_TOKEN)) == "identity.token-kind"
    assert refusal(relying(real).check(token)) == "identity.audience"
    other = access_token(real, resource="https://other.example.com")
    assert refusal(provider.check(other)) == "identity.audience"
    browser_only = relying(real, audience=(RESOURCE,), flows=(Flow.CODE,))
    assert refusal(browser_only.check(token)) == "identity.flow"


def test_an_opaque_token_proves_nothing(real: RunningProvider) -> None:
    opaque = access_token(real, scope="")
    assert refusal(relying(real).check(opaque)) == "identity.malformed"


def test_a_services_token_as_a_workloads(real: RunningProvider) -> None:
    settings = WorkloadSettings(
        name="ci", issuer=real.issuer, audience=(RESOURCE,), require={"client_id": ("build*",)}
    )
    workload = WorkloadIssuer(settings, HttpFetch(), now)
    proof = run(workload.check(access_token(real, resource=RESOURCE)))
    assert proof.identity.subject == "builder"


def test_an_id_token_of_another_client_is_not_ours(real: RunningProvider) -> None:
    granted = log_in(relying(real, "public"))
    assert refusal(relying(real).check(granted.id_token)) == "identity.audience"


def test_a_refresh_asks_again_who_it_is(real: RunningProvider) -> None:
    provider = relying(real)
    granted = log_in(provider)
    assert granted.refresh is not None
    try:
        real.tell(accounts={"alice": ["agents"]})
        again = run(provider.refresh(granted.refresh, granted.proof))
        assert again.proof.identity.groups == ("agents",)
        assert again.proof.session == granted.proof.session
        assert again.refresh is not None
        assert again.refresh.reveal() != granted.refresh.reveal()
        # The provider rotated it: the old one is spent, and its use ends the whole login.
        assert refusal(provider.refresh(granted.refresh, granted.proof)) == "identity.refused"
        assert refusal(provider.refresh(again.refresh, again.proof)) == "identity.refused"
    finally:
        real.tell(accounts={"alice": ["agents", "dba"], "bob": []})


def test_keys_change_while_we_run(installed: Path) -> None:
    moment = [0]

    def clock() -> int:
        return now() + moment[0]

    with running_provider(installed, clients=clients("http://127.0.0.1:9/"), accounts={}) as real:
        provider = relying(real, audience=(RESOURCE,), clock=clock)
        old = access_token(real, resource=RESOURCE)
        assert refusal(provider.check(old)) == "passed"
        real.tell(keys=[private_jwk("second", "RS256")])
        new = access_token(real, resource=RESOURCE)
        assert refusal(provider.check(new)) == "identity.key-unknown"
        moment[0] = RENEWED_MS - 1000
        assert refusal(provider.check(old)) == "passed"
        moment[0] = RENEWED_MS
        assert refusal(provider.check(new)) == "passed"
        assert refusal(provider.check(old)) == "identity.key-unknown"
    assert refusal(provider.check(new)) == "passed"  # it is down, its keys are not yet forgotten
    assert refusal(provider.begin_device()) == "identity.unreachable"


@pytest.mark.parametrize("algorithm", ["ES256", "PS256", "EdDSA"])
def test_other_signatures(installed: Path, algorithm: str) -> None:
    with running_provider(
        installed,
        clients=clients("http://127.0.0.1:9/"),
        accounts={"alice": ["agents"]},
        algorithm=algorithm,
    ) as real:
        granted = log_in(relying(real))
        assert granted.proof.identity.groups == ("agents",)
        only = relying(real, algorithms=("RS256",))
        assert refusal(only.check(granted.id_token)) == "identity.algorithm"


def test_a_logout_at_the_provider_names_the_session(real: RunningProvider) -> None:
    provider = relying(real)
    browser = Browser("alice")
    try:
        granted = log_in(provider, browser=browser)
        assert granted.proof.session
        Logouts.heard.clear()
        browser.visit(f"{real.issuer}/session/end", press="logout")
        for _ in range(100):
            if Logouts.heard:
                break
            time.sleep(0.05)
    finally:
        browser.close()
    token = Secret(Logouts.heard[0])
    left = run(provider.check_logout(token))
    assert left.session == granted.proof.session
    assert left.subject in ("", "alice")
    assert left.use
    assert refusal(provider.check(token)) == "identity.token-kind"
    assert refusal(relying(real, "public").check_logout(token)) == "identity.audience"
    assert refusal(provider.check_logout(granted.id_token)) == "identity.token-kind"
