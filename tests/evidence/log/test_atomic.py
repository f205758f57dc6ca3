"""Several records that count as one act: all of them are stored, or none."""

import asyncio
import errno

import pytest
from tests.evidence.log.test_disk_faults import segments_fail, supply
from tests.evidence.scenes import (
    LOOP,
    SESSION,
    Scene,
    command,
    response,
    session_end,
    session_start,
)

from custody.evidence.log.log import Log
from custody.model.errors import LogFailureError
from custody.model.record import CommandSeen, Milliseconds, Receipt, Record


def message(scene: Scene, count: int, size: int = 200) -> list[Record]:
    texts = [f"SELECT {number}, '{'x' * size}'" for number in range(count)]
    return [Record(Milliseconds(scene.now), command(text), LOOP, SESSION) for text in texts]


def commands(scene: Scene) -> list[str]:
    return [each.body.command.text for each in scene.stored() if isinstance(each.body, CommandSeen)]


def test_a_message_is_linked_like_records_one_by_one() -> None:
    heard: list[Receipt | LogFailureError] = []
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        receipts = log.append_all(message(scene, 3), heard.append)
        assert [each.n for each in receipts] == [1, 2, 3]
        scene.append(log, session_end(), SESSION)
        await asyncio.sleep(0)
        assert heard == [receipts[-1]]

    scene.play(act)
    assert len(commands(scene)) == 3


@pytest.mark.parametrize("count", range(1, 7))
@pytest.mark.parametrize("spare", range(0, 9000, 700))
def test_where_the_disk_is_full_a_message_is_stored_whole_or_not_at_all(
    count: int, spare: int
) -> None:
    """``spare`` bytes are left where new segments cannot be made, so that another record of the
    message is the first without room.
    """
    scene = Scene(segment_bytes=16384)
    heard: list[Receipt | LogFailureError] = []
    stored: list[bool] = []

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        scene.append(log, command("SELECT 'before'"), SESSION)
        scene.disk.fails = segments_fail(errno.ENOSPC)
        writer = log.writer
        while writer._segment.size - writer._segment.offset > spare + 5500:
            scene.append(log, response(1), SESSION)
        size, chain = log.size, writer.chains[SESSION].mark()
        try:
            log.append_all(message(scene, count), heard.append)
            stored.append(True)
        except LogFailureError:
            stored.append(False)
            assert (log.size, writer.chains[SESSION].mark()) == (size, chain)
        scene.append(log, response(1), SESSION)  # what was in flight is still answered
        await asyncio.sleep(0)
        scene.disk.fails = lambda _number, _what, _path: None
        supply(log)
        scene.append(log, command("SELECT 'after'"), SESSION)
        scene.append(log, session_end(), SESSION)

    scene.play(act)
    texts = commands(scene)
    assert (texts[0], texts[-1]) == ("SELECT 'before'", "SELECT 'after'")
    assert len(texts) == 2 + (count if stored[0] else 0)
    assert len(heard) == stored[0]
    numbers = [each.n for each in scene.stored() if each.session == SESSION]
    assert numbers == list(range(len(numbers)))
    for _, receipt, body in scene.acknowledged:
        assert scene.stored()[receipt.index].body == body


def test_both_ends_of_that_table_are_reached() -> None:
    """The table above means something: some messages found room and some did not."""
    found = set()
    for spare in (0, 8400):
        scene = Scene(segment_bytes=16384)

        async def act(log: Log, scene: Scene = scene, spare: int = spare) -> None:
            scene.append(log, session_start(), SESSION)
            scene.disk.fails = segments_fail(errno.ENOSPC)
            segment = log.writer._segment
            while segment.size - segment.offset > spare + 5500:
                scene.append(log, response(0), SESSION)
            try:
                log.append_all(message(scene, 4))
                found.add("whole")
            except LogFailureError:
                found.add("none")

        scene.play(act)
    assert found == {"whole", "none"}
