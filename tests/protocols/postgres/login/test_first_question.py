"""What a session itself says of its path, its role and its strings, before its client is let in."""

import pytest
from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import Dialogue, allow, new_codec, upstream

from custody.model.event import LoginFailed, LoginReceived, SessionReady
from custody.protocols.postgres import frames
from custody.protocols.postgres.login.first_question import FIRST_QUESTION

ASKED = frames.query(FIRST_QUESTION)
COLUMNS = m.columns(*((name, 0, 0, 25, 0) for name in ("path", "user", "conforming")))


def let_in(*answer: bytes) -> Dialogue:
    p = Dialogue(new_codec(), allow, {})
    p.client(m.startup(user="anyone", database="orders"), m.password("ct_x"))
    (login,) = p.of(LoginReceived)
    assert isinstance(login, LoginReceived)
    p._send(list(p.codec.admit(login, upstream())))
    p.server(m.LET_IN)
    assert p.to_server.endswith(ASKED)
    assert not p.of(SessionReady)
    return p.server(*answer)


def objects(p: Dialogue) -> tuple[str, ...]:
    p.client(m.query("SELECT * FROM payments"))
    return p.commands[-1].objects


def test_the_path_is_what_the_session_says() -> None:
    row = m.row(b'secret, "Odd One"', b"app", b"on")
    p = let_in(COLUMNS + row + m.complete("SELECT 1") + m.ready())
    assert p.of(SessionReady)
    assert {"secret.payments", "Odd One.payments"} <= set(objects(p))
    assert "public.payments" not in objects(p)
    assert b"Odd One" not in p.to_client


def test_the_role_is_what_the_session_says() -> None:
    row = m.row(b'"$user"', b"other", b"on")
    p = let_in(COLUMNS + row + m.complete("SELECT 1") + m.ready())
    assert "other.payments" in objects(p)
    assert "app.payments" not in objects(p)


@pytest.mark.parametrize(
    "answer",
    [
        m.error("42501", "no right to that") + m.ready(),
        COLUMNS + m.complete("SELECT 0") + m.ready(),
        m.columns(("a", 0, 0, 25, 0)) + m.row(b"public") + m.complete("SELECT 1") + m.ready(),
        COLUMNS + m.row(b"public", None, b"on") + m.complete("SELECT 1") + m.ready(),
        COLUMNS + m.row(b"\xff", b"app", b"on") + m.complete("SELECT 1") + m.ready(),
    ],
)
def test_where_it_does_not_say_nothing_is_known(answer: bytes) -> None:
    p = let_in(answer)
    assert p.of(SessionReady)
    p.client(m.query("SELECT * FROM payments"))
    assert not p.commands[-1].resolved


def test_parameters_that_are_reported_meanwhile_reach_the_client() -> None:
    p = let_in(m.parameter("search_path", "secret"), m.notice("mind the step"), m.FIRST_ANSWER)
    assert m.parameter("search_path", "secret") in p.to_client
    assert b"mind the step" in p.to_client
    assert b"SELECT 1" not in p.to_client


def test_a_server_that_gives_up_meanwhile_is_a_failed_login() -> None:
    p = let_in(m.error("57P01", "shutting down", "FATAL"))
    assert p.of(LoginFailed)
