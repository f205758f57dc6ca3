"""Logins through a provider: what we ask, what we take, and what we make of a no."""

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from tests.identity.oidc.issuing import (
    FakeIssuer,
    answer,
    ec_key,
    ed_key,
    encode,
    id_claims,
    public,
    refusal,
    rsa_key,
    run,
    signed,
)

from custody.identity.oidc.fetch import FetchRequest, FetchResponse
from custody.identity.oidc.provider import OidcProvider
from custody.identity.oidc.responses import DevicePending, ProviderLogin
from custody.identity.oidc.settings import ClientAuth, Flow
from custody.identity.oidc.tokens.compact import parse_compact
from custody.identity.oidc.tokens.keys import read_keys, signed_by
from custody.model.secret import Secret
from custody.model.words import IdentityKind, Method

BACK = "https://gw.example/login/corp/callback"


def at_hash(access_token: str) -> str:
    return encode(hashlib.sha256(access_token.encode()).digest()[:16])


def tokens(**changes: Any) -> dict[str, object]:
    """What a token endpoint says after a login."""
    claims = {"nonce": "n1", "sid": "s1", "at_hash": at_hash("at"), **changes.pop("claims", {})}
    said: dict[str, object] = {
        "access_token": "at",
        "token_type": "Bearer",
        "id_token": signed(id_claims(**claims)).reveal(),
        "refresh_token": "r1",
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


class Endpoint:
    """A token endpoint that says what it is told to, and keeps what it was asked."""

    def __init__(self, issuer: FakeIssuer, says: object, status: int = 200) -> None:
        self.says, self.status = says, status
        self.asked: list[FetchRequest] = []
        for path in ("/token", "/device"):
            issuer.answers[issuer.issuer + path] = self.reply

    def reply(self, asked: FetchRequest) -> FetchResponse:
        self.asked.append(asked)
        return answer(self.says, self.status)

    @property
    def form(self) -> dict[str, str]:
        return dict(self.asked[-1].form or ())


def redeem(provider: OidcProvider, nonce: str = "n1") -> Any:
    return provider.redeem(code=Secret("c1"), verifier=Secret("v1"), nonce=nonce, redirect_uri=BACK)


def test_the_browser_is_sent_with_state_nonce_and_challenge() -> None:
    issuer = FakeIssuer()
    issuer.description["authorization_endpoint"] = "https://id.example.com/auth?tenant=a"
    provider = issuer.provider(parameters={"prompt": "consent"})
    url = run(provider.authorization_url(redirect_uri=BACK, state="s", nonce="n", challenge="c"))
    assert parse_qs(urlsplit(url).query) == {
        "tenant": ["a"],
        "prompt": ["consent"],
        "response_type": ["code"],
        "client_id": ["custody"],
        "redirect_uri": [BACK],
        "scope": ["openid profile offline_access"],
        "state": ["s"],
        "nonce": ["n"],
        "code_challenge": ["c"],
        "code_challenge_method": ["S256"],
    }


def test_a_code_becomes_a_proof() -> None:
    issuer = FakeIssuer()
    endpoint = Endpoint(issuer, tokens())
    granted = run(redeem(issuer.provider(secret=None)))
    assert isinstance(granted, ProviderLogin)
    assert granted.proof.identity.subject == "alice"
    assert granted.proof.identity.groups == ("agents", "dba")
    assert granted.proof.identity.kind is IdentityKind.HUMAN
    assert (granted.proof.method, granted.proof.session) == (Method.OIDC_CODE, "s1")
    assert granted.refresh is not None
    assert granted.refresh.reveal() == "r1"
    assert endpoint.form == {
        "grant_type": "authorization_code",
        "code": "c1",
        "code_verifier": "v1",
        "redirect_uri": BACK,
        "client_id": "custody",
    }
    assert endpoint.asked[-1].authorization == ""


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (tokens(), "passed"),
        (tokens(claims={"at_hash": None}), "passed"),
        (tokens(refresh_token=None), "passed"),
        (tokens(claims={"nonce": None}), "identity.nonce"),
        (tokens(claims={"nonce": "n2"}), "identity.nonce"),
        (tokens(claims={"nonce": ["n1"]}), "identity.nonce"),
        (tokens(claims={"nonce": "\u00e9"}), "identity.nonce"),
        (tokens(claims={"at_hash": at_hash("other")}), "identity.token-hash"),
        (tokens(claims={"at_hash": 1}), "identity.token-hash"),
        (tokens(access_token="swapped"), "identity.token-hash"),
        (tokens(claims={"aud": "other"}), "identity.audience"),
        (tokens(claims={"azp": "other"}), "identity.authorized-party"),
        (tokens(id_token=None), "identity.no-id-token"),
        (tokens(id_token=7), "identity.malformed"),
        (tokens(refresh_token=["r"]), "identity.malformed"),
        ([], "identity.malformed"),
    ],
)  # fmt: skip
def test_what_the_provider_gives_is_checked(says: object, code: str) -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, says)
    assert refusal(redeem(issuer.provider())) == code


