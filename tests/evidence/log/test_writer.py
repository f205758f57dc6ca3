"""The log, played through: what goes in comes out, in order, linked, sealed."""

import asyncio
import itertools

import msgspec
import pytest
from tests.evidence.scenes import (
    LOOP,
    MASK,
    NAME,
    OTHER,
    POLICY,
    SESSION,
    Scene,
    command,
    response,
    session_end,
    session_start,
)

from custody.evidence.disk.segment import walk_year
from custody.evidence.log.log import Log
from custody.evidence.record.leaf import leaf_hash, parse
from custody.model.command import Argument, Column, Relation, TextMark
from custody.model.errors import LogFailureError
from custody.model.gateway_records import AdminAct, Heartbeat, LogClose, LogOpen, Recovery
from custody.model.record import Body, Milliseconds, Receipt, Record, SessionCarry, Stream
from custody.model.words import LoopId, SessionId


async def one_session(scene: Scene, log: Log) -> None:
    scene.configure(log)
    scene.append(log, session_start(), SESSION)
    scene.append(log, command("SELECT 'é'"), SESSION)
    scene.append(log, response(1, (("1", None),)), SESSION)
    scene.append(log, session_end(), SESSION)
    await asyncio.sleep(0)


def test_what_goes_in_comes_out() -> None:
    scene = Scene()
    scene.play(lambda log: one_session(scene, log))
    stored = scene.stored()
    assert [type(each.body) for each in stored[:1] + stored[-1:]] == [LogOpen, LogClose]
    for origin, receipt, body in scene.acknowledged:
        assert origin == f"{NAME}/2026"
        assert stored[receipt.index].body == body
        assert stored[receipt.index].n == receipt.n
    assert [each.n for each in stored if each.session == SESSION] == [0, 1, 2, 3]
    assert {each.loop for each in stored if each.session} == {LOOP}


def test_waiters_hear_in_order_and_only_once_it_is_durable() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        receipts = [scene.append(log, session_start(), SESSION)]
        receipts += [scene.append(log, command(), SESSION) for _ in range(5)]
        assert scene.acknowledged == []
        await asyncio.sleep(0)
        assert [receipt for _, receipt, _ in scene.acknowledged] == receipts
        assert log.durable_size == log.size

    scene.play(act)


def test_one_turn_of_the_loop_costs_one_sync() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        await asyncio.sleep(0)
        before = scene.disk.operations
        for _ in range(10):
            scene.append(log, command(), SESSION)
        await asyncio.sleep(0)
        assert scene.disk.operations == before + 2  # one write, one sync

    scene.play(act)


@pytest.mark.parametrize("sync_ms", [0, 5])
def test_a_slow_disk_is_served_by_a_thread(sync_ms: int) -> None:
    scene = Scene(sync_ns=sync_ms * 1_000_000)

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        for _ in range(60):
            scene.append(log, command(), SESSION)
            await asyncio.sleep(0.001)
        threaded = log.writer.committer._thread is not None
        assert threaded == (sync_ms > 0)
        log.writer.committer.flush()
        assert len(scene.acknowledged) == 61
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    assert len(scene.stored()) == 64


def test_leaves_link_and_say_no_free_text() -> None:
    scene = Scene()
    scene.play(lambda log: one_session(scene, log))
    leaves = [each.frame.leaf for each in walk_year(scene.disk, scene.evidence, "2026")]
    parsed = [parse(leaf) for leaf in leaves]
    chain = [(leaf, data) for leaf, data in zip(parsed, leaves, strict=True) if leaf.session]
    for (_, before), (after, _) in itertools.pairwise(chain):
        assert after.prev == leaf_hash(before).hex()
    seen = next(leaf for leaf in parsed if leaf.type == "command")
    assert seen.facts == {
        "effects": ("read",),
        "verdict": "allow",
        "stage": "execute",
        "policy": POLICY,
        "mask": MASK,
    }
    assert not any(b"SELECT" in leaf or b"orders" in leaf for leaf in leaves)


def test_nothing_readable_stands_on_the_disk() -> None:
    scene = Scene()
    scene.play(lambda log: one_session(scene, log))
    for path, data in scene.disk.files().items():
        if path.suffix != ".md":
            assert b"SELECT" not in data, path
            assert b"psql" not in data, path


