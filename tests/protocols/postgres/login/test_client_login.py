"""The login on both sides: what is asked, what is told, and what is never told."""

import base64
import hashlib
import hmac
import struct
from collections.abc import Callable

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import CLIENT_KEY, Dialogue, allow, new_codec, upstream

from custody.model.errors import WireError
from custody.model.event import (
    CancelReceived,
    LoginFailed,
    LoginReceived,
    Send,
    SessionReady,
    SideEnded,
    TlsAnswered,
    TlsRequested,
)
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side
from custody.protocols.postgres.login.scram import saslprep
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.refusals import sqlstate


def arriving(options: PostgresOptions | None = None) -> Dialogue:
    return Dialogue(new_codec(options), allow, {})


def admitted(**changes: object) -> Dialogue:
    p = arriving().client(m.startup(user="u", database="orders"), m.password("ct_x"))
    (login,) = p.of(LoginReceived)
    assert isinstance(login, LoginReceived)
    p._send(list(p.codec.admit(login, upstream(**changes))))
    return p


@pytest.mark.parametrize(
    ("given", "free", "target", "database"),
    [
        ({"user": "u", "database": "orders"}, False, "orders", ""),
        ({"user": "u", "database": "orders/other"}, False, "orders", "other"),
        ({"user": "u", "database": "orders/a/b"}, False, "orders", "a/b"),
        ({"user": "u"}, False, "u", ""),
        ({"user": "u", "database": "any/thing"}, True, "", "any/thing"),
    ],
)
def test_the_database_names_the_target(
    given: dict[str, str],
    free: bool,  # noqa: FBT001  # a column of the table
    target: str,
    database: str,
) -> None:
    p = arriving(PostgresOptions(cleartext=True, database_is_free=free))
    p.client(m.startup(**given, application_name="psql", options="-c x=1"))
    p.replies(m.CLEARTEXT).client(m.password("ct_secret"))
    (received,) = p.of(LoginReceived)
    assert isinstance(received, LoginReceived)
    login = received.login
    assert (login.target, login.database, login.user) == (target, database, "u")
    assert login.application == "psql"
    assert login.parameters == (("application_name", "psql"), ("options", "-c x=1"))
    assert received.secret.reveal() == "ct_secret"
    assert "ct_secret" not in repr(received)


def test_tls_is_asked_for_by_one_unframed_message() -> None:
    p = arriving(PostgresOptions()).client(m.SSL_REQUEST)
    assert p.events == [TlsRequested(b"S", b"N", 0)]
    p.codec.secured()
    p.client(m.startup(user="u", database="orders")).replies(m.CLEARTEXT)


def test_bytes_behind_a_request_for_tls_are_counted() -> None:
    p = arriving().client(m.SSL_REQUEST + b"sly")
    assert p.events == [TlsRequested(b"S", b"N", 3)]


def test_gssapi_encryption_is_declined() -> None:
    p = arriving().client(m.GSSENC_REQUEST).replies(b"N")
    p.client(m.SSL_REQUEST)
    assert p.of(TlsRequested)


def test_no_ticket_is_asked_for_in_clear_text() -> None:
    p = arriving(PostgresOptions()).client(m.startup(user="u", database="orders"))
    assert b"28000" in p.to_client
    assert m.CLEARTEXT not in p.to_client
    assert p.of(SideEnded)


@pytest.mark.parametrize("key", [b"\0\0\0\x01abcd", b"\0\0\0\x01" + bytes(256)])
def test_a_cancel_request(key: bytes) -> None:
    assert arriving().client(m.cancel_request(key)).events == [CancelReceived(key)]


