"""A long text asks for its memory before it is held; what is prepared is counted."""

from tests.protocols.postgres import messages as m
from tests.protocols.postgres.playbook import denying, playbook

from custody.model.codec import Room
from custody.model.event import CommandsReceived, RecordFirst
from custody.model.words import Side
from custody.protocols.postgres.options import KEPT_UNSHARED, MEMORY_OF_A_COMMAND, PostgresOptions

LONG = "SELECT '" + "x" * 100_000 + "'"
OPTIONS = PostgresOptions(cleartext=True, command_bytes=200_000)


class Share:
    """Gives what the test says."""

    def __init__(self, room: Room = Room.TAKEN) -> None:
        self.room = room
        self.taken = 0
        self.kept = 0
        self.most_kept = 0

    def take(self, size: int) -> Room:
        if self.room is Room.TAKEN:
            self.taken += size
        return self.room

    def give(self, size: int) -> None:
        self.taken -= size

    def keep(self, size: int) -> bool:
        if size > self.most_kept:
            return False
        self.kept = size
        return True


def test_it_is_taken_at_the_announced_length_once_and_goes_with_the_message() -> None:
    with playbook(options=OPTIONS) as p:
        share = Share()
        p.codec.draw_on(share)
        sent = m.query(LONG)
        p.client(sent[:5])
        assert share.taken == MEMORY_OF_A_COMMAND * (len(sent) - 1)
        p.client(sent[5:50_000]).client(sent[50_000:]).forwards(sent)
        (event,) = p.of(CommandsReceived)
        assert isinstance(event, CommandsReceived)
        assert event.taken == share.taken == MEMORY_OF_A_COMMAND * (len(sent) - 1)


def test_it_waits_without_being_held_and_goes_on_where_it_was() -> None:
    with playbook(options=OPTIONS) as p:
        share = Share(Room.LATER)
        p.codec.draw_on(share)
        sent = m.query(LONG)
        p.client(sent[:20]).forwards()
        assert p.codec.buffered(Side.CLIENT) == 20
        share.room = Room.TAKEN
        p.pump().client(sent[20:]).forwards(sent)


def test_without_room_it_is_refused_with_53000_and_drained() -> None:
    with playbook(options=OPTIONS) as p:
        share = Share(Room.NEVER)
        p.codec.draw_on(share)
        sent = m.query(LONG)
        for start in range(0, len(sent), 9_000):
            p.client(sent[start : start + 9_000])
            assert p.codec.buffered(Side.CLIENT) < 10_000
        assert b"53000" in p.to_client
        assert p.to_client.endswith(m.ready())
        assert len(p.of(RecordFirst)) == 1
        assert share.taken == 0
        p.forwards().client(m.query("SELECT 1")).forwards(m.query("SELECT 1"))


def test_a_parse_without_room_fails_in_its_pipeline() -> None:
    with playbook(options=OPTIONS) as p:
        p.codec.draw_on(Share(Room.NEVER))
        p.client(m.parse(LONG), m.bind(), m.execute(), m.SYNC).forwards(m.SYNC)
        assert b"53000" in p.to_client


def test_what_ends_with_its_message_is_given_back_by_the_codec() -> None:
    with playbook(options=OPTIONS) as p:
        share = Share()
        p.codec.draw_on(share)
        malformed = m.query(LONG)[:-1] + b"x"  # no NUL at its end
        p.client(malformed)
        assert b"08P01" in p.to_client
        assert share.taken == 0
        p.forget().client(m.query("-- " + "x" * 100_000))
        assert share.taken == 0  # no command is in it: it is forwarded at once


def test_a_refused_one_is_the_hosts_to_give_back() -> None:
    with playbook(denying("SELECT"), options=OPTIONS) as p:
        share = Share()
        p.codec.draw_on(share)
        p.client(m.query(LONG))
        (event,) = p.of(CommandsReceived)
        assert isinstance(event, CommandsReceived)
        assert event.taken == share.taken > 0


def test_prepared_texts_are_kept_within_the_share_and_the_session_lives() -> None:
    with playbook(options=PostgresOptions(cleartext=True)) as p:
        share = Share()
        share.most_kept = 300_000
        p.codec.draw_on(share)
        text = "SELECT '" + "x" * 50_000 + "'"
        fit = (KEPT_UNSHARED + share.most_kept) // len(text)
        for number in range(fit + 1):
            assert b"53000" not in p.to_client
            p.client(m.parse(text, f"s{number}"), m.SYNC)
            if number < fit:
                p.server(m.PARSED + m.ready())
        assert b"53000" in p.to_client
        assert 0 < share.kept <= share.most_kept
        p.server(m.ready()).forget().client(m.query("DEALLOCATE ALL"))
        p.server(m.complete("DEALLOCATE ALL") + m.ready())
        p.forwards(m.query("DEALLOCATE ALL"))
        again = m.parse(text, "again")
        p.client(again, m.SYNC).forwards(again, m.SYNC)
        assert share.kept == 0
