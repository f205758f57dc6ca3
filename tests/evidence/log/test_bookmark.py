"""Bookmarks: where a start begins to read, and what it reads where none can be believed."""

import asyncio
import contextlib

import pytest
from tests.evidence.log.test_recovery import check, checkpoints, closed_scene, play_work
from tests.evidence.scenes import (
    ANCHOR,
    EVIDENCE,
    NAME,
    SESSION,
    Scene,
    command,
    session_end,
    session_start,
)

from custody.evidence.disk.segment import walk_year
from custody.evidence.keys.anchor import read_anchor
from custody.evidence.log.bookmark import read_bookmark
from custody.evidence.log.log import Log
from custody.evidence.log.recovery import find_log
from custody.evidence.tlog.merkle import leaf_hash
from custody.model.errors import LogFailureError

BOOKMARK = EVIDENCE / "bookmark"


def test_a_start_begins_to_read_at_the_bookmark() -> None:
    scene = closed_scene()
    bookmark = read_bookmark(scene.disk, EVIDENCE, f"{NAME}/2026")
    assert bookmark is not None
    assert bookmark.size == len(scene.stored())
    anchors = read_anchor(scene.disk, ANCHOR)
    keys = scene.keys()
    found = find_log(scene.disk, EVIDENCE, keys, anchors, new_year="2026", accept=False)
    assert found.size == found.publisher.size == bookmark.size
    # Had it read all, leaves that are published would have been taken up again.
    assert found.publisher.cut().files == ()


def test_partial_tiles_go_once_the_full_one_is_there() -> None:
    scene = Scene()

    async def act(log: Log) -> None:
        scene.append(log, session_start(), SESSION)
        for number in range(700):
            scene.append(log, command(f"SELECT {number}"), SESSION)
            if number % 20 == 0:
                await asyncio.sleep(0)
                log.publish()
            if number == 500:
                log.bookmark()
        scene.append(log, session_end(), SESSION)
        await asyncio.sleep(0)
        scene.die_from(0)

    with contextlib.suppress(LogFailureError):
        scene.play(act)
    scene.disk.crash(3)
    play_work(scene, 1)
    partial = {path.parent.name for path in scene.disk.files() if path.parent.suffix == ".p"}
    assert partial == {"000.p", "002.p"}  # of level 1, and of the last bundle and tile
    assert len(scene.stored()) > 700


@pytest.mark.parametrize("damage", ["lost", "flipped", "garbage", "older", "of another root"])
def test_without_a_bookmark_that_holds_all_is_read(damage: str) -> None:
    scene = Scene()
    play_work(scene)
    older = scene.disk.files()[BOOKMARK]
    play_work(scene)
    newest = scene.disk.files()[BOOKMARK]
    other = Scene(seed=4)
    play_work(other, 3)
    foreign = other.disk.files()[BOOKMARK]
    match damage:
        case "lost":
            scene.disk.drop(BOOKMARK)
        case "flipped":
            scene.disk.put(BOOKMARK, newest[:40] + b"x" + newest[41:])
        case "garbage":
            scene.disk.put(BOOKMARK, b"\x00" * 40)
        case "older":
            scene.disk.put(BOOKMARK, older)
        case _:
            scene.disk.put(BOOKMARK, foreign)
    check(scene, {})


def test_the_tree_is_the_leaves() -> None:
    scene = closed_scene()
    hashes = [leaf_hash(each.frame.leaf) for each in walk_year(scene.disk, EVIDENCE, "2026")]
    signed = checkpoints(scene)
    assert list(signed) == [len(hashes)]
