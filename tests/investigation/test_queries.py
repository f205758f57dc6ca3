"""What investigators are answered, from a real log and the index that follows it."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.index.story import Story
from tests.investigation.evidence_scene import LOOP, SESSION, Scene, usual

from custody.access.loops import LoopService
from custody.access.terms import LoopTerms
from custody.access.tickets import TicketService
from custody.app.admin.dispatch import CallDispatcher
from custody.app.admin.read_calls import EvidenceView, ReadCalls
from custody.app.admin.ticket_calls import TicketCalls
from custody.app.indexer.tail import LogFollower
from custody.gateway.budget.meter import Meter
from custody.index import OwnDayFiles, SqliteIndex
from custody.investigation.log_records import EvidenceRecords
from custody.investigation.queries import Investigation
from custody.model.errors import CustodyError
from custody.model.record import Gap, Receipt, Record
from custody.recording.refusal_rate import RefusalRate
from custody.recording.refused_logins import RefusedLogins
from custody.state import State, StateThread

CONTRACT = {
    "id", "index", "time", "loop", "session", "target", "identity", "effects", "objects",
    "action", "text", "arguments", "verdict", "rule", "outcome", "rows",
}  # fmt: skip


class Room:
    """A desk on a scene's data, with its index brought up to date before each call."""

    def __init__(self, scene: Scene) -> None:
        self.scene = scene
        self.index = SqliteIndex(OwnDayFiles(scene.data / "index"))
        self.reader = scene.reader()
        self.state = State.open(scene.data / "state.db")
        self.tail = LogFollower(self.index, self.reader)
        self.caught_up = 0
        self.fresh = True

    def close(self) -> None:
        self.index.close()
        self.reader.close()
        self.state.close()

    def ask(self, call: str, **arguments: object) -> dict[str, Any]:
        async def catch_up() -> bool:
            self.caught_up += self.tail.catch_up()
            return self.fresh

        reading = Investigation(self.index, EvidenceRecords(self.reader), lambda: 0)
        in_state_thread = StateThread().run
        terms = LoopTerms((), {}, lifetimes={}, local=True, local_ms=1)
        loops = LoopService(
            self.state,
            in_state_thread,
            _ClosedLog(),
            terms,
            RefusedLogins(_ClosedLog(), lambda: 0, RefusalRate()),
            clock=lambda: 0,
            entropy=bytes,
            accounts=Meter(note=print, end_loop=print, policy=b"p"),
        )
        tickets = TicketService(
            self.state,
            in_state_thread,
            _ClosedLog(),
            loops,
            clock=lambda: 0,
            longest_loop=lambda _: None,
        )
        view = EvidenceView(reading, catch_up, self.index.discard)
        desk = CallDispatcher(ReadCalls(view, lambda _: ""), TicketCalls(tickets))
        return asyncio.run(desk.dispatch(call, arguments))


class _ClosedLog:
    async def write(self, record: Record) -> Receipt:
        raise CustodyError("log.not-open", str(record))


@pytest.fixture
def scene(tmp_path: Path) -> Scene:
    return Scene(tmp_path)


@pytest.fixture
def room(scene: Scene) -> Iterator[Room]:
    opened = Room(scene)
    yield opened
    opened.close()


def test_a_command_has_the_keys_of_the_contract(room: Room) -> None:
    room.scene.tell(usual())
    items = room.ask("search", query="verdict:deny")["items"]
    assert len(items) == 1
    assert set(items[0]) >= CONTRACT
    assert items[0]["id"] == f"{SESSION}-3"
    assert items[0]["session"] == SESSION
    assert items[0]["loop"] == LOOP
    assert items[0]["identity"] == "agent-7"
    assert items[0]["target"] == "orders"
    assert items[0]["verdict"] == "deny"
    assert items[0]["rule"] == "unbounded-write"
    assert items[0]["outcome"] == "refused"
    assert items[0]["effects"] == ["write"]
    assert items[0]["objects"] == ["public.payments"]
    assert items[0]["action"] == "DELETE"
    assert items[0]["time"].startswith("2026-11-18T")
    (read,) = room.ask("search", query="lovelace")["items"]
    assert (read["arguments"], read["rows"], read["outcome"]) == (["7"], 2, "ok")


def test_loops_and_sessions_say_how_much_happened(room: Room) -> None:
    story = usual()
    room.scene.tell(story)
    (loop,) = room.ask("loops")["items"]
    assert (loop["id"], loop["sessions"], loop["commands"], loop["refused"]) == (LOOP, 1, 3, 1)
    assert loop["purpose"] == "mend the invoices"
    (session,) = room.ask("sessions", loop=LOOP)["items"]
    assert (session["id"], session["commands"], session["refused"]) == (SESSION, 3, 1)


def test_a_transcript_holds_what_was_captured(room: Room) -> None:
    room.scene.tell(usual())
    document = room.ask("show", id=SESSION)
    assert document["session"]["id"] == SESSION
    kinds = [item["kind"] for item in document["items"]]
    assert kinds[:4] == ["session.start", "command", "command", "command"]
    read = document["items"][1]
    assert read["response"]["captured"] == [["7", "Ada Lovelace"], ["8", None]]
    assert read["binds"][0]["value"] == "7"
    assert document["items"][2]["reason"] == "because"
    assert document["items"][2]["response"]["error"]["message"] == "custody denied this"
    (alone,) = room.ask("show", id=read["id"])["items"]
    assert alone == read


