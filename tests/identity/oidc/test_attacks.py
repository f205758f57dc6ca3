"""Each known way to make a checker believe a token, and the refusal that it meets."""

import json
from collections.abc import Callable
from typing import NamedTuple

import pytest
from tests.identity.oidc.issuing import (
    ISSUER,
    SECOND,
    FakeIssuer,
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

from custody.identity.oidc.issuer_trust import ASYMMETRIC
from custody.identity.oidc.responses import TokenKind
from custody.identity.oidc.tokens.compact import MAX_TOKEN
from custody.model.secret import Secret


class Attack(NamedTuple):
    name: str
    forge: Callable[[], Secret]
    meets: str


def pem() -> bytes:
    return rsa_key().as_pem(private=False)


def with_hmac(secret: bytes, alg: str = "HS256") -> Secret:
    return signed(id_claims(), secret, alg=alg, kid="one")


def jwk() -> bytes:
    return json.dumps(public(rsa_key()), separators=(",", ":")).encode()


def unsigned(alg: str) -> Secret:
    head = encode(json.dumps({"alg": alg, "kid": "one"}).encode())
    return Secret(f"{head}.{encode(json.dumps(id_claims()).encode())}.")


def raw(body: bytes) -> Secret:
    return signed(body)


def header(text: str) -> Secret:
    """A header of that very text over good claims, signed."""
    good = signed(id_claims()).reveal().split(".")
    return Secret(f"{encode(text.encode())}.{good[1]}.{good[2]}")


def tampered(**changes: object) -> Secret:
    good = signed(id_claims()).reveal().split(".")
    return Secret(f"{good[0]}.{encode(json.dumps(id_claims(**changes)).encode())}.{good[2]}")


def spare_bits() -> Secret:
    """The same signature in another spelling: 256 bytes leave four bits of the last letter."""
    text = signed(id_claims()).reveal()
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    return Secret(text[:-1] + letters[letters.index(text[-1]) ^ 1])


def respelled(part: int) -> Secret:
    parts = signed(id_claims()).reveal().split(".")
    parts[part] += "="
    return Secret(".".join(parts))


MALLORY = rsa_key("mallory")

ATTACKS = [
    # The algorithm.
    Attack("none", lambda: unsigned("none"), "identity.algorithm"),
    Attack("None, in other letters", lambda: unsigned("nOnE"), "identity.algorithm"),
    Attack("no signature under RS256", lambda: unsigned("RS256"), "identity.signature"),
    Attack("HS256 with the public key's PEM", lambda: with_hmac(pem()), "identity.algorithm"),
    Attack(
        "HS512 with the public key's PEM", lambda: with_hmac(pem(), "HS512"), "identity.algorithm"
    ),
    Attack(
        "HS256 with the public key's JWK",
        lambda: with_hmac(jwk()),
        "identity.algorithm",
    ),
    Attack(
        "HMAC under the name of RS256",
        lambda: signed(id_claims(), pem(), alg="RS256", kid="one"),
        "identity.signature",
    ),
    Attack("ES256K", lambda: header('{"alg":"ES256K","kid":"one"}'), "identity.algorithm"),
    Attack("algorithms in a list", lambda: header('{"alg":["RS256"]}'), "identity.algorithm"),
    Attack("no algorithm", lambda: header('{"kid":"one"}'), "identity.algorithm"),
    Attack(
        "a key of another type",
        lambda: signed(id_claims(), ec_key(), alg="ES256", kid="one"),
        "identity.key-unknown",
    ),
    Attack(
        "PS256 under the name of RS256",
        lambda: signed(id_claims(), alg="RS256", signs="PS256"),
        "identity.signature",
    ),
    # A key, or the place of one, in the header.
    Attack(
        "embedded jwk",
        lambda: signed(id_claims(), MALLORY, jwk=public(MALLORY), kid="one"),
        "identity.signature",
    ),
    Attack(
        "embedded jwk, own kid",
        lambda: signed(id_claims(), MALLORY, jwk=public(MALLORY)),
        "identity.key-unknown",
    ),
    Attack(
        "jku", lambda: signed(id_claims(), MALLORY, jku="https://evil.example/keys"),
        "identity.key-unknown",
    ),
    Attack(
        "x5u", lambda: signed(id_claims(), MALLORY, x5u="https://evil.example/cert", kid="one"),
        "identity.signature",
    ),
    Attack(
        "x5c", lambda: signed(id_claims(), MALLORY, x5c=["MIIB"], kid="one"), "identity.signature"
    ),
    Attack("kid of a file", lambda: signed(id_claims(), MALLORY, kid="/dev/null"),
           "identity.key-unknown"),
    Attack("kid of a number", lambda: signed(id_claims(), kid=1), "identity.malformed"),
    Attack("kid of nothing", lambda: signed(id_claims(), kid=""), "identity.malformed"),
    # Extensions of the header.
    Attack("crit", lambda: signed(id_claims(), crit=["exp"]), "identity.header"),
    Attack("crit of nothing", lambda: signed(id_claims(), crit=[]), "identity.header"),
    Attack("b64", lambda: signed(id_claims(), b64=False), "identity.header"),
    Attack("nested", lambda: signed(id_claims(), cty="JWT"), "identity.header"),
    # The bytes.
    Attack("a changed claim", lambda: tampered(sub="root"), "identity.signature"),
    Attack("another's signature", lambda: signed(id_claims(), MALLORY, kid="one"),
           "identity.signature"),
    Attack("padding", lambda: respelled(1), "identity.malformed"),
    Attack("spare bits", spare_bits, "identity.malformed"),
    Attack("padded signature", lambda: respelled(2), "identity.malformed"),
    Attack("four parts", lambda: Secret(signed(id_claims()).reveal() + ".x"), "identity.malformed"),
    Attack("JSON form", lambda: Secret('{"payload":"","signatures":[]}'), "identity.malformed"),
    Attack("nothing", lambda: Secret(""), "identity.malformed"),
    Attack("not ASCII", lambda: Secret("é.é.é"), "identity.malformed"),
    Attack("a space behind", lambda: Secret(signed(id_claims()).reveal() + " "),
           "identity.malformed"),
    Attack("huge", lambda: signed(id_claims(pad="x" * MAX_TOKEN)), "identity.too-large"),
    # JSON that can be read in two ways.
    Attack("a claim twice", lambda: raw(b'{"iss":"x",' + json.dumps(id_claims()).encode()[1:]),
           "identity.malformed"),
    Attack("a header twice", lambda: header('{"alg":"RS256","kid":"one","alg":"none"}'),
           "identity.malformed"),
    Attack("deep", lambda: raw(b'{"a":' + b"[" * 20_000 + b"]" * 20_000 + b"}"),
           "identity.malformed"),
    Attack("rather deep", lambda: raw(b'{"a":' + b"[" * 20 + b"]" * 20 + b"}"),
           "identity.malformed"),
    Attack("NaN", lambda: raw(b'{"exp":NaN}'), "identity.malformed"),
    Attack("not UTF-8", lambda: raw(b'{"sub":"\xff"}'), "identity.malformed"),
    Attack("half a surrogate pair", lambda: raw(b'{"sub":"\\ud800"}'), "identity.malformed"),
    Attack("a number without end", lambda: raw(b'{"exp":' + b"9" * 5000 + b"}"),
           "identity.malformed"),
    Attack("a list", lambda: raw(b"[]"), "identity.malformed"),
    # The issuer, to the last character.
    Attack("another issuer", lambda: signed(id_claims(iss="https://evil.example")),
           "identity.issuer"),
    Attack("a slash more", lambda: signed(id_claims(iss=ISSUER + "/")), "identity.issuer"),
    Attack("another case", lambda: signed(id_claims(iss="https://ID.example.com")),
           "identity.issuer"),
    Attack("issuers in a list", lambda: signed(id_claims(iss=[ISSUER])), "identity.issuer"),
    Attack("no issuer", lambda: signed(id_claims(iss=None)), "identity.issuer"),
    # The audience, and the party.
    Attack("another audience", lambda: signed(id_claims(aud="other")), "identity.audience"),
    Attack("no audience", lambda: signed(id_claims(aud=None)), "identity.audience"),
    Attack("an empty audience", lambda: signed(id_claims(aud=[])), "identity.audience"),
    Attack("an audience like ours", lambda: signed(id_claims(aud="custody2")), "identity.audience"),
    Attack("an audience of objects", lambda: signed(id_claims(aud=["custody", {}])),
           "identity.audience"),
    Attack("several audiences and no azp", lambda: signed(id_claims(aud=["custody", "other"])),
           "identity.authorized-party"),
    Attack("several audiences and another azp",
           lambda: signed(id_claims(aud=["custody", "other"], azp="other")),
           "identity.authorized-party"),
    Attack("one audience and another azp", lambda: signed(id_claims(azp="other")),
           "identity.authorized-party"),
    Attack("an azp that is a list", lambda: signed(id_claims(azp=["custody"])),
           "identity.authorized-party"),
    # The kind.
    Attack("an access token by its header", lambda: signed(id_claims(), typ="at+jwt"),
           "identity.token-kind"),
    Attack("an access token by its scope", lambda: signed(id_claims(scope="openid")),
           "identity.token-kind"),
    Attack("Keycloak's access token", lambda: signed(id_claims(typ="Bearer")),
           "identity.token-kind"),
    Attack("Keycloak's refresh token", lambda: signed(id_claims(typ="Refresh")),
           "identity.token-kind"),
    Attack("Cognito's access token", lambda: signed(id_claims(token_use="access")),
           "identity.token-kind"),
    Attack("a logout token by its header", lambda: signed(id_claims(), typ="logout+jwt"),
           "identity.token-kind"),
    Attack("a logout token by its events", lambda: signed(id_claims(events={})),
           "identity.token-kind"),
    Attack("a DPoP proof", lambda: signed(id_claims(), typ="dpop+jwt"), "identity.token-kind"),
    Attack("two kinds at once", lambda: signed(id_claims(typ="ID"), typ="at+jwt"),
           "identity.token-kind"),
    Attack("a token bound to a key", lambda: signed(id_claims(cnf={"jkt": "x"})),
           "identity.token-kind"),
    # The time; what is at the border passes, see below.
    Attack("expired", lambda: signed(id_claims(exp=SECOND - 30)), "identity.expired"),
    Attack("not yet valid", lambda: signed(id_claims(nbf=SECOND + 31)), "identity.not-yet"),
    Attack("issued in the future", lambda: signed(id_claims(iat=SECOND + 31)), "identity.not-yet"),
    Attack("valid already and issued in the future",
           lambda: signed(id_claims(iat=SECOND + 31, nbf=SECOND - 10)), "identity.not-yet"),
    Attack("no exp", lambda: signed(id_claims(exp=None)), "identity.claim-missing"),
    Attack("no iat", lambda: signed(id_claims(iat=None)), "identity.claim-missing"),
    Attack("exp as text", lambda: signed(id_claims(exp=str(SECOND + 60))), "identity.malformed"),
    Attack("exp as true", lambda: signed(id_claims(exp=True)), "identity.malformed"),
    Attack("exp after all ages", lambda: signed(id_claims(exp=1e300)), "identity.malformed"),
    Attack("exp before all ages", lambda: signed(id_claims(exp=-1)), "identity.malformed"),
    Attack("nbf as text", lambda: signed(id_claims(nbf="0")), "identity.malformed"),
    # Who it is.
    Attack("no subject", lambda: signed(id_claims(sub=None)), "identity.subject"),
    Attack("an empty subject", lambda: signed(id_claims(sub="")), "identity.subject"),
    Attack("a subject of two lines", lambda: signed(id_claims(sub="alice\nroot")),
           "identity.subject"),
    Attack("a subject with NUL", lambda: signed(id_claims(sub="alice\0")), "identity.subject"),
    Attack("a subject with escapes", lambda: signed(id_claims(sub="\x1b[2Jalice")),
           "identity.subject"),
    Attack("a subject turned around", lambda: signed(id_claims(sub="a\u202ecila")),
           "identity.subject"),
    Attack("a subject without end", lambda: signed(id_claims(sub="a" * 1025)), "identity.subject"),
    Attack("a subject of subjects", lambda: signed(id_claims(sub=["alice"])), "identity.subject"),
    # Groups.
    Attack("groups as text", lambda: signed(id_claims(groups="admins")), "identity.groups"),
    Attack("groups as numbers", lambda: signed(id_claims(groups=[1, 2])), "identity.groups"),
    Attack("groups as an object", lambda: signed(id_claims(groups={"a": 1})), "identity.groups"),
    Attack("groups and one number", lambda: signed(id_claims(groups=["a", 2])), "identity.groups"),
    Attack("a group without a name", lambda: signed(id_claims(groups=[""])), "identity.groups"),
    Attack("a group of two lines", lambda: signed(id_claims(groups=["a\nb"])), "identity.groups"),
    Attack("groups without end", lambda: signed(id_claims(groups=[str(n) for n in range(1001)])),
           "identity.groups"),
    Attack("groups elsewhere (Entra)",
           lambda: signed(id_claims(groups=None, _claim_names={"groups": "src1"},
                                    _claim_sources={"src1": {"endpoint": "https://graph"}})),
           "identity.groups-overage"),
    Attack("groups here and elsewhere", lambda: signed(id_claims(_claim_names={"groups": "src1"})),
           "identity.groups-overage"),
    Attack("hasgroups (Entra)", lambda: signed(id_claims(groups=None, hasgroups=True)),
           "identity.groups-overage"),
    Attack("hasgroups as text", lambda: signed(id_claims(groups=None, hasgroups="true")),
           "identity.groups-overage"),
    Attack("_claim_names as a list", lambda: signed(id_claims(_claim_names=["groups"])),
           "identity.malformed"),
]  # fmt: skip


@pytest.mark.parametrize("attack", ATTACKS, ids=lambda attack: attack.name)
def test_the_attack_is_refused(attack: Attack) -> None:
    issuer = FakeIssuer()
    assert refusal(issuer.provider().check(attack.forge(), TokenKind.ID_TOKEN)) == attack.meets
    elsewhere = [each.url for each in issuer.asked if not each.url.startswith(ISSUER + "/")]
    assert elsewhere == []


def test_names_of_attacks_are_names() -> None:
    assert len({attack.name for attack in ATTACKS}) == len(ATTACKS)


@pytest.mark.parametrize(
    "claims",
    [
        id_claims(),
        id_claims(aud=["custody"]),
        id_claims(aud=["other", "custody"], azp="custody"),
        id_claims(exp=SECOND - 29.5),
        id_claims(iat=SECOND + 30, nbf=SECOND + 30),
        id_claims(typ="ID"),
        id_claims(nonce="any", at_hash="any"),
        id_claims(hasgroups=False),
        id_claims(_claim_names={"address": "src1"}),
    ],
    ids=str,
)
def test_what_is_in_order_passes(claims: dict[str, object]) -> None:
    proof = run(FakeIssuer().provider().check(signed(claims), TokenKind.ID_TOKEN))
    assert (proof.identity.subject, proof.identity.issuer) == ("alice", ISSUER)
    assert proof.identity.groups == ("agents", "dba")


@pytest.mark.parametrize(
    ("key", "alg"),
    [
        *((rsa_key(), alg) for alg in ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512")),
        (ec_key(), "ES256"),
        (ec_key("p384", "P-384"), "ES384"),
        (ec_key("p521", "P-521"), "ES512"),
        (ed_key(), "EdDSA"),
        (ed_key(), "Ed25519"),
    ],
    ids=lambda each: each if isinstance(each, str) else each.key_type,
)
def test_each_algorithm_passes_and_only_with_its_own_signature(key: object, alg: str) -> None:
    assert isinstance(key, type(rsa_key()) | type(ec_key()) | type(ed_key()))
    token = signed(id_claims(), key, alg=alg)
    provider = FakeIssuer(key).provider(algorithms=ASYMMETRIC)
    assert run(provider.check(token)).identity.subject == "alice"
    half, _, signature = token.reveal().rpartition(".")
    bent = Secret(f"{half}.{'B' if signature[0] == 'A' else 'A'}{signature[1:]}")
    assert refusal(provider.check(bent)) == "identity.signature"
    short = Secret(f"{half}.{encode(b'short')}")
    assert refusal(provider.check(short)) == "identity.signature"


def test_an_algorithm_that_the_operator_left_out_is_refused() -> None:
    provider = FakeIssuer().provider(algorithms=("ES256",))
    assert refusal(provider.check(signed(id_claims()))) == "identity.algorithm"


def test_an_issuer_of_another_name_never_makes_us_ask_anybody() -> None:
    issuer = FakeIssuer()
    for number in range(20):
        token = signed(id_claims(iss="https://evil.example"), kid=f"kid{number}")
        assert refusal(issuer.provider().check(token)) == "identity.issuer"
    assert issuer.asked == []


def test_look_alikes_are_left_as_they_are() -> None:
    # A Cyrillic letter, and an accent in its two spellings: three other people.
    for name in ("\u0430lice", "ren\u00e9", "rene\u0301"):
        proof = run(FakeIssuer().provider().check(signed(id_claims(sub=name))))
        assert proof.identity.subject == name


def test_no_refusal_shows_the_token() -> None:
    token = signed(id_claims(aud="a-very-secret-audience", jti="a-very-secret-name"))
    try:
        run(FakeIssuer().provider().check(token))
    except Exception as error:  # noqa: BLE001 - whatever it is, it must not show the token
        shown = f"{error!r} {error} {vars(error)} {error.__cause__!r} {error.__context__!r}"
        assert "a-very-secret" not in shown
        assert token.reveal()[:20] not in shown
    else:
        pytest.fail("it passed")
