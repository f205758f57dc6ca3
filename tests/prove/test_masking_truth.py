"""Masking against the truth, for as long as there is time, with a seed of its own each time."""

import os
import time
from pathlib import Path

import pytest
from tests.real.masking_truth import masking_truth, must_be_found, must_hold

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

SECONDS = float(os.environ.get("PROVE_SECONDS", "900")) / 6


def test_nothing_planted_is_left_anywhere(postgres: ScratchPostgres, tmp_path: Path) -> None:
    seed = int(os.environ.get("PROVE_SEED", time.time_ns()))
    print(f"seed {seed}")
    report = masking_truth(postgres, tmp_path / "a", seed=seed, count=100_000, seconds=SECONDS)
    print(f"{report.planted} values by {report.ways} ways in {report.records} texts")
    must_hold(report, min(500, report.planted // 5))
    must_be_found(masking_truth(postgres, tmp_path / "b", seed=seed, count=100, masks=""))
