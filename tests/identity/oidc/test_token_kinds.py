"""Access tokens, id tokens and logout tokens of one issuer, each where another is wanted."""

import json

import pytest
from tests.identity.oidc.issuing import ISSUER, SECOND, FakeIssuer, id_claims, refusal, run, signed

from custody.identity.oidc.responses import LogoutToken, TokenKind
from custody.identity.oidc.settings import Flow
from custody.model.secret import Secret
from custody.model.words import IdentityKind, Method

EVENT = "http://schemas.openid.net/event/backchannel-logout"


def id_token(**changes: object) -> Secret:
    return signed(id_claims(nonce="n", **changes))


def access_token(typ: str | None = "at+jwt", /, **changes: object) -> Secret:
    said = {"sub": "builder", "client_id": "builder", "jti": "j1", "scope": "read", **changes}
    return signed(id_claims(**said), typ=typ)


def logout_token(typ: str | None = "logout+jwt", /, **changes: object) -> Secret:
    said = {"events": {EVENT: {}}, "sid": "s1", "jti": "l1", "groups": None, **changes}
    return signed(id_claims(**said), typ=typ)


@pytest.mark.parametrize("typ", ["at+jwt", "application/at+jwt", "AT+JWT", "JWT", None])
def test_a_clients_own_access_token_is_a_services(typ: str | None) -> None:
    proof = run(FakeIssuer().provider().check(access_token(typ), TokenKind.ACCESS_TOKEN))
    assert (proof.identity.subject, proof.identity.kind) == ("builder", IdentityKind.SERVICE)
    assert proof.method is Method.OIDC_CLIENT
    assert dict(proof.facts)["client"] == "builder"


def test_an_access_token_of_a_person_is_a_persons() -> None:
    proof = run(FakeIssuer().provider().check(access_token(sub="alice"), TokenKind.ACCESS_TOKEN))
    assert (proof.identity.kind, proof.method) == (IdentityKind.HUMAN, Method.OIDC_TOKEN)


@pytest.mark.parametrize(
    ("claims", "kind"),
    [
        ({"azp": "app", "azpacr": "1", "roles": ["Run"], "sub": "oid"}, IdentityKind.SERVICE),
        ({"azp": "app", "azpacr": "0", "scp": "Run", "sub": "alice"}, IdentityKind.HUMAN),
        ({"appid": "app", "appidacr": "1", "sub": "oid"}, IdentityKind.SERVICE),
        ({"azp": "app", "gty": "client-credentials", "sub": "app@clients"}, IdentityKind.SERVICE),
        ({"cid": "app", "scp": ["read"], "sub": "app"}, IdentityKind.SERVICE),
        ({"cid": "app", "scp": ["read"], "sub": "alice@example.com"}, IdentityKind.HUMAN),
        ({"azp": "app", "typ": "Bearer", "scope": "profile"}, IdentityKind.HUMAN),
    ],
    ids=["Entra app", "Entra person", "Entra v1 app", "Auth0", "Okta app", "Okta person",
         "Keycloak person"],
)  # fmt: skip
def test_access_tokens_as_providers_make_them(
    claims: dict[str, object], kind: IdentityKind
) -> None:
    proof = run(FakeIssuer().provider().check(signed(id_claims(**claims)), TokenKind.ACCESS_TOKEN))
    assert proof.identity.kind is kind


def test_an_id_token_is_its_holders() -> None:
    proof = run(
        FakeIssuer()
        .provider()
        .check(id_token(sid="s1", acr="mfa", auth_time=SECOND - 60), TokenKind.ID_TOKEN)
    )
    assert proof.method is Method.OIDC_TOKEN
    assert proof.session == "s1"
    assert proof.facts == (("acr", "mfa"), ("auth_time", str(SECOND - 60)))
    assert (proof.issued, proof.expires) == ((SECOND - 10) * 1000, (SECOND + 300) * 1000)
    assert proof.use == ""


@pytest.mark.parametrize(
    ("token", "wanted", "code"),
    [
        (id_token(), TokenKind.ID_TOKEN, "passed"),
        (id_token(), TokenKind.ACCESS_TOKEN, "identity.token-kind"),
        (id_token(), None, "passed"),
        (access_token(), TokenKind.ACCESS_TOKEN, "passed"),
        (access_token(), TokenKind.ID_TOKEN, "identity.token-kind"),
        (access_token("JWT"), TokenKind.ID_TOKEN, "identity.token-kind"),
        (access_token(), None, "passed"),
        (access_token(nonce="n"), TokenKind.ID_TOKEN, "identity.token-kind"),
        (access_token("JWT", nonce="n"), None, "identity.token-kind"),
        (access_token("JWT", nonce="n", typ="Bearer"), TokenKind.ACCESS_TOKEN, "passed"),
        (access_token(jti=None), TokenKind.ACCESS_TOKEN, "identity.claim-missing"),
        (access_token(client_id=None), TokenKind.ACCESS_TOKEN, "identity.claim-missing"),
        (access_token(aud="https://other.example"), TokenKind.ACCESS_TOKEN, "identity.audience"),
        (access_token(aud=["other", "custody"]), TokenKind.ACCESS_TOKEN, "passed"),
        (logout_token(), TokenKind.ID_TOKEN, "identity.token-kind"),
        (logout_token(), TokenKind.ACCESS_TOKEN, "identity.token-kind"),
        (logout_token(), None, "identity.token-kind"),
        (logout_token(None), None, "identity.token-kind"),
        (logout_token("JWT", typ="ID"), None, "identity.token-kind"),
    ],
)  # fmt: skip
def test_tokens_are_not_taken_for_one_another(
    token: Secret, wanted: TokenKind | None, code: str
) -> None:
    assert refusal(FakeIssuer().provider().check(token, wanted)) == code


