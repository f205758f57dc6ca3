"""Record before forward, under kill -9: the long form of ``tests/real/test_kill.py``."""

import os
import time
from pathlib import Path

import pytest
from tests.prove.kill_loop import kill_loop

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

KILLS = int(os.environ.get("PROVE_KILLS", "200"))


def test_what_arrived_is_recorded_however_often_it_is_killed(tmp_path: Path) -> None:
    report = kill_loop(tmp_path, KILLS, int(os.environ.get("PROVE_SEED", time.time_ns())), print)
    print(report)
    assert report.missing == ()
    assert report.twice == ()
    assert set(report.verdicts) == {0}
    assert report.arrived > report.kills