@pytest.mark.parametrize(
    ("version", "names", "newest", "unknown"),
    [
        (196_610, {}, None, 0),
        (196_608, {"_pq_.beard": "on"}, 196_608, 1),
        (196_611, {}, 196_610, 0),
        (3 << 16 | 9999, {"_pq_.a": "1", "_pq_.b": "2"}, 196_610, 2),
    ],
)
def test_versions_are_negotiated(
    version: int, names: dict[str, str], newest: int | None, unknown: int
) -> None:
    p = arriving().client(m.startup(version, user="u", database="o", **names))
    if newest is None:
        p.replies(m.CLEARTEXT)
        return
    body = struct.pack(">II", newest, unknown) + b"".join(m.z(name) for name in names)
    p.replies(m.frame("v", body), m.CLEARTEXT)
    p.client(m.password("x"))
    (received,) = p.of(LoginReceived)
    assert isinstance(received, LoginReceived)
    assert received.login.parameters == ()


def test_another_protocol_is_refused() -> None:
    p = arriving().client(m.startup(2 << 16, user="u"))
    assert b"0A000" in p.to_client
    assert p.of(SideEnded)


@pytest.mark.parametrize(
    "sent",
    [
        struct.pack(">I", 3),
        struct.pack(">I", 10_001),
        b"GET / HTTP/1.1\r\n\r\n",
        struct.pack(">II", 9, 196_608) + b"x",
        m.SSL_REQUEST + b"",
        m.cancel_request(b"abc"),
        m.startup(user="u", database="o") + m.query("SELECT 1"),
        m.startup(user="u", database="o") + m.frame("p", b"no zero"),
        m.startup(user="u", database="o") + m.frame("p", b"a\0b\0"),
        m.startup(user="u", database="o") + b"p" + struct.pack(">I", 1 << 30),
    ],
)
def test_what_breaks_the_start(sent: bytes) -> None:
    p = arriving()
    if sent == m.SSL_REQUEST:
        p.client(m.SSL_REQUEST)
    with pytest.raises(WireError) as caught:
        p.client(sent)
    assert caught.value.blame == "client"


def test_the_client_is_told_the_servers_parameters_and_a_key_of_our_own() -> None:
    p = admitted(notice="This session is recorded.")
    p.forwards(m.startup(user="app", database="orders", application_name="psql"))
    p.server(m.LOGGED_IN)
    assert p.of(SessionReady)
    status = m.LET_IN[len(m.AUTHENTICATION_OK) : -len(m.key_data(b"\0\0\0\x07serv") + m.ready())]
    told = p.to_client[len(m.CLEARTEXT) :]
    own = b"\0\0\0\x07" + CLIENT_KEY[4:8]  # the server's process number, our secret
    assert told.startswith(m.AUTHENTICATION_OK + status + m.key_data(own))
    assert b"This session is recorded." in told
    assert told.endswith(m.ready())
    assert b"serv" not in told.replace(b"server_version", b"")
    assert p.codec.client_key == own
    assert p.codec.cancel() == m.cancel_request(b"\0\0\0\x07serv")


def test_a_newer_client_gets_the_whole_key() -> None:
    p = arriving().client(m.startup(196_610, user="u", database="o"), m.password("x"))
    (login,) = p.of(LoginReceived)
    assert isinstance(login, LoginReceived)
    p._send(list(p.codec.admit(login, upstream())))
    p.server(m.LOGGED_IN)
    assert m.key_data(b"\0\0\0\x07" + CLIENT_KEY[4:]) in p.to_client


def test_tls_towards_the_server() -> None:
    p = admitted(tls="require").forwards(m.SSL_REQUEST)
    p.server(b"S")
    assert p.of(TlsAnswered) == [TlsAnswered(accepted=True, buffered=0)]
    p._send(list(p.codec.start_server(tls=True, channel_binding=b"binding")))
    p.forwards(m.startup(user="app", database="orders", application_name="psql"))


def test_bytes_behind_the_servers_answer_are_counted() -> None:
    assert admitted(tls="prefer").server(b"Ssly").of(TlsAnswered) == [TlsAnswered(True, 3)]