def test_a_nonce_of_nothing_meets_nothing() -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, tokens(claims={"nonce": ""}))
    assert refusal(redeem(issuer.provider(), nonce="")) == "identity.nonce"


def test_the_audience_of_a_login_is_the_client_whatever_holders_may_bring() -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, tokens(claims={"aud": "https://gw.example"}))
    assert refusal(redeem(issuer.provider(audience=("https://gw.example",)))) == "identity.audience"
    Endpoint(issuer, tokens())
    assert refusal(redeem(issuer.provider(audience=("https://gw.example",)))) == "passed"


@pytest.mark.parametrize(
    ("says", "status", "code"),
    [
        ({"error": "invalid_grant"}, 400, "identity.refused"),
        ({"error": "access_denied"}, 403, "identity.refused"),
        ({"error": "<script>"}, 400, "identity.refused"),
        ({"error": ["invalid_grant"]}, 400, "identity.refused"),
        ({}, 400, "identity.refused"),
        ({"error": "invalid_client"}, 401, "identity.client-refused"),
        ({"error": "temporarily_unavailable"}, 400, "identity.unreachable"),
        ({"error": "server_error"}, 400, "identity.unreachable"),
        ({"error": "invalid_grant"}, 500, "identity.unreachable"),
        ({"error": "slow_down"}, 429, "identity.unreachable"),
        ({}, 302, "identity.unreachable"),
        ({}, 404, "identity.unreachable"),
    ],
)  # fmt: skip
def test_a_no_is_told_from_no_answer(says: object, status: int, code: str) -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, says, status)
    provider = issuer.provider()
    assert refusal(redeem(provider)) == code
    before = run(FakeIssuer().provider().check(signed(id_claims())))
    assert refusal(provider.refresh(Secret("r1"), before)) == code


def test_a_providers_own_words_are_not_passed_on() -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, {"error": "\x1b[2J", "error_description": "call 555"}, 400)
    with pytest.raises(Exception, match="other") as caught:
        run(redeem(issuer.provider()))
    assert "555" not in str(caught.value)
    assert "\x1b" not in str(caught.value)


def test_a_secret_goes_where_its_method_puts_it() -> None:
    issuer = FakeIssuer()
    endpoint = Endpoint(issuer, tokens(claims={"aud": "cust:ody"}))
    # RFC 6749 §2.3.1: both parts are form-encoded first.
    run(redeem(issuer.provider(client_id="cust:ody", secret="s3 c%ret:é")))
    pair = base64.b64decode(endpoint.asked[-1].authorization.removeprefix("Basic ")).decode()
    assert pair == "cust%3Aody:s3+c%25ret%3A%C3%A9"
    assert "client_secret" not in endpoint.form
    endpoint.says = tokens()
    issuer.description["token_endpoint_auth_methods_supported"] = ["client_secret_post"]
    run(redeem(issuer.provider()))
    assert (endpoint.form["client_id"], endpoint.form["client_secret"]) == ("custody", "s3cret")
    assert endpoint.asked[-1].authorization == ""
    assert "s3cret" not in repr(endpoint.asked[-1])


@pytest.mark.parametrize(
    "key", [rsa_key("own"), ec_key("own"), ed_key("own")], ids=lambda k: k.key_type
)
def test_a_private_key_signs_for_itself(key: Any) -> None:
    issuer = FakeIssuer()
    endpoint = Endpoint(issuer, tokens())
    pem = key.as_pem(private=True).decode()
    run(redeem(issuer.provider(client_auth=ClientAuth.PRIVATE_KEY, secret=pem)))
    assertion = Secret(endpoint.form["client_assertion"])
    apart = parse_compact(assertion, ("RS256", "ES256", "EdDSA"))
    found = read_keys(json.dumps({"keys": [public(key)]}).encode()).keys[0]
    assert signed_by(apart, found)
    assert apart.claims["iss"] == apart.claims["sub"] == "custody"
    assert apart.claims["aud"] == f"{issuer.issuer}/token"
    first = apart.claims["jti"]
    run(redeem(issuer.provider(client_auth=ClientAuth.PRIVATE_KEY, secret=pem)))
    again = parse_compact(Secret(endpoint.form["client_assertion"]), ("RS256", "ES256", "EdDSA"))
    assert again.claims["jti"] != first


@pytest.mark.parametrize("secret", ["not a key", "-----BEGIN PRIVATE KEY-----\nAAAA"])
def test_a_secret_that_is_no_key_cannot_sign(secret: str) -> None:
    issuer = FakeIssuer()
    provider = issuer.provider(client_auth=ClientAuth.PRIVATE_KEY, secret=secret)
    assert refusal(redeem(provider)) == "identity.client-key"


def started(**changes: object) -> dict[str, object]:
    said: dict[str, object] = {
        "device_code": "d1",
        "user_code": "WDJB-MJHT",
        "verification_uri": "https://id.example.com/device",
        "expires_in": 600,
        **changes,
    }
    return {name: value for name, value in said.items() if value is not None}