def unmasked() -> list[Body]:
    column = Column("public", "users", "ssn")
    seen = command()
    arguments = (Argument("1", "int4", 1, columns=(column,)),)
    marked = [
        msgspec.structs.replace(seen.command, marks=(TextMark(0, 1),)),
        msgspec.structs.replace(seen.command, relations=(Relation("public", "users", None),)),
        msgspec.structs.replace(seen.command, arguments=arguments),
        msgspec.structs.replace(seen.command, arguments=(Argument("x", "text", 1, secret=True),)),
    ]
    bodies: list[Body] = [msgspec.structs.replace(seen, command=each) for each in marked]
    bodies.append(msgspec.structs.replace(response(1), relations=(Relation("a", "b", None),)))
    bodies.append(msgspec.structs.replace(response(1), arguments=arguments))
    bodies.append(Stream(1, "up", "copy", 5, relations=(Relation("a", "b", None),)))
    return bodies


REFUSED: list[tuple[str, str, Body, SessionId | None, LoopId | None]] = [
    *[("unmasked", "log.unmasked", body, SESSION, LOOP) for body in unmasked()],
    ("no session", "log.no-session", command(), OTHER, LOOP),
    ("twice", "log.session-twice", session_start(), SESSION, LOOP),
    ("session id", "log.id", session_start(), SessionId("mine"), LOOP),
    ("loop id", "log.id", command(), SESSION, LoopId("DROP TABLE")),
    ("own", "log.own-record", Recovery(0, "", 0, ()), None, None),
    ("own", "log.own-record", SessionCarry(0, ""), SESSION, LOOP),
    ("stage", "log.stage", msgspec.structs.replace(command(), stage="x y"), SESSION, LOOP),
    ("policy", "log.digest", msgspec.structs.replace(command(), policy="free"), SESSION, LOOP),
    ("digest", "log.digest", Stream(1, "up", "copy", 5, digest="free"), SESSION, LOOP),
    ("large", "log.record-too-large", command("x" * 9_000_000), SESSION, LOOP),
    ("segment", "log.record-too-large", command("".join(map(chr, range(0x1000, 0xD000)))),
     SESSION, LOOP),
]  # fmt: skip


@pytest.mark.parametrize(
    ("code", "body", "session", "loop"),
    [row[1:] for row in REFUSED],
    ids=[f"{row[0]}-{number}" for number, row in enumerate(REFUSED)],
)
def test_what_must_not_be_stored_is_refused_and_leaves_no_trace(
    code: str, body: Body, session: SessionId | None, loop: LoopId | None
) -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        size = log.size
        with pytest.raises(LogFailureError) as refused:
            scene.append(log, body, session, loop)
        assert refused.value.code == code
        assert log.size == size
        assert scene.append(log, command(), SESSION).n == 1
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    assert len(scene.stored()) == 5


def test_a_digest_of_unmasked_content_is_keyed_and_dies_with_its_day() -> None:
    scene = Scene()
    digest = "12" * 32

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        for _ in range(2):
            scene.append(log, Stream(1, "up", "copy", 5, digest=digest), SESSION)

    scene.play(act)
    first, second = (each.body for each in scene.stored() if isinstance(each.body, Stream))
    assert isinstance(first, Stream)
    assert isinstance(second, Stream)
    assert first.digest == second.digest != digest


def test_segments_follow_each_other_within_a_day() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        for number in range(200):
            scene.append(log, command(f"SELECT {number}"), SESSION)
            if number % 50 == 0:
                await asyncio.sleep(0)
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    assert len(scene.stored()) == 204
    segments = {
        parse(each.frame.leaf).seg for each in walk_year(scene.disk, scene.evidence, "2026")
    }
    assert len(segments) > 2


def test_a_heartbeat_binds_the_open_sessions() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        log.heartbeat()
        scene.append(log, session_end(), SESSION)
        log.heartbeat()

    scene.play(act)
    beats = [each.body for each in scene.stored() if isinstance(each.body, Heartbeat)]
    assert [beat.open for beat in beats] == [1, 0]


def test_a_waiter_that_fails_does_not_harm_the_others() -> None:
    scene = Scene()
    heard: list[object] = []

    async def act(log: Log) -> None:
        faults: list[object] = []
        asyncio.get_running_loop().set_exception_handler(
            lambda _loop, context: faults.append(context)
        )

        def fail(_outcome: Receipt | LogFailureError) -> None:
            raise ValueError("a waiter's own fault")

        record = Record(Milliseconds(1), AdminAct("a", "b", "c"))
        log.append(record, fail)
        log.append(record, heard.append)
        await asyncio.sleep(0)
        assert len(faults) == 1
        assert heard == [Receipt(2, -1)]

    scene.play(act)