def test_a_server_that_knows_no_tls() -> None:
    p = admitted(tls="prefer").server(m.error("0A000", "unsupported", "FATAL"))
    (failed,) = p.of(LoginFailed)
    assert isinstance(failed, LoginFailed)


def test_md5() -> None:
    p = admitted().forget().server(m.frame("R", struct.pack(">I", 5) + b"salt"))
    inner = hashlib.md5(b"s3cret" + b"app").hexdigest().encode()
    p.forwards(m.password("md5" + hashlib.md5(inner + b"salt").hexdigest()))
    p.server(m.LOGGED_IN)
    assert p.of(SessionReady)


@pytest.mark.parametrize(("tls", "sent"), [("off", True), ("prefer", False)])
def test_the_password_in_clear_text_only_where_that_was_said(tls: str, sent: bool) -> None:  # noqa: FBT001 - a case's value
    p = admitted(tls=tls)
    if tls != "off":
        p.server(b"N")
        p._send(list(p.codec.start_server(tls=False, channel_binding=None)))
    p.forget().server(m.CLEARTEXT)
    assert (b"s3cret" in p.to_server) is sent
    assert bool(p.of(LoginFailed)) is not sent


def scram_server(
    first: bytes, password: str, *, binding: bytes | None, rounds: int = 4096
) -> tuple[bytes, Callable[[bytes], bytes]]:
    """The challenge for a client's first message, and what answers its final one."""
    header, _, rest = first.partition(b",,")
    bare = rest
    nonce = bare.partition(b"r=")[2] + b"SERVER"
    salt = b"0123456789abcdef"
    challenge = b"r=" + nonce + b",s=" + base64.b64encode(salt) + b",i=%d" % rounds

    def answer(final: bytes) -> bytes:
        without, _, proof = final.rpartition(b",p=")
        expected = base64.b64encode(header + b",," + (binding or b""))
        assert without == b"c=" + expected + b",r=" + nonce
        salted = hashlib.pbkdf2_hmac("sha256", password.encode(), salt, rounds)
        message = bare + b"," + challenge + b"," + without
        stored = hashlib.sha256(hmac.digest(salted, b"Client Key", "sha256")).digest()
        signature = hmac.digest(stored, message, "sha256")
        key = bytes(a ^ b for a, b in zip(base64.b64decode(proof), signature, strict=True))
        assert hashlib.sha256(key).digest() == stored
        server_key = hmac.digest(salted, b"Server Key", "sha256")
        return b"v=" + base64.b64encode(hmac.digest(server_key, message, "sha256"))

    return challenge, answer


@pytest.mark.parametrize(
    ("offered", "binding", "mechanism", "header"),
    [
        (b"SCRAM-SHA-256\0\0", None, b"SCRAM-SHA-256", b"n"),
        (b"SCRAM-SHA-256\0\0", b"cert", b"SCRAM-SHA-256", b"y"),
        (
            b"SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0",
            b"cert",
            b"SCRAM-SHA-256-PLUS",
            b"p=tls-server-end-point",
        ),
    ],
)
@pytest.mark.parametrize("honest", [True, False])
def test_scram(
    offered: bytes,
    binding: bytes | None,
    mechanism: bytes,
    header: bytes,
    honest: bool,  # noqa: FBT001 - a case's value
) -> None:
    p = admitted(tls="require" if binding else "off")
    if binding:
        p.server(b"S")
        p._send(list(p.codec.start_server(tls=True, channel_binding=binding)))
    p.forget().server(m.frame("R", struct.pack(">I", 10) + offered))
    name, _, rest = p.to_server[p._forwarded + 5 :].partition(b"\0")
    assert name == mechanism
    first = rest[4:]
    assert first.startswith(header + b",,")
    plus = binding if mechanism.endswith(b"PLUS") else None
    challenge, answer = scram_server(first, "s3cret", binding=plus)
    p.forget().server(m.frame("R", struct.pack(">I", 11) + challenge))
    final = p.to_server[p._forwarded + 5 :]
    verifier = answer(final) if honest else b"v=" + base64.b64encode(bytes(32))
    p.server(m.frame("R", struct.pack(">I", 12) + verifier) + m.LOGGED_IN)
    assert bool(p.of(SessionReady)) is honest
    assert bool(p.of(LoginFailed)) is not honest


