"""Masking against the truth, bounded; the long form is in ``tests/prove``."""

from pathlib import Path

import pytest
from tests.real.masking_truth import masking_truth, must_be_found, must_hold

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

COUNT = 150


def test_nothing_planted_is_left_anywhere(postgres: ScratchPostgres, tmp_path: Path) -> None:
    must_hold(masking_truth(postgres, tmp_path / "gateway", seed=7, count=COUNT), COUNT)


def test_without_masks_the_search_finds_what_was_planted(
    postgres: ScratchPostgres, tmp_path: Path
) -> None:
    must_be_found(masking_truth(postgres, tmp_path / "gateway", seed=8, count=75, masks=""))
