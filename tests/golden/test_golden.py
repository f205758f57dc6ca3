"""A log that a released format wrote verifies and reads for ever."""

import json
import shutil
from pathlib import Path

import msgspec
import pytest
from tests.evidence.escrow_scene import COURT, DPO, opener, read, texts
from tests.evidence.scenes import NAME

from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.keyring import Keyring
from custody.evidence.log.reader import EvidenceReader
from custody.evidence.tlog.policy import parse_policy
from custody.evidence.verifier.verify import VerifyOptions, verify
from custody.model.record import StoredRecord

LOGS = ["log-1", "log-2", "log-3"]


@pytest.fixture(params=LOGS)
def golden(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A copy, so that no test can change the original."""
    return Path(shutil.copytree(Path(__file__).with_name(request.param), tmp_path / request.param))


def keyring() -> Keyring:
    return Keyring(NAME, b"L" * 32, b"K" * 32, None, bytes)


def test_it_verifies(golden: Path) -> None:
    policy = parse_policy((golden / "verifier.policy").read_bytes())
    options = VerifyOptions(policy=policy, anchor=golden / "anchor", open_day=keyring().unwrap)
    assert verify(golden, options).faults == ()


def test_it_reads_as_it_read_then(golden: Path) -> None:
    expected = json.loads((golden / "records.json").read_text())
    reader = EvidenceReader(DiskFiles(), golden / "evidence", NAME, keyring())
    found: list[object] = []
    for log in reader.logs():
        index = 0
        while (passage := reader.follow(log, index)).records:
            for each in passage.records:
                assert isinstance(each.record, StoredRecord), each
                found.append(json.loads(msgspec.json.encode(each.record)))
            index = passage.following
    reader.close()
    assert _without_later_words(found, expected) == expected


def _without_later_words(found: object, then: object) -> object:
    """What was read, without words that records have got since, which must be empty."""
    if isinstance(found, list) and isinstance(then, list) and len(found) == len(then):
        return [_without_later_words(*pair) for pair in zip(found, then, strict=True)]
    if isinstance(found, dict) and isinstance(then, dict):
        return {
            key: _without_later_words(value, then.get(key))
            for key, value in found.items()
            if key in then or value not in (None, "", [], False)
        }
    return found


def test_recipients_of_escrow_open_the_days_that_were_sealed_for_them() -> None:
    evidence = Path(__file__).with_name("log-3") / "evidence"
    days = {
        DPO: ["2026-12-29", "2026-12-30"],
        COURT: ["2026-12-30", "2026-12-31", "2027-01-01"],
    }
    for key, theirs in days.items():
        assert opener(evidence, key).days() == theirs
        report = verify(evidence, VerifyOptions(open_day=opener(evidence, key).open_day))
        assert report.faults == ()
        assert 0 < report.opened < sum(log.records for log in report.logs)
    assert texts(read(evidence, DPO)) == [
        *("SELECT 'first day'", "SELECT 'second day'", "SELECT 'before the crash'")
    ]
    assert texts(read(evidence, COURT, "2027")) == ["SELECT 'second day'"]
