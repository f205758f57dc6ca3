"""Reading in clean runs, in one process or in several, gives the report that each record gives."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evidence.small_log import (
    ANN,
    BOB,
    DAY,
    DIALOGUE,
    SmallLog,
    Step,
    command,
    dialogue,
    end,
    heartbeat,
    log_close,
    log_open,
    response,
    start,
)
from tests.evidence.verifier import tampering
from tests.evidence.verifier.judging import judged
from tests.evidence.verifier.test_tamper import ACTS

from custody.evidence.verifier import Exit, Report, worker_pool
from custody.evidence.verifier.clean_runs import SegmentExaminer, SegmentScan
from custody.evidence.verifier.full_tiles import FullTiles
from custody.evidence.verifier.records import RecordsCheck

Act = Callable[[SmallLog], object]


def one_by_one(log: SmallLog, monkeypatch: pytest.MonkeyPatch, **options: object) -> Report:
    """The report where no record is in a clean run, and no tile is passed over."""
    with monkeypatch.context() as patched:
        patched.setattr(
            SegmentExaminer, "examine", lambda _, segment: SegmentScan(segment, (), unused=False)
        )
        patched.setattr(FullTiles, "roots", lambda _, tiles: [b""] * len(tiles))
        return judged(log, **options)


def long_log(root: Path) -> SmallLog:
    """Two full tiles and more, in many segments and two days; closed."""
    log = SmallLog(root / "data" / "evidence", segment_bytes=32 * 1024)
    log.write(log_open())
    for number in range(30):
        session = f"ses_{'a' * 18}{chr(97 + number // 10)}{chr(97 + number % 10)}"
        day = DAY if number < 20 else "2026-03-02"
        steps = [start(session)]
        for n in range(1, 17, 2):
            steps += [command(session, f"SELECT {n}"), response(session, n)]
        steps += [heartbeat(), end(session)]
        log.write(*(replace(step, day=day) for step in steps))
        if number in {9, 19}:
            log.publish()
    return log.write(Step("log.close", body={"reason": "stop"}, day="2026-03-02")).publish()


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SmallLog:
    return long_log(tmp_path_factory.mktemp("whole"))


@pytest.fixture
def log(whole: SmallLog, tmp_path: Path) -> SmallLog:
    """A copy to tamper with."""
    return copy_of(whole, tmp_path)


def copy_of(whole: SmallLog, root: Path) -> SmallLog:
    copy = SmallLog(root / "data" / "evidence", segment_bytes=whole.segment_bytes)
    shutil.copytree(whole.evidence.parent.parent, root, dirs_exist_ok=True)
    copy.places, copy.leaves, copy.tree = whole.places, whole.leaves, whole.tree
    return copy


def test_a_whole_log_is_clean_runs_alone(log: SmallLog, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = one_by_one(log, monkeypatch)
    assert (expected.exit, expected.faults) == (Exit.PROVED, ())
    with monkeypatch.context() as patched:
        patched.setattr(RecordsCheck, "_record", None)
        assert judged(log) == expected


def test_several_processes_say_the_same(log: SmallLog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_pool, "_WORTH", 1)
    expected = one_by_one(log, monkeypatch)
    assert judged(log, processes=2) == expected
    tampering.cut_frame(log, 300)
    tampering.repack(log, 401, sealed=b"something else")
    assert judged(log, processes=2) == one_by_one(log, monkeypatch)
    assert judged(log, processes=2, open_day=None) == one_by_one(log, monkeypatch, open_day=None)


@pytest.mark.parametrize("act", [each[1] for each in ACTS], ids=[each[0] for each in ACTS])
def test_each_act_is_named_alike(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, act: Act) -> None:
    log = dialogue(tmp_path)
    act(log)
    assert judged(log) == one_by_one(log, monkeypatch)


LONG_ACTS: dict[str, Act] = {
    "a frame cut out": lambda log: tampering.cut_frame(log, 300),
    "a frame blanked": lambda log: tampering.blank_frame(log, 7),
    "two frames swapped": lambda log: tampering.swap_frames(log, 300),
    "two records swapped": lambda log: tampering.swap_indexes(log, 300),
    "a sealed payload replaced": lambda log: tampering.repack(log, 300, sealed=b"other"),
    "random bytes replaced": lambda log: tampering.repack(log, 300, random=bytes(32)),
    "a durable size raised": lambda log: tampering.repack(log, 300, durable=305),
    "a durable size lowered": lambda log: tampering.repack(log, 400, durable=3),
    "a leaf replaced": lambda log: tampering.repack(log, 300, leaf=log.leaves[299]),
    "a segment removed": lambda log: tampering.remove(tampering.segment(log, 300)),
    "the first segment removed": lambda log: tampering.remove(tampering.segment(log, 0)),
    "a full tile altered": lambda log: tampering.flip(tampering.published(log, "tile/0/000"), 40),
    "a full tile removed": lambda log: tampering.remove(tampering.published(log, "tile/0/001")),
    "a full bundle altered": lambda log: tampering.flip(
        tampering.published(log, "tile/entries/000"), 999
    ),
    "a full bundle removed": lambda log: tampering.remove(
        tampering.published(log, "tile/entries/001")
    ),
    "an altered partial tile beside the full one": lambda log: other_width(log, b"\x01"),
    "the key file's first line altered": lambda log: tampering.flip(
        log.evidence / "wrapped" / DAY, 0
    ),
    "the day key's line altered": lambda log: tampering.flip(log.evidence / "wrapped" / DAY, 40),
    "a session's key altered": lambda log: tampering.flip(log.evidence / "wrapped" / DAY, 900),
    "a day's keys removed": lambda log: tampering.remove(log.evidence / "wrapped" / DAY),
}


def other_width(log: SmallLog, data: bytes) -> None:
    path = tampering.published(log, "tile/0/000.p/1")
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(data * 32)


@pytest.mark.parametrize("name", LONG_ACTS)
@pytest.mark.parametrize("opened", [True, False], ids=["keys", "no keys"])
def test_a_long_log_is_judged_alike(
    log: SmallLog, monkeypatch: pytest.MonkeyPatch, name: str, *, opened: bool
) -> None:
    LONG_ACTS[name](log)
    options = {} if opened else {"open_day": None}
    report = judged(log, **options)
    assert report == one_by_one(log, monkeypatch, **options)
    assert report.faults or not opened or "key" in name or "keys" in name


INSIDER: dict[str, tuple[Step, ...]] = {
    "a link broken": (start(ANN), Step("opaque", ANN, leaf={"prev": "0f" * 32}), end(ANN)),
    "a record left out": (start(ANN), command(ANN), Step("opaque", ANN, leaf={"n": 5}), end(ANN)),
    "a session without its start": (command(ANN), end(ANN)),
    "a session that starts twice": (start(ANN), command(ANN), start(ANN), end(ANN)),
    "a session again after its end": (start(ANN), end(ANN), start(ANN), end(ANN)),
    "a session that goes on after its end": (
        start(ANN), end(ANN), Step("opaque", ANN, leaf={"n": 2, "prev": "0f" * 32}),
    ),
    "a wrong heartbeat": (start(ANN), Step("heartbeat", facts={"open": 2, "digest": "0f" * 32})),
    "a session never ended": (start(ANN), start(BOB), end(ANN)),
    "a refused login": (Step("login.refused", ANN), Step("login.refused", BOB)),
    "a carry from nowhere": (Step("session.carry", ANN, leaf={"n": 3, "prev": "0f" * 32}),),
    "an unknown type": (Step("prune.done", leaf={"count": 3}), Step("hold.set")),
    "another segment's place": (start(ANN), Step("opaque", ANN, leaf={"seg": f"{DAY}/007"})),
}  # fmt: skip


@pytest.mark.parametrize("name", INSIDER)
def test_what_an_insider_wrote_is_judged_alike(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    log = SmallLog(tmp_path / "data" / "evidence")
    log.write(log_open(), *INSIDER[name], heartbeat(), log_close()).publish()
    assert judged(log) == one_by_one(log, monkeypatch)


@pytest.mark.parametrize("size", [3, 6])
def test_an_open_log_with_a_torn_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    log = SmallLog(tmp_path / "data" / "evidence")
    log.write(*DIALOGUE[:3]).publish()
    log.write(*DIALOGUE[3:size]).torn_tail(b"half a frame")
    report = judged(log)
    assert report == one_by_one(log, monkeypatch)
    assert report.logs[0].unread_tail == 12


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(acts=st.lists(st.tuples(st.integers(0), st.integers(0), st.integers(1, 255)), max_size=3))
def test_any_bytes_flipped_are_judged_alike(
    whole: SmallLog,
    tmp_path_factory: pytest.TempPathFactory,
    monkeypatch: pytest.MonkeyPatch,
    acts: list[tuple[int, int, int]],
) -> None:
    root = tmp_path_factory.mktemp("flipped")
    log = copy_of(whole, root)
    files = sorted(path for path in log.evidence.rglob("*") if path.is_file())
    for which, at, mask in acts:
        file = files[which % len(files)]
        tampering.flip(file, at % file.stat().st_size, mask)
    assert judged(log) == one_by_one(log, monkeypatch)
    shutil.rmtree(root)