def test_a_device_login_begins() -> None:
    issuer = FakeIssuer()
    endpoint = Endpoint(issuer, started())
    begun = run(issuer.provider(secret=None).begin_device())
    assert begun.device_code.reveal() == "d1"
    assert (begun.user_code, begun.expires_in, begun.interval) == ("WDJB-MJHT", 600, 5)
    assert endpoint.form == {"scope": "openid profile offline_access", "client_id": "custody"}


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (started(verification_uri="http://id.example.com/device"), "identity.malformed"),
        (started(verification_uri_complete="javascript:alert(1)"), "identity.malformed"),
        (started(verification_uri=None), "identity.malformed"),
        (started(user_code="\x1b[2J"), "identity.malformed"),
        (started(user_code=None), "identity.malformed"),
        (started(device_code=None), "identity.malformed"),
        (started(expires_in="600"), "identity.malformed"),
        (started(expires_in=1e300, interval=0), "passed"),
    ],
)  # fmt: skip
def test_what_is_shown_on_a_device_is_fit_to_be_shown(says: object, code: str) -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, says)
    assert refusal(issuer.provider().begin_device()) == code


def test_a_device_login_at_google() -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, started(verification_uri=None, verification_url="https://id.example.com/d"))
    assert run(issuer.provider().begin_device()).verification_uri == "https://id.example.com/d"
    Endpoint(issuer, {"error": "authorization_pending"}, 428)
    assert run(issuer.provider().poll_device(Secret("d1"))) == DevicePending(
        "authorization_pending"
    )


@pytest.mark.parametrize(
    "reason", ["authorization_pending", "slow_down", "expired_token", "access_denied"]
)
def test_a_device_login_waits(reason: str) -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, {"error": reason}, 400)
    assert run(issuer.provider().poll_device(Secret("d1"))) == DevicePending(reason)


def test_a_device_login_ends_well_or_badly() -> None:
    issuer = FakeIssuer()
    endpoint = Endpoint(issuer, tokens(claims={"nonce": None}))
    granted = run(issuer.provider().poll_device(Secret("d1")))
    assert isinstance(granted, ProviderLogin)
    assert granted.proof.method is Method.OIDC_DEVICE
    assert endpoint.form["grant_type"] == "urn:ietf:params:oauth:grant-type:device_code"
    Endpoint(issuer, {"error": "invalid_grant"}, 400)
    assert refusal(issuer.provider().poll_device(Secret("d1"))) == "identity.refused"


def test_a_refresh_brings_groups_anew_and_keeps_the_session() -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, tokens())
    provider = issuer.provider()
    before = run(redeem(provider))
    endpoint = Endpoint(
        issuer, tokens(refresh_token="r2", claims={"groups": ["agents"], "sid": None})
    )
    after = run(provider.refresh(before.refresh, before.proof))
    assert after.proof.identity.groups == ("agents",)
    assert (after.proof.session, after.proof.method) == ("s1", Method.OIDC_CODE)
    assert after.refresh is not None
    assert after.refresh.reveal() == "r2"
    assert endpoint.form["refresh_token"] == "r1"
    Endpoint(issuer, tokens(refresh_token=None))
    kept = run(provider.refresh(after.refresh, after.proof))
    assert kept.refresh is after.refresh


@pytest.mark.parametrize(
    ("says", "code"),
    [
        (tokens(claims={"sub": "mallory"}), "identity.subject-changed"),
        (tokens(claims={"iss": "https://evil.example"}), "identity.issuer"),
        (tokens(claims={"aud": "other"}), "identity.audience"),
        (tokens(claims={"groups": None, "hasgroups": True}), "identity.groups-overage"),
        (tokens(id_token=None), "identity.no-id-token"),
    ],
)  # fmt: skip
def test_a_refresh_changes_nobody(says: object, code: str) -> None:
    issuer = FakeIssuer()
    Endpoint(issuer, tokens())
    before = run(redeem(issuer.provider()))
    Endpoint(issuer, says)
    assert refusal(issuer.provider().refresh(before.refresh, before.proof)) == code


@pytest.mark.parametrize(
    ("sends", "iss", "code"),
    [
        (False, None, "passed"),
        (False, "https://id.example.com", "passed"),
        (False, "https://evil.example", "identity.issuer"),
        (True, None, "identity.issuer"),
        (True, "https://id.example.com/", "identity.issuer"),
        (True, "https://id.example.com", "passed"),
    ],
)
def test_an_answer_of_another_provider_is_not_redeemed(
    sends: object, iss: str | None, code: str
) -> None:
    issuer = FakeIssuer()
    issuer.description["authorization_response_iss_parameter_supported"] = sends
    assert refusal(issuer.provider().check_response_issuer(iss)) == code


def test_flows_that_are_off_are_off() -> None:
    issuer = FakeIssuer()
    code_only, device_only = (issuer.provider(flows=(flow,)) for flow in (Flow.CODE, Flow.DEVICE))
    assert refusal(redeem(device_only)) == "identity.flow"
    assert refusal(code_only.begin_device()) == "identity.flow"
    assert refusal(code_only.poll_device(Secret("d"))) == "identity.flow"
    assert issuer.asked == []
    del issuer.description["device_authorization_endpoint"]
    assert refusal(device_only.begin_device()) == "identity.flow"