@pytest.mark.parametrize(
    "challenge",
    [
        b"r=short,s=MDEyMw==,i=4096",
        b"r=%s,s=MDEyMw==,i=4096",
        b"r=%sX,s=!!,i=4096",
        b"r=%sX,s=MDEyMw==,i=200001",
        b"r=%sX,s=MDEyMw==,i=0",
        b"r=%sX,s=MDEyMw==",
        b"m=ext,r=%sX,s=MDEyMw==,i=1",
        b"",
    ],
)
def test_a_challenge_that_is_not_one(challenge: bytes) -> None:
    p = admitted().forget()
    p.server(m.frame("R", struct.pack(">I", 10) + b"SCRAM-SHA-256\0\0"))
    nonce = p.to_server.rpartition(b"r=")[2]
    p.server(m.frame("R", struct.pack(">I", 11) + challenge.replace(b"%s", nonce)))
    assert p.of(LoginFailed)


def test_a_server_that_skips_its_own_proof_is_refused() -> None:
    p = admitted().forget()
    p.server(m.frame("R", struct.pack(">I", 10) + b"SCRAM-SHA-256\0\0"), m.LOGGED_IN)
    assert p.of(LoginFailed)
    assert not p.of(SessionReady)


@pytest.mark.parametrize("code", [2, 7, 9, 99])
def test_methods_that_are_not_spoken(code: int) -> None:
    (failed,) = admitted().server(m.frame("R", struct.pack(">I", code))).of(LoginFailed)
    assert isinstance(failed, LoginFailed)
    assert failed.reason == "target.protocol"


@pytest.mark.parametrize(
    ("code", "reason", "told"),
    [("28P01", "target.password", "08004"), ("3D000", "target.error", "3D000")],
)
def test_the_servers_refusal_helps_and_tells_no_secret(code: str, reason: str, told: str) -> None:
    p = admitted().server(m.error(code, 'failed for user "app" at 10.1.2.3', "FATAL"))
    (failed,) = p.of(LoginFailed)
    assert isinstance(failed, LoginFailed)
    assert (failed.reason, sqlstate(failed.refusal)) == (reason, told)
    assert "app" not in failed.refusal.message.replace("gateway", "")
    assert "10.1.2.3" not in repr(failed)


def test_a_server_that_goes_away_has_failed() -> None:
    assert admitted().ends(Side.SERVER).of(LoginFailed)


def test_a_refused_login() -> None:
    p = arriving().client(m.startup(user="u", database="o"), m.password("x")).forget()
    (send,) = p.codec.refuse(None, Refusal(RefusalCode.IDENTITY, "no such ticket"))
    assert isinstance(send, Send)
    assert send.to is Side.CLIENT
    assert b"FATAL" in send.data


def test_replication_is_refused_unless_permitted() -> None:
    sent = m.startup(user="u", database="o", replication="database")
    p = arriving().client(sent, m.password("x"))
    (login,) = p.of(LoginReceived)
    assert isinstance(login, LoginReceived)
    assert login.login.stream == "replication"
    (send,) = p.codec.admit(login, upstream())
    assert send.to is Side.CLIENT
    assert b"0A000" in send.data


@pytest.mark.parametrize(
    ("given", "prepared"),
    [
        ("I\u00adX", "IX"),  # RFC 4013 §3, the examples
        ("user", "user"),
        ("\u00aa", "a"),
        ("\u2168", "IX"),
        ("\u0007", "\u0007"),
        ("\u0627\u0031", "\u0627\u0031"),
        ("a\u00a0b", "a b"),
    ],
)
def test_saslprep(given: str, prepared: str) -> None:
    assert saslprep(given) == prepared