def test_a_transcript_comes_in_pages(room: Room) -> None:
    room.scene.tell(usual())
    whole = room.ask("show", id=SESSION)["items"]
    pieces: list[dict[str, Any]] = []
    cursor = None
    while True:
        document = room.ask("show", id=SESSION, limit=2, cursor=cursor)
        pieces += document["items"]
        cursor = document["next"]
        if cursor is None:
            break
    assert pieces == whole


def test_a_timeline_is_everything_of_a_loop_in_order(room: Room) -> None:
    room.scene.tell(usual())
    items = room.ask("timeline", loop=LOOP)["items"]
    assert [item["index"] for item in items] == sorted(item["index"] for item in items)
    assert items[0]["kind"] == "loop.start"
    assert {"session.start", "command"} <= {item["kind"] for item in items}
    assert room.ask("show", id=items[0]["id"])["items"][0]["record"]["ticket"] == "tkt_1"


def test_hits_are_counted(room: Room) -> None:
    room.scene.tell(usual())
    counts = room.ask("facets", field="verdict")
    assert counts["items"] == [{"value": "allow", "count": 2}, {"value": "deny", "count": 1}]
    assert sum(item["count"] for item in room.ask("histogram", span_ms=3_600_000)["items"]) == 3


FAULTS = [
    ("show", {"id": "ses_nobody"}, "session.not-found"),
    ("show", {"id": f"{SESSION}-99"}, "record.not-found"),
    ("show", {"id": f"{SESSION}-x"}, "record.not-found"),
    ("show", {"id": "rec_2026-999"}, "record.not-found"),
    ("show", {"id": "rec_x-1"}, "record.not-found"),
    ("show", {"id": ""}, "admin.arguments"),
    ("show", {"id": SESSION, "limit": 0}, "admin.arguments"),
    ("show", {"id": SESSION, "cursor": "x"}, "search.bad-cursor"),
    ("timeline", {"loop": "loop_nobody"}, "loop.not-found"),
    ("sessions", {"loop": "loop_nobody"}, "loop.not-found"),
    ("search", {"query": "a:b"}, "search.unknown-key"),
    ("search", {}, "admin.arguments"),
    ("search", {"query": "", "colour": "red"}, "admin.arguments"),
    ("facets", {"field": "text"}, "search.bad-value"),
    ("facets", {"field": "colour"}, "admin.arguments"),
    ("sing", {}, "admin.unknown-call"),
]


@pytest.mark.parametrize(("call", "arguments", "code"), FAULTS)
def test_what_cannot_be_answered_is_said(
    room: Room, call: str, arguments: dict[str, object], code: str
) -> None:
    room.scene.tell(usual())
    with pytest.raises(CustodyError) as caught:
        room.ask(call, **arguments)
    assert caught.value.code == code


def test_an_empty_gateway_has_empty_answers(room: Room) -> None:
    for call in ("loops", "sessions"):
        assert room.ask(call) == {"items": [], "next": None, "indexed": None}
    empty: dict[str, object] = {"items": [], "next": None, "indexed": None, "cut": 0}
    assert room.ask("search", query="") == empty


def test_the_index_follows_and_takes_nothing_twice(room: Room) -> None:
    room.scene.tell(usual())
    room.ask("loops")
    first = room.caught_up
    room.ask("loops")
    assert room.caught_up == first
    more = Story()
    more.loop("loop_" + "b" * 20)
    room.scene.tell(more)
    assert len(room.ask("loops")["items"]) == 2
    assert room.caught_up > first


def test_a_damaged_index_is_built_again_while_it_is_asked(room: Room) -> None:
    room.scene.tell(usual())
    before = room.ask("search", query="kind:*")
    for path in (room.scene.data / "index").glob("*.db*"):
        path.write_bytes(b"\xff" * 10_000)
    assert room.ask("search", query="kind:*") == before
    for path in (room.scene.data / "index").glob("*.db*"):
        path.unlink()
    assert room.ask("search", query="kind:*") == before
    rebuilt = room.ask("index.rebuild")
    assert (rebuilt["items"], rebuilt["indexed"]) == ([], before["indexed"])
    assert room.ask("search", query="kind:*") == before


def test_the_index_of_another_log_is_not_believed(room: Room, tmp_path: Path) -> None:
    room.scene.tell(usual())
    room.ask("loops")
    (tmp_path / "other").mkdir()
    other = Scene(tmp_path / "other")
    small = Story()
    small.tell(Gap("nothing", 1))
    other.tell(small)
    (room.scene.data / "index").rename(other.data / "index")
    second = Room(other)
    assert second.ask("loops")["items"] == []
    assert [item["kind"] for item in second.ask("search", query="kind:gap")["items"]] == ["gap"]
    second.close()


def test_a_page_is_bounded_in_bytes_and_loses_nothing(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    room.scene.tell(usual())
    whole = room.ask("show", id=SESSION)["items"]
    found = room.ask("search", query="", order="oldest")["items"]
    monkeypatch.setattr("custody.investigation.queries.MOST_BYTES", 1500)
    monkeypatch.setattr("custody.index.store.MOST_CHARACTERS", 40)
    for call, asked, wanted in (
        ("show", {"id": SESSION}, whole),
        ("search", {"query": "", "order": "oldest"}, found),
    ):
        pieces: list[dict[str, Any]] = []
        pages = 0
        cursor = None
        while cursor is not None or not pages:
            document = room.ask(call, cursor=cursor, **asked)
            pieces += document["items"]
            cursor = document["next"]
            pages += 1
        assert pieces == wanted
        assert pages > 2


def test_an_answer_says_when_the_index_is_behind(room: Room) -> None:
    room.scene.tell(usual())
    assert "behind" not in room.ask("loops")
    room.fresh = False
    assert room.ask("loops")["behind"] is True