def test_a_clients_own_token_needs_the_flow() -> None:
    provider = FakeIssuer().provider(flows=(Flow.CODE, Flow.DEVICE))
    assert refusal(provider.check(access_token())) == "identity.flow"
    assert refusal(provider.check(access_token(sub="alice"))) == "passed"
    only = FakeIssuer().provider(flows=(Flow.CLIENT_CREDENTIALS,))
    assert run(only.check(access_token(sub="a-uuid"))).identity.kind is IdentityKind.SERVICE


def test_an_audience_of_its_own_replaces_the_client_id() -> None:
    provider = FakeIssuer().provider(audience=("https://gw.example",))
    assert refusal(provider.check(id_token())) == "identity.audience"
    assert refusal(provider.check(id_token(aud="https://gw.example"))) == "passed"


def test_an_id_token_of_another_client_passes_only_if_that_client_is_listed() -> None:
    token = id_token(azp="cli")
    assert refusal(FakeIssuer().provider().check(token)) == "identity.authorized-party"
    assert refusal(FakeIssuer().provider(clients=("cli",)).check(token)) == "passed"


def test_what_must_come_once_carries_its_name() -> None:
    provider = FakeIssuer().provider(single_use=True)
    assert run(provider.check(id_token(jti="j7"))).use == "j7"
    assert refusal(provider.check(id_token())) == "identity.claim-missing"


@pytest.mark.parametrize(
    ("path", "claims", "groups"),
    [
        ("groups", {}, ("agents", "dba")),
        ("groups", {"groups": []}, ()),
        ("groups", {"groups": None}, ()),
        ("groups", {"groups": ["b", "a", "b"]}, ("b", "a")),
        ("", {"groups": "anything"}, ()),
        ("realm_access.roles", {"realm_access": {"roles": ["x"]}}, ("x",)),
        ("realm_access.roles", {"realm_access": {}}, ()),
        ("https://example.com/groups", {"https://example.com/groups": ["y"]}, ("y",)),
        ("roles", {"roles": ["r"], "_claim_names": {"groups": "src1"}}, ("r",)),
        ("roles", {"roles": ["r"], "hasgroups": True}, ("r",)),
    ],
)  # fmt: skip
def test_groups_come_from_the_configured_claim(
    path: str, claims: dict[str, object], groups: tuple[str, ...]
) -> None:
    proof = run(FakeIssuer().provider(groups=path).check(signed(id_claims(**claims))))
    assert proof.identity.groups == groups


@pytest.mark.parametrize(
    ("path", "claims", "code"),
    [
        ("realm_access.roles", {"realm_access": ["x"]}, "identity.groups"),
        ("realm_access.roles", {"realm_access": {"roles": "x"}}, "identity.groups"),
        ("realm_access.roles", {"_claim_names": {"realm_access": "s"}}, "identity.groups-overage"),
    ],
)
def test_groups_that_cannot_be_read_are_a_refusal(
    path: str, claims: dict[str, object], code: str
) -> None:
    assert refusal(FakeIssuer().provider(groups=path).check(signed(id_claims(**claims)))) == code


def test_groups_of_null_are_a_refusal() -> None:
    token = signed(json.dumps({**id_claims(), "groups": None}).encode())
    assert refusal(FakeIssuer().provider().check(token)) == "identity.groups"


def test_another_claim_may_name_the_identity_but_a_subject_there_must_be() -> None:
    provider = FakeIssuer().provider(subject="preferred_username")
    proof = run(provider.check(id_token(preferred_username="al")))
    assert proof.identity.subject == "al"
    assert refusal(provider.check(id_token())) == "identity.subject"
    token = signed(id_claims(preferred_username="al", sub=None))
    assert refusal(provider.check(token)) == "identity.subject"


@pytest.mark.parametrize("typ", ["logout+jwt", "JWT", None])
def test_a_logout_names_its_session(typ: str | None) -> None:
    left = run(FakeIssuer().provider().check_logout(logout_token(typ)))
    assert left == LogoutToken(ISSUER, "alice", "s1", "l1", (SECOND + 300) * 1000)


@pytest.mark.parametrize(
    ("token", "code"),
    [
        (logout_token(sub=None), "passed"),
        (logout_token(sid=None), "passed"),
        (logout_token(sub=None, sid=None), "identity.claim-missing"),
        (logout_token(jti=None), "identity.claim-missing"),
        (logout_token(exp=None), "identity.claim-missing"),
        (logout_token(exp=SECOND - 30), "identity.expired"),
        (logout_token(aud="other"), "identity.audience"),
        (logout_token(iss="https://evil.example"), "identity.issuer"),
        (logout_token(nonce="n"), "identity.token-kind"),
        (logout_token(events={}), "identity.token-kind"),
        (logout_token(events={EVENT: True}), "identity.token-kind"),
        (logout_token(events=EVENT), "identity.token-kind"),
        (logout_token(events=None), "identity.token-kind"),
        (logout_token("JWT", events=None), "identity.token-kind"),
        (id_token(sid="s1", jti="j"), "identity.token-kind"),
        (access_token(sid="s1"), "identity.token-kind"),
    ],
)  # fmt: skip
def test_only_a_logout_token_logs_out(token: Secret, code: str) -> None:
    assert refusal(FakeIssuer().provider().check_logout(token)) == code
