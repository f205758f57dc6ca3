"""OAUTHBEARER on a listener that takes tokens: who asks, who brings, who is turned away."""

import contextlib
import json
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import Dialogue, allow, new_codec, upstream

from custody.model.errors import WireError
from custody.model.event import Event, LoginReceived, SessionReady, SideEnded
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side
from custody.protocols.postgres.frames import error
from custody.protocols.postgres.login.oauthbearer import TOKEN_BYTES_AT_MOST, token_of
from custody.protocols.postgres.options import PostgresOptions

ISSUER = "https://id.example.com"
TOKENS = PostgresOptions(cleartext=True, oauth_issuer=ISSUER, oauth_scope="openid profile")
OFFER = m.frame("R", struct.pack(">I", 10) + b"OAUTHBEARER\0\0")
TOLD = {
    "status": "invalid_token",
    "openid-configuration": f"{ISSUER}/.well-known/openid-configuration",
    "scope": "openid profile",
}
NO = Refusal(RefusalCode.IDENTITY, "not taken", fatal=True)
NOTED = m.frame("p", b"\x01")
STARTUP = m.startup(user="u", database="orders")


def initial(response: bytes | None, mechanism: bytes = b"OAUTHBEARER") -> bytes:
    length = -1 if response is None else len(response)
    return m.frame("p", mechanism + b"\0" + struct.pack(">i", length) + (response or b""))


def bearing(token: str) -> bytes:
    return b"n,,\x01auth=Bearer " + token.encode() + b"\x01\x01"


def arriving() -> Dialogue:
    return Dialogue(new_codec(TOKENS), allow, {}).client(STARTUP).replies(OFFER)


def challenge(p: Dialogue) -> dict[str, str]:
    """The JSON that is the last that the client was sent."""
    body = p.to_client[len(OFFER) :]
    assert body[:1] == b"R"
    length, kind = struct.unpack_from(">II", body, 1)
    assert kind == 11
    assert length == len(body) - 1
    told: dict[str, str] = json.loads(body[9:])
    p.forget()
    return told


def brought(p: Dialogue) -> LoginReceived:
    (login,) = p.of(LoginReceived)
    assert isinstance(login, LoginReceived)
    return login


def test_a_token_is_brought_and_the_session_begins() -> None:
    p = arriving().client(initial(bearing("eyJ.e30.sig")))
    login = brought(p)
    assert login.secret.reveal() == "eyJ.e30.sig"
    assert "eyJ" not in repr(login)
    assert login.login.target == "orders"
    p.silent()
    p._send(list(p.codec.admit(login, upstream())))
    p.server(m.AUTHENTICATION_OK, m.ready(), m.FIRST_ANSWER)
    assert p.of(SessionReady)
    assert p.to_client[len(OFFER) :].startswith(m.AUTHENTICATION_OK)


def test_who_asks_is_told_whose_tokens_are_taken_and_is_then_failed() -> None:
    p = arriving().client(initial(b"n,,\x01auth=\x01\x01"))
    assert challenge(p) == TOLD
    assert not p.of(LoginReceived)
    p.client(NOTED)
    assert b"28000" in p.to_client
    assert p.events[-1] == SideEnded("client.discovery")


def test_a_response_may_come_with_the_second_message() -> None:
    p = arriving().client(initial(None)).replies(m.frame("R", struct.pack(">I", 11)))
    p.client(m.frame("p", bearing("t")))
    assert brought(p).secret.reveal() == "t"


def test_a_refusal_waits_until_the_client_took_note() -> None:
    p = arriving().client(initial(bearing("t")))
    p._send(list(p.codec.refuse(brought(p), NO)))
    assert challenge(p) == TOLD
    p.pump().silent()
    p.client(NOTED).replies(error(NO))
    assert p.events[-1] == SideEnded("client.refused")
    p.client(m.query("SELECT 1")).silent()


def test_a_refused_client_may_just_leave() -> None:
    p = arriving().client(initial(bearing("t")))
    p._send(list(p.codec.refuse(brought(p), NO)))
    p.ends(Side.CLIENT)
    assert p.events[-1] == SideEnded("client.closed")


def test_a_refused_client_cannot_bring_another_token() -> None:
    p = arriving().client(initial(bearing("t")))
    p._send(list(p.codec.refuse(brought(p), NO)))
    with pytest.raises(WireError):
        p.client(initial(bearing("u")))


def test_a_fault_of_the_gateway_is_told_at_once() -> None:
    p = arriving().client(initial(bearing("t")))
    p._send(list(p.codec.refuse(None, NO)))
    p.replies(error(NO))


def test_no_token_is_asked_for_in_clear_text() -> None:
    closed = PostgresOptions(oauth_issuer=ISSUER)
    p = Dialogue(new_codec(closed), allow, {}).client(STARTUP)
    assert OFFER not in p.to_client
    assert b"28000" in p.to_client


