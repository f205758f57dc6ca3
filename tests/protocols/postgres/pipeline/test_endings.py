"""How sessions end, and what no longer happens then; and sessions that nobody reads."""

import hashlib

from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import Dialogue, allow, new_codec, playbook, upstream

from custody.model.event import LoginReceived, RecordFirst, SideEnded, StreamEnded
from custody.model.record import Opaque
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import Side

OVER = Refusal(RefusalCode.LOOP_OVER, "this loop was ended", hint="ask")


def test_a_kill_between_two_messages_is_a_fatal_error() -> None:
    with playbook() as p:
        p.client(m.query("SELECT pg_sleep(9)"))
        (send,) = p.codec.refuse(None, OVER)
        assert send.to is Side.CLIENT
        assert b"SFATAL" in send.data
        p.forget()
        p.server(m.column("a") + m.complete("SELECT 1") + m.ready()).client(m.query("SELECT 1"))
        p.silent()
        assert not p.codec.refuse(None, OVER)


def test_a_kill_inside_a_message_cannot_say_anything() -> None:
    with playbook() as p:
        p.client(m.query("TABLE t"))
        p.server(m.column("a") + m.row(b"x" * 1000)[:500])
        assert not p.codec.refuse(None, OVER)


def test_a_client_says_goodbye() -> None:
    with playbook() as p:
        p.client(m.TERMINATE + m.query("DELETE FROM t")).forwards(m.TERMINATE)
        assert [e.reason for e in p.of(SideEnded) if isinstance(e, SideEnded)] == [
            "client.terminated"
        ]


def test_a_client_that_stops_talking_still_hears() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1")).ends(Side.CLIENT)
        answer = m.column("a") + m.row(b"1") + m.complete("SELECT 1") + m.ready()
        p.forget().server(answer).replies(answer)
        assert p.outcomes == ["ok"]


def test_a_server_that_goes_away() -> None:
    with playbook() as p:
        p.client(m.query("SELECT 1")).server(m.column("a")).ends(Side.SERVER)
        assert [e.reason for e in p.of(SideEnded) if isinstance(e, SideEnded)] == ["server.closed"]


def test_a_replication_connection_is_an_opaque_stream() -> None:
    p = Dialogue(new_codec(), allow, {})
    p.client(m.startup(user="u", database="o", replication="true"), m.password("x"))
    (login,) = p.of(LoginReceived)
    assert isinstance(login, LoginReceived)
    given = upstream(stream="replication", parameters=login.login.parameters)
    p._send(p.codec.admit(login, given))
    assert b"replication\0true\0" in p.to_server
    p.server(m.LET_IN).forget()
    up, down = m.query("IDENTIFY_SYSTEM"), b"anything at all"
    p.client(up).server(down).forwards(up).replies(down)
    (first,) = [e for e in p.events if isinstance(e, RecordFirst)]
    assert isinstance(first.body, Opaque)
    p.ends(Side.CLIENT).ends(Side.SERVER)
    streams = {e.stream.direction: e.stream for e in p.events if isinstance(e, StreamEnded)}
    assert (streams["up"].bytes, streams["down"].bytes) == (len(up), len(down))
    assert streams["down"].digest == hashlib.sha256(down).hexdigest()
    assert not p.commands
