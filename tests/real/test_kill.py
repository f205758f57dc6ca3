"""Record before forward, under kill -9: a few kills; the many are in ``tests/prove``."""

import time
from pathlib import Path

import pytest
from tests.prove.kill_loop import kill_loop

pytestmark = [pytest.mark.real, pytest.mark.timeout(180)]


def test_what_arrived_is_recorded(tmp_path: Path) -> None:
    report = kill_loop(tmp_path, 5, time.time_ns(), print)
    print(report)
    assert report.missing == ()
    assert report.twice == ()
    assert set(report.verdicts) == {0}
    assert report.arrived > report.kills