@pytest.mark.parametrize("size", [TOKEN_BYTES_AT_MOST, TOKEN_BYTES_AT_MOST + 1])
def test_a_token_may_be_long_and_not_longer(size: int) -> None:
    p = arriving()
    if size > TOKEN_BYTES_AT_MOST:
        with pytest.raises(WireError):
            p.client(initial(bearing("t" * size)))
    else:
        assert brought(p.client(initial(bearing("t" * size)))).secret.reveal() == "t" * size


@pytest.mark.parametrize("size", [65_536, 65_537])
def test_so_may_a_password(size: int) -> None:
    p = Dialogue(new_codec(), allow, {}).client(STARTUP)
    if size > 65_536:
        with pytest.raises(WireError):
            p.client(m.password("t" * size))
    else:
        assert brought(p.client(m.password("t" * size))).secret.reveal() == "t" * size


@pytest.mark.parametrize(
    ("response", "token"),
    [
        (b"n,,\x01auth=Bearer abc\x01\x01", "abc"),
        (b"y,,\x01auth=bearer  a-._~+/9==\x01\x01", "a-._~+/9=="),
        (b"n,,\x01host=db\x01port=5432\x01auth=BEARER t\x01\x01", "t"),
        (b"n,,\x01auth=\x01later=x y\t\r\n\x01\x01", ""),
    ],
)
def test_what_a_response_brings(response: bytes, token: str) -> None:
    assert token_of(response) == token


@pytest.mark.parametrize(
    "response",
    [
        b"",
        b"\x01",
        b"n,,",
        b"n,,\x01",
        b"n,,\x01\x01",
        b"p=tls-exporter,,\x01auth=Bearer t\x01\x01",
        b"n,a=ada,\x01auth=Bearer t\x01\x01",
        b"n,a=,\x01auth=Bearer t\x01\x01",
        b"z,,\x01auth=Bearer t\x01\x01",
        b"n,,auth=Bearer t\x01\x01",
        b"n,,\x01auth=Bearer t\x01",
        b"n,,\x01auth=Bearer t",
        b"n,,\x01auth=Bearer t\x01\x01x",
        b"n,,\x01auth=Bearer t\x01\x01\x01",
        b"n,,\x01auth=Bearer t\x01auth=Bearer u\x01\x01",
        b"n,,\x01auth=Bearer t\x01host=a\x01host=b\x01\x01",
        b"n,,\x01auth=Bearer t\x01=x\x01\x01",
        b"n,,\x01auth=Bearer t\x01na1me=x\x01\x01",
        b"n,,\x01auth=Bearer t\x01key\x01\x01",
        b"n,,\x01Auth=Bearer t\x01\x01",
        b"n,,\x01auth=Basic dTpw\x01\x01",
        b"n,,\x01auth=Bearer\x01\x01",
        b"n,,\x01auth=Bearer \x01\x01",
        b"n,,\x01auth=Bearer t u\x01\x01",
        b"n,,\x01auth=Bearer =\x01\x01",
        b"n,,\x01auth=Bearer t\0u\x01\x01",
        "n,,\x01auth=Bearer té\x01\x01".encode(),
    ],
)
def test_what_is_not_in_the_grammar(response: bytes) -> None:
    with pytest.raises(WireError) as refused:
        token_of(response)
    assert "Bearer t" not in str(refused.value)


@pytest.mark.parametrize(
    "message",
    [
        initial(bearing("t"), mechanism=b"SCRAM-SHA-256"),
        m.frame("p", b"OAUTHBEARER\0" + struct.pack(">i", 3) + bearing("t")),
        m.frame("p", b"OAUTHBEARER\0" + struct.pack(">i", -1) + bearing("t")),
        m.frame("p", b"OAUTHBEARER"),
        m.frame("p", b""),
        m.password("ct_ticket"),
        m.query("SELECT 1"),
    ],
)
def test_what_is_no_answer_to_the_offer(message: bytes) -> None:
    with pytest.raises(WireError):
        arriving().client(message)


def _events(codec_bytes: list[bytes]) -> tuple[list[Event], bytes]:
    p = Dialogue(new_codec(TOKENS), allow, {})
    for piece in codec_bytes:
        p.client(piece)
    return p.events, p.to_client


@given(st.data())
def test_any_split_of_the_bytes_gives_the_same(data: st.DataObject) -> None:
    discovery = STARTUP + initial(b"n,,\x01auth=\x01\x01") + NOTED
    whole = data.draw(st.sampled_from([discovery, STARTUP + initial(bearing("a.b.c"))]))
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole) - 1))))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    assert repr(_events(pieces)) == repr(_events([whole]))


@given(st.binary(max_size=300), st.booleans())
def test_garbage_raises_only_wire_errors(garbage: bytes, framed: bool) -> None:  # noqa: FBT001 - a case's value
    p = arriving()
    with contextlib.suppress(WireError):
        p.client(initial(b"n,,\x01" + garbage) if framed else garbage).ends(Side.CLIENT)
    with contextlib.suppress(WireError):
        token_of(garbage)
