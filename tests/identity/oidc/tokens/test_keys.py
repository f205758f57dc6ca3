"""Keys come, change, go stale and stay away: what still counts, and how often we ask."""

import asyncio
import contextlib
import json

import pytest
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from hypothesis import given
from hypothesis import strategies as st
from tests.identity.oidc.issuing import (
    NOW,
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

from custody.identity.oidc.fetch import FetchResponse
from custody.identity.oidc.issuer_cache import FRESH_MS, KEPT_MS, RENEWED_MS, RETRIED_MS
from custody.identity.oidc.tokens.keys import MAX_KEYS, read_keys
from custody.model.errors import CustodyError

OLD, NEW = rsa_key("old"), rsa_key("new")


def test_a_new_key_is_found_and_the_old_one_is_forgotten() -> None:
    issuer = FakeIssuer(OLD)
    provider = issuer.provider()
    old, new = signed(id_claims(), OLD), signed(id_claims(), NEW)
    assert refusal(provider.check(old)) == "passed"
    issuer.keys = [public(NEW)]
    issuer.now += RENEWED_MS
    assert refusal(provider.check(old)) == "passed"  # nothing has told us yet
    assert refusal(provider.check(new)) == "passed"
    assert refusal(provider.check(old)) == "identity.key-unknown"


def test_a_stale_key_ends_within_the_hour_without_any_new_token() -> None:
    issuer = FakeIssuer(OLD)
    provider = issuer.provider()
    token = signed(id_claims(exp=NOW // 1000 + 7200), OLD)
    assert refusal(provider.check(token)) == "passed"
    issuer.keys = [public(NEW)]
    issuer.now += FRESH_MS - 1
    assert refusal(provider.check(token)) == "passed"
    issuer.now += 1
    assert refusal(provider.check(token)) == "identity.key-unknown"


def test_a_flood_of_unknown_keys_asks_once_in_thirty_seconds() -> None:
    issuer = FakeIssuer(OLD)
    provider = issuer.provider()
    flood = [signed(id_claims(), NEW, kid=f"flood{n}") for n in range(50)]

    async def pour() -> None:
        codes = await asyncio.gather(
            *(provider.check(token) for token in flood), return_exceptions=True
        )
        assert {getattr(code, "code", str(code)) for code in codes} == {"identity.key-unknown"}

    async def pour_three_times() -> None:
        await pour()
        assert issuer.times_asked("/keys") == 1
        issuer.now += RENEWED_MS - 1
        await pour()
        assert issuer.times_asked("/keys") == 1
        issuer.now += 1
        await pour()
        assert issuer.times_asked("/keys") == 2
        assert (await provider.check(signed(id_claims(), OLD))).identity.subject == "alice"

    run(pour_three_times())


def test_a_provider_that_is_down_is_trusted_on_its_last_keys_for_four_hours() -> None:
    issuer = FakeIssuer(OLD)
    provider = issuer.provider()
    token = signed(id_claims(exp=NOW // 1000 + 86_400), OLD)
    assert refusal(provider.check(token)) == "passed"
    issuer.down = True
    issuer.now += KEPT_MS - 1
    assert refusal(provider.check(token)) == "passed"
    issuer.now += 1
    assert refusal(provider.check(token)) == "identity.unreachable"
    issuer.down = False
    issuer.now += RETRIED_MS
    assert refusal(provider.check(token)) == "passed"


def test_a_provider_that_was_down_from_the_start_is_asked_again_after_five_seconds() -> None:
    issuer = FakeIssuer(OLD)
    issuer.down = True
    provider = issuer.provider()
    for _ in range(5):
        assert refusal(provider.check(signed(id_claims(), OLD))) == "identity.unreachable"
    assert len(issuer.asked) == 1
    issuer.down = False
    issuer.now += RETRIED_MS
    assert refusal(provider.check(signed(id_claims(), OLD))) == "passed"


def test_who_waits_behind_a_slow_failure_fails_with_it() -> None:
    issuer = FakeIssuer(OLD)

    def too_slow(_asked: object) -> FetchResponse:
        issuer.now += 10_000
        raise CustodyError("identity.unreachable", "The identity provider could not be asked.")

    issuer.answers[f"{issuer.issuer}/.well-known/openid-configuration"] = too_slow
    provider = issuer.provider()

    async def crowd() -> set[str]:
        token = signed(id_claims(), OLD)
        came = await asyncio.gather(
            *(provider.check(token) for _ in range(9)), return_exceptions=True
        )
        return {getattr(each, "code", "passed") for each in came}

    assert run(crowd()) == {"identity.unreachable"}
    assert len(issuer.asked) == 1


def test_a_clock_that_is_set_back_makes_nothing_fresh_for_ever() -> None:
    issuer = FakeIssuer(OLD)
    provider = issuer.provider()
    assert refusal(provider.check(signed(id_claims(), OLD))) == "passed"
    issuer.keys = [public(NEW)]
    issuer.now -= 10 * FRESH_MS
    early = signed(id_claims(iat=issuer.now // 1000), OLD)
    assert refusal(provider.check(early)) == "identity.key-unknown"


def test_who_goes_away_while_asking_leaves_the_question_to_the_next() -> None:
    issuer = FakeIssuer(OLD)
    provider = issuer.provider()

    async def leave_and_ask() -> str:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await provider.check(signed(id_claims(), OLD))
        return (await provider.check(signed(id_claims(), OLD))).identity.subject

    assert run(leave_and_ask()) == "alice"


def _set(*keys: dict[str, object]) -> bytes:
    return json.dumps({"keys": keys}).encode()


@pytest.mark.parametrize(
    ("keys", "kid", "code"),
    [
        ([public(OLD), public(NEW)], "old", "passed"),
        ([public(OLD)], None, "passed"),
        ([public(OLD), public(NEW)], None, "identity.key-ambiguous"),
        ([public(OLD), public(NEW, kid="old")], "old", "identity.key-ambiguous"),
        ([public(OLD), public(ec_key(), kid="old")], "old", "passed"),
        ([public(OLD, use="enc"), public(NEW)], "old", "identity.key-unknown"),
        ([public(OLD, key_ops=["sign"]), public(NEW)], "old", "identity.key-unknown"),
        ([public(OLD, key_ops=["verify"])], "old", "passed"),
        ([public(OLD, alg="RS512"), public(NEW)], "old", "identity.key-unknown"),
        ([public(OLD, alg="RS256")], "old", "passed"),
        ([{**public(OLD), "kid": ""}], "old", "identity.key-unknown"),
        ([{**public(OLD), "kid": 7}, public(NEW)], "old", "identity.key-unknown"),
        ([public(OLD, kty="oct", k="c2VjcmV0"), public(NEW)], "old", "identity.key-unknown"),
        ([OLD.as_dict(private=True), public(NEW)], "old", "identity.key-unknown"),
        ([{"kty": "oct", "kid": "old", "k": "c2VjcmV0"}], "old", "identity.malformed"),
        ([1, None, "x", [], public(OLD)], "old", "passed"),
        ([], "old", "identity.malformed"),
        ([public(OLD)] * (MAX_KEYS + 1), "old", "identity.malformed"),
    ],
)
def test_a_kid_selects_exactly_one_fitting_key(
    keys: list[dict[str, object]], kid: str | None, code: str
) -> None:
    issuer = FakeIssuer()
    issuer.keys = keys
    assert refusal(issuer.provider().check(signed(id_claims(), OLD, kid=kid))) == code


def test_a_short_rsa_key_proves_nothing() -> None:
    numbers = generate_private_key(65537, 1024).public_key().public_numbers()
    short = {**public(OLD), "n": encode(numbers.n.to_bytes(128, "big"))}
    assert len(read_keys(_set(short, public(NEW))).keys) == 1


def test_a_point_off_the_curve_is_no_key() -> None:
    bent = {**public(ec_key()), "y": public(ec_key())["x"]}
    assert len(read_keys(_set(bent, public(ed_key()))).keys) == 1


def test_a_key_set_behind_a_redirect_is_no_key_set() -> None:
    issuer = FakeIssuer(OLD)
    issuer.answers[f"{issuer.issuer}/keys"] = lambda _asked: FetchResponse(302, b"")
    assert refusal(issuer.provider().check(signed(id_claims(), OLD))) == "identity.unreachable"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, "passed"),
        ({"issuer": "https://id.example.com/"}, "identity.discovery"),
        ({"issuer": "https://ID.example.com"}, "identity.discovery"),
        ({"issuer": None}, "identity.discovery"),
        ({"jwks_uri": "http://id.example.com/keys"}, "identity.discovery"),
        ({"jwks_uri": "http://127.0.0.1/keys"}, "identity.discovery"),
        ({"jwks_uri": "file:///etc/keys"}, "identity.discovery"),
        ({"jwks_uri": "https://user@id.example.com/keys"}, "identity.discovery"),
        ({"jwks_uri": 7}, "identity.discovery"),
        ({"jwks_uri": ""}, "identity.discovery"),
        ({"token_endpoint": "http://id.example.com/token"}, "identity.discovery"),
        ({"authorization_endpoint": "javascript:alert(1)"}, "identity.discovery"),
    ],
    ids=str,
)
def test_a_description_must_be_the_issuers_own(changes: dict[str, object], code: str) -> None:
    issuer = FakeIssuer()
    issuer.description |= changes
    assert refusal(issuer.provider().check(signed(id_claims()))) == code


@pytest.mark.parametrize(
    ("status", "code"), [(301, "identity.unreachable"), (404, "identity.unreachable")]
)
def test_a_description_that_is_elsewhere_is_none(status: int, code: str) -> None:
    issuer = FakeIssuer()
    place = f"{issuer.issuer}/.well-known/openid-configuration"
    issuer.answers[place] = lambda _asked: answer(issuer.description, status)
    assert refusal(issuer.provider().check(signed(id_claims()))) == code


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=8,
)
members = st.sampled_from(["kty", "kid", "use", "alg", "key_ops", "crv", "n", "e", "x", "y", "d"])
nearly_keys = st.dictionaries(
    members, json_values | st.sampled_from(["RSA", "EC", "OKP", "sig", "P-256", "Ed25519", "AQAB"])
)


@given(st.lists(nearly_keys | json_values, max_size=4))
def test_any_key_set_is_read_or_refused(keys: list[object]) -> None:
    with contextlib.suppress(CustodyError):
        assert read_keys(json.dumps({"keys": keys}).encode()).keys


@given(st.binary(max_size=64))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with pytest.raises(CustodyError):
        read_keys(data)
