"""The book of logins under way, step by step, against a clock that is ours."""

import asyncio
from collections.abc import Callable
from typing import Any, Final

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from custody.access.expiring_map import HELD_AT_MOST, HELD_OF_ADDRESS, SWEPT_MS, ExpiringMap
from custody.access.login_request import (
    AuthorizationRequest,
    matches_challenge,
    parse_authorization_request,
    s256,
)
from custody.access.pending_logins import CODE_MS, LOGIN_MS, PendingLogins
from custody.access.sign_in import SignIn
from custody.model.errors import CustodyError
from custody.model.identity import Identity, Proof, RememberedLogin
from custody.model.secret import Secret
from custody.model.words import LoginId, Method

VERIFIER: Final = "v" * 43
ASKED: Final = AuthorizationRequest("http://127.0.0.1:41000/done", "of-the-tool", s256(VERIFIER))
HOME: Final = "192.0.2.7"
PROOF: Final = Proof(Identity("ada", "https://id", ("dba",)), Method.OIDC_CODE, "corp", 0, 10**15)


class Desk:
    """The book, a clock that stands until it is moved, and a browser's cookie."""

    def __init__(self) -> None:
        self.now = 1_000_000
        self._count = 0
        self.book = PendingLogins(clock=lambda: self.now, entropy=self._random)

    def _random(self, length: int) -> bytes:
        self._count += 1
        return self._count.to_bytes(length, "big")

    def proven(self) -> tuple[str, str]:
        opened = self.book.begin("corp", ASKED, HOME)
        begun = self.book.take_returned("corp", opened.state, opened.cookie)
        self.book.store_proof(opened.state, begun, PROOF, None)
        return opened.state, opened.cookie

    def code(self) -> Secret:
        state, cookie = self.proven()
        form = self.book.proven_login(state, cookie).form
        code, asked = self.book.confirm(state, cookie, form)
        assert asked == ASKED
        return code


def refused(act: Callable[[], object]) -> str:
    with pytest.raises(CustodyError) as error:
        act()
    return error.value.code


def test_every_secret_of_a_login_is_its_own() -> None:
    desk = Desk()
    told: list[str] = []
    for _ in range(5):
        opened = desk.book.begin("corp", ASKED, HOME)
        told += [opened.state, opened.cookie, opened.nonce.reveal(), opened.challenge]
    assert len(set(told)) == len(told)
    assert all(len(each) == 43 for each in told)


def test_what_is_kept_is_no_secret_that_opens_something() -> None:
    desk = Desk()
    opened = desk.book.begin("corp", ASKED, HOME)
    kept = repr(desk.book._begun._held)
    assert opened.state not in kept
    assert opened.cookie not in kept
    assert opened.nonce.reveal() not in kept
    code = desk.code()
    assert code.reveal() not in repr(desk.book._granted._held)


def test_each_step_is_taken_once() -> None:
    desk = Desk()
    book = desk.book
    opened = book.begin("corp", ASKED, HOME)
    book.take_returned("corp", opened.state, opened.cookie)
    assert (
        refused(lambda: book.take_returned("corp", opened.state, opened.cookie)) == "login.unknown"
    )
    state, cookie = desk.proven()
    form = book.proven_login(state, cookie).form
    book.confirm(state, cookie, form)
    assert refused(lambda: book.confirm(state, cookie, form)) == "login.unknown"
    assert refused(lambda: book.decline(state, cookie, form)) == "login.unknown"


@pytest.mark.parametrize(
    ("provider", "cookie", "code"),
    [
        ("other", None, "login.unknown"),
        ("corp", "x" * 43, "login.browser"),
        ("corp", "", "login.browser"),
    ],
)
def test_a_wrong_return_does_not_use_the_login_up(
    provider: str, cookie: str | None, code: str
) -> None:
    book = Desk().book
    opened = book.begin("corp", ASKED, HOME)
    brought = opened.cookie if cookie is None else cookie
    assert refused(lambda: book.take_returned(provider, opened.state, brought)) == code
    assert book.take_returned("corp", opened.state, opened.cookie).authorization == ASKED


def test_times_run_out() -> None:
    desk = Desk()
    opened = desk.book.begin("corp", ASKED, HOME)
    desk.now += LOGIN_MS
    assert (
        refused(lambda: desk.book.take_returned("corp", opened.state, opened.cookie))
        == "login.unknown"
    )
    state, cookie = desk.proven()
    desk.now += LOGIN_MS
    assert refused(lambda: desk.book.proven_login(state, cookie)) == "login.unknown"
    code = desk.code()
    desk.now += CODE_MS
    assert refused(lambda: desk.book.redeem(code, Secret(VERIFIER), None)) == "login.code"


def test_confirming_does_not_start_the_time_anew() -> None:
    desk = Desk()
    opened = desk.book.begin("corp", ASKED, HOME)
    desk.now += LOGIN_MS - 1
    begun = desk.book.take_returned("corp", opened.state, opened.cookie)
    desk.book.store_proof(opened.state, begun, PROOF, None)
    desk.now += 1
    assert refused(lambda: desk.book.proven_login(opened.state, opened.cookie)) == "login.unknown"


def test_a_code_and_what_it_became() -> None:
    desk = Desk()
    code, right, wrong = desk.code(), Secret(VERIFIER), Secret("w" * 43)
    assert desk.book.redeem(code, right, ASKED.redirect_uri).proof == PROOF
    assert desk.book.replayed_login(code, right) is None, "not known yet what it became"
    login = LoginId("login_aaaaaaaaaaaaaaaaaaaa")
    desk.book.note_redeemed(code, login)
    assert refused(lambda: desk.book.redeem(code, right, None)) == "login.code"
    assert desk.book.replayed_login(code, wrong) is None
    assert desk.book.replayed_login(code, right) == login
    desk.now += CODE_MS
    assert desk.book.replayed_login(code, right) is None


