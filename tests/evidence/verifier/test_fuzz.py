"""Whatever lies in the directory, ``verify`` gives a report."""

import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.evidence.small_log import SmallLog, dialogue, open_day

from custody.evidence.verifier import Exit, FaultKind, Report, VerifyOptions, find_evidence, verify
from custody.model.errors import CustodyError


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> SmallLog:
    return dialogue(tmp_path_factory.mktemp("whole"))


def judged(log: SmallLog, evidence: Path) -> Report:
    return verify(evidence, VerifyOptions(None, log.anchor, open_day, pause=lambda: None))


DAMAGE = st.one_of(
    st.tuples(st.just("replace"), st.binary(max_size=200)),
    st.tuples(st.just("insert"), st.binary(min_size=1, max_size=20)),
    st.tuples(st.just("truncate"), st.just(b"")),
    st.tuples(st.just("remove"), st.just(b"")),
    st.tuples(st.just("folder"), st.just(b"")),
    st.tuples(st.just("double"), st.just(b"")),
)


def damage(file: Path, how: str, data: bytes, at: float) -> None:
    old = file.read_bytes()
    middle = int(len(old) * at)
    match how:
        case "replace":
            file.write_bytes(data)
        case "insert":
            file.write_bytes(old[:middle] + data + old[middle:])
        case "truncate":
            file.write_bytes(old[:middle])
        case "double":
            file.write_bytes(old + old)
        case _:
            file.unlink()
            if how == "folder":
                file.mkdir()


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0), DAMAGE, st.floats(0, 1)), min_size=1, max_size=3))
def test_any_damage_gives_a_report(
    whole: SmallLog,
    tmp_path_factory: pytest.TempPathFactory,
    acts: list[tuple[int, tuple[str, bytes], float]],
) -> None:
    copy = tmp_path_factory.mktemp("copy") / "evidence"
    shutil.copytree(whole.evidence, copy)
    for which, (how, data), at in acts:
        files = sorted(path for path in copy.rglob("*") if path.is_file())
        damage(files[which % len(files)], how, data, at)
    report = judged(whole, copy)
    assert report.exit in Exit
    assert report.verdict
    shutil.rmtree(copy.parent)


@pytest.mark.parametrize(
    "name", ["log", "segments", "segments/2026-03-01", "wrapped", "log.vkey", "FORMAT.md"]
)
def test_files_where_folders_are_due_and_the_reverse(
    whole: SmallLog, tmp_path: Path, name: str
) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(whole.evidence, copy)
    if (copy / name).is_dir():
        shutil.rmtree(copy / name)
        (copy / name).write_bytes(b"")
    else:
        (copy / name).unlink()
        (copy / name).mkdir()
    assert judged(whole, copy).exit is not Exit.PROVED


def test_strange_names_are_no_evidence(whole: SmallLog, tmp_path: Path) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(whole.evidence, copy)
    for name in ("log/20x6", "log/99", "segments/2026-03-01x"):
        (copy / name).mkdir()
    (copy / "segments" / "2026-03-01" / "1.seg").write_bytes(b"not a number of three digits")
    (copy / "log" / "2026" / "tile" / "0" / "000.p" / "0").write_bytes(b"")
    (copy / "log" / "2026" / "tile" / "0" / ".001.new").write_bytes(b"left by a crash")
    assert judged(whole, copy).faults == ()


def test_where_there_is_no_evidence(tmp_path: Path) -> None:
    with pytest.raises(CustodyError) as caught:
        find_evidence(tmp_path)
    assert caught.value.code == "verify.no-evidence"


def test_an_empty_log_is_not_proved(tmp_path: Path) -> None:
    (tmp_path / "evidence" / "segments").mkdir(parents=True)
    report = verify(tmp_path)
    assert report.logs == ()
    assert report.exit is Exit.INCOMPLETE


def test_what_may_not_be_read_is_no_tampering(
    whole: SmallLog, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root may read everything, so the refusal is played."""

    def refused(path: object, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr("custody.evidence.verifier.file_access.os.open", refused)
    with pytest.raises(CustodyError) as caught:
        verify(whole.evidence)
    assert caught.value.code == "verify.unreadable"


def test_the_name_is_found_without_the_key_file(whole: SmallLog, tmp_path: Path) -> None:
    copy = tmp_path / "evidence"
    shutil.copytree(whole.evidence, copy)
    (copy / "log.vkey").unlink()
    report = verify(copy, VerifyOptions(None, None, open_day))
    assert {fault.kind for fault in report.faults} == {FaultKind.KEY_FILE_MISSING}
    assert report.logs[0].origin == whole.origin
    assert report.opened == report.logs[0].records
