"""Reading back: in order, by index, beside a running writer, across years and torn tails."""

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evidence.log.test_recovery import torn_scene, work
from tests.evidence.scenes import NAME, SESSION, Scene, command, session_start

from custody.evidence.disk.segment import segment_path, walk_year
from custody.evidence.log.log import Log
from custody.evidence.log.open_day import wrapped_path
from custody.evidence.log.reader import DurableEnd, EvidenceReader
from custody.evidence.record.frame import HEADER_SIZE
from custody.model.errors import CustodyError
from custody.model.record import StoredRecord

LOG = f"{NAME}/2026"


def played(segment_bytes: int = 8192) -> Scene:
    scene = Scene(segment_bytes=segment_bytes)
    scene.play(lambda log: work(scene, log, 20))
    return scene


SCENE = played()
STORED = SCENE.stored()


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(0, len(STORED) - 1), max_size=8))
def test_any_record_is_found_by_its_index(indices: list[int]) -> None:
    reader = SCENE.reader()
    for index in indices:
        found = reader.record(LOG, index)
        assert found is not None
        assert found.record == STORED[index]
        assert found.day == "2026-03-01"
    assert reader.record(LOG, len(STORED)) is None
    assert reader.record(f"{NAME}/2031", 0) is None


@settings(max_examples=30, deadline=None)
@given(st.integers(0, len(STORED)), st.lists(st.integers(1, 9), min_size=1, max_size=30))
def test_following_from_anywhere_gives_each_record_once(start: int, limits: list[int]) -> None:
    reader = SCENE.reader()
    index = start
    for limit in limits:
        passage = reader.follow(LOG, index, limit)
        expected = STORED[index : index + limit]
        assert [each.record for each in passage.records] == expected
        index = passage.following
        assert index == start + len(STORED[start:index])
    reader.close()


def test_a_place_that_does_not_exist_is_said() -> None:
    reader = SCENE.reader()
    with pytest.raises(CustodyError) as caught:
        reader.follow(LOG, len(STORED) + 5)
    assert caught.value.code == "evidence.no-record"


def test_a_follower_reads_to_the_durable_end_and_no_further() -> None:
    scene = Scene(segment_bytes=8192)

    async def act(log: Log) -> None:
        reader = scene.reader()
        index = 0
        scene.append(log, session_start(), SESSION)
        for number in range(40):
            scene.append(log, command(f"SELECT {number}, '{'x' * 200}'"), SESSION)
            end = DurableEnd(log.origin, log.durable_size)
            index += len(reader.follow(LOG, index, 1000, end).records)
            assert index == log.durable_size < log.size
            await asyncio.sleep(0)
        assert index == log.size - 1
        reader.close()

    scene.play(act)


def test_a_follower_goes_over_a_torn_tail() -> None:
    for seed in range(8):
        scene = torn_scene(seed)
        reader = scene.reader()
        index = len(reader.follow(LOG, 0).records)
        scene.play(lambda log: asyncio.sleep(0))
        passage = reader.follow(LOG, index)
        numbers = [each.number for each in passage.records]
        assert numbers == list(range(index, len(scene.stored())))
        assert [reader.record(LOG, number) for number in numbers] == list(passage.records)
        reader.close()


def test_without_keys_every_record_is_said_to_be_sealed() -> None:
    reader = EvidenceReader(SCENE.disk, SCENE.evidence, NAME, None)
    passage = reader.follow(LOG, 0, 5)
    assert len(passage.records) == 5
    for each in passage.records:
        assert isinstance(each.record, CustodyError)
        assert each.record.code == "evidence.no-keys"


def test_a_destroyed_day_is_said_record_by_record() -> None:
    scene = played()
    scene.disk.drop(wrapped_path(scene.evidence, "2026-03-01"))
    passage = scene.reader().follow(LOG, 0, 5)
    assert {type(each.record) is StoredRecord for each in passage.records} == {False}
    assert passage.following == 5


def test_a_damaged_record_does_not_hide_the_next() -> None:
    scene = played()
    path = wrapped_path(scene.evidence, "2026-03-01")
    lines = scene.disk.files()[path].split(b"\n")
    scene.disk.put(path, b"\n".join(line for line in lines if SESSION.encode() not in line))
    records = scene.reader().follow(LOG, 0, 10).records
    opened = [isinstance(each.record, StoredRecord) for each in records]
    assert any(opened)
    assert not all(opened)


PLACES = [each.place for each in walk_year(SCENE.disk, SCENE.evidence, "2026")]


def harmed(acts: list[tuple[str, int]]) -> tuple[Scene, set[int]]:
    """The log with frames flipped or blanked, or whole segments; which records are lost."""
    scene = Scene(segment_bytes=8192, disk=SCENE.disk.copy())
    gone: set[int] = set()
    for act, index in acts:
        place = PLACES[index]
        path = segment_path(scene.evidence, place.segment)
        same = [n for n, each in enumerate(PLACES) if each.segment == place.segment]
        if act == "segment":
            scene.disk.drop(path)
            gone.update(same)
            continue
        data = bytearray(scene.disk.files().get(path, b""))
        if not data:
            continue
        if act == "flip":
            data[place.offset + HEADER_SIZE + 3] ^= 1
        elif act == "length":
            data[place.offset + 8] ^= 1
        else:
            later = [PLACES[n].offset for n in same if n > index]
            end = later[0] if later else len(data)
            data[place.offset : end] = bytes(end - place.offset)
        if index not in gone:
            scene.disk.put(path, bytes(data))
        gone.add(index)
    return scene, gone


@pytest.mark.parametrize("act", ["flip", "length", "blank"])
def test_each_single_damage_leaves_its_neighbour_readable(act: str) -> None:
    for index in range(len(STORED) - 1):
        scene, _ = harmed([(act, index)])
        reader = scene.reader()
        one = reader.record(LOG, index + 1)
        assert one is not None, index
        assert one.record == STORED[index + 1]
        assert [each.record for each in reader.follow(LOG, index + 1, 1).records] == [one.record]
        reader.close()


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["flip", "length", "blank", "segment"]),
        st.integers(0, len(STORED) - 1),
    ),
    max_size=5,
    unique_by=lambda act: act[1],
)


@settings(max_examples=150, deadline=None)
@given(ACTS, st.integers(1, 50), st.integers(0, len(STORED) - 1))
def test_damage_hides_nothing_but_itself(acts: list[tuple[str, int]], limit: int, at: int) -> None:
    scene, gone = harmed(acts)
    reader = scene.reader()
    found: dict[int, object] = {}
    lost: set[int] = set()
    index = 0
    for _ in range(1000):
        passage = reader.follow(LOG, index, limit)
        found |= {each.number: each.record for each in passage.records}
        if passage.lost is not None:
            lost |= set(range(passage.lost.first, passage.lost.end))
        index = passage.following
        if not passage.records and not passage.more:
            break
    assert lost == gone
    assert found == {n: STORED[n] for n in range(len(STORED)) if n not in gone}
    reader.close()

    anew = scene.reader()
    one = anew.record(LOG, at)
    assert (one.record if one is not None else None) == (None if at in gone else STORED[at])
    passage = anew.follow(LOG, at, 1)
    if at in gone:
        assert passage.lost is not None
        assert passage.lost.first == at
        assert passage.lost.end - 1 in gone
    else:
        assert [each.record for each in passage.records] == [STORED[at]]