def test_a_device_asks_as_often_as_it_may() -> None:
    desk = Desk()
    own = desk.book.add_device(
        "corp", HOME, Secret("theirs"), expires_ms=600_000, interval_ms=5_000
    )
    assert own.reveal().startswith("cd_")
    assert desk.book.ask_device(own) is None, "too early"
    desk.now += 10_000
    found = desk.book.ask_device(own)
    assert found is not None
    assert found.interval_ms == 10_000, "it had asked too early"
    assert desk.book.ask_device(own) is None, "one question at a time"
    desk.book.note_device_answer(own, done=False)
    desk.now += 15_000
    assert desk.book.ask_device(own) is not None
    desk.book.note_device_answer(own, done=True)
    assert refused(lambda: desk.book.ask_device(own)) == "login.device-code"


def test_a_device_is_given_up_in_time() -> None:
    desk = Desk()
    own = desk.book.add_device("corp", HOME, Secret("theirs"), expires_ms=10**9, interval_ms=5_000)
    desk.now += 1_800_000
    assert refused(lambda: desk.book.ask_device(own)) == "login.device-code"


class Entry(msgspec.Struct, frozen=True):
    client: str
    expires: int


class Thief:
    """Behind the logins: brings the code again while the login of it is being made."""

    def __init__(self, desk: Desk) -> None:
        self.code, self.verifier = desk.code(), Secret(VERIFIER)
        self.ended: list[str] = []
        self.refusals: list[str] = []
        nothing: Any = {}
        behind: Any = self
        self.sign_in = SignIn(
            desk.book, url="", code=nothing, device=nothing, saml=nothing,
            logins=behind, exchange=behind, use=behind,
        )  # fmt: skip

    async def redeem(self) -> object:
        return await self.sign_in.redeem(self.code, self.verifier, None, HOME)

    async def accept(self, proof: Proof, **_more: object) -> tuple[Secret, RememberedLogin]:
        with pytest.raises(CustodyError):
            await self.redeem()
        login = RememberedLogin(LoginId("login_aaaaaaaaaaaaaaaaaaaa"), proof, b"", 0, 1)
        return Secret("cl_x"), login

    async def end(self, login: str, reason: str) -> bool:
        self.ended.append(f"{login} {reason}")
        return True

    async def record_refusal(self, reason: str, **_more: object) -> None:
        self.refusals.append(reason)


def test_a_code_brought_twice_at_once_gives_nobody_a_login() -> None:
    thief = Thief(Desk())
    with pytest.raises(CustodyError) as caught:
        asyncio.run(thief.redeem())
    assert caught.value.code == "login.code"
    assert thief.ended == ["login_aaaaaaaaaaaaaaaaaaaa revoked"]
    assert thief.refusals == ["login.code"]


def test_a_shelf_is_bounded_for_each_address_and_altogether() -> None:
    kept: ExpiringMap[Entry] = ExpiringMap(lambda: 0)
    for number in range(HELD_OF_ADDRESS):
        kept.put(b"%d" % number, Entry(HOME, 10))
    assert refused(lambda: kept.put(b"more", Entry(HOME, 10))) == "login.too-many"
    kept.pop(b"0")
    kept.put(b"more", Entry(HOME, 10))
    for number in range(HELD_AT_MOST - HELD_OF_ADDRESS):
        kept.put(b"other%d" % number, Entry(f"10.0.{number // 250}.{number % 250}", 10))
    assert refused(lambda: kept.put(b"last", Entry("203.0.113.1", 10))) == "login.too-many"
    assert len(kept) == HELD_AT_MOST


def test_a_shelf_makes_room_where_time_is_over() -> None:
    now = 0
    kept: ExpiringMap[Entry] = ExpiringMap(lambda: now)
    for number in range(HELD_OF_ADDRESS):
        kept.put(b"%d" % number, Entry(HOME, 10))
    now = SWEPT_MS
    assert kept.pop(b"0") is None
    kept.put(b"new", Entry(HOME, SWEPT_MS + 10))
    assert len(kept) == 1
    assert kept._of == {HOME: 1}


@given(st.text(max_size=80))
def test_a_redirect_leads_to_loopback_whatever_is_written(text: str) -> None:
    for written in (text, f"http://127.0.0.1:{text}", f"http://localhost:80{text}"):
        try:
            asked = parse_authorization_request(written, "of-the-tool", ASKED.challenge, "S256")
        except CustodyError as error:
            assert error.code == "login.redirect-uri"  # noqa: PT017 - either is right
        else:
            host, _, port = asked.place.rpartition(":")
            assert host in {"127.0.0.1", "localhost", "[::1]"}
            assert 1 <= int(port) <= 65_535
            assert asked.redirect_uri.isascii()
            assert not set(asked.redirect_uri) & set("?#@\\ \r\n\t")


@given(st.text(max_size=140))
def test_only_the_right_verifier_fits(text: str) -> None:
    assert matches_challenge(ASKED.challenge, Secret(text)) is (text == VERIFIER)


def test_the_check_code_is_made_from_the_challenge() -> None:
    assert ASKED.check == msgspec.structs.replace(ASKED, state="another").check
    other = msgspec.structs.replace(ASKED, challenge=s256("w" * 43))
    assert other.check != ASKED.check
    assert len(ASKED.check) == 7
