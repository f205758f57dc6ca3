"""A comparison of suites proves something only where the suites ran."""

import sys
from pathlib import Path

import pytest
from tests.prove import transparency
from tests.prove.suites import (
    FEWEST,
    Ask,
    Outcomes,
    Place,
    SuiteError,
    require_baseline,
    run_asyncpg,
)


def _suite(folder: Path, *texts: str) -> Path:
    tests = folder / "suite"
    tests.mkdir()
    for number, text in enumerate(texts):
        (tests / f"test_{number}.py").write_text(text)
    return tests


def _ask(room: Path) -> Ask:
    room.mkdir()
    place = Place("direct", "127.0.0.1", 1, "nobody", "none", "none")
    return Ask(place, Path(sys.executable), room)


def test_a_suite_that_runs_gives_each_test_its_outcome(tmp_path: Path) -> None:
    suite = _suite(tmp_path, "def test_a(): pass\ndef test_b(): assert False\n")
    outcomes = run_asyncpg(suite, _ask(tmp_path / "room"))
    assert outcomes == {"tests.test_0::test_a": "passed", "tests.test_0::test_b": "failure"}


@pytest.mark.parametrize(
    "texts",
    [
        ("import a_module_that_is_not_installed\n",),
        ("import a_module_that_is_not_installed\n", "def test_a(): pass\n"),
        ("",),
    ],
)
def test_a_suite_that_cannot_be_collected_fails(tmp_path: Path, texts: tuple[str, ...]) -> None:
    with pytest.raises(SuiteError, match="pytest ended with"):
        run_asyncpg(_suite(tmp_path, *texts), _ask(tmp_path / "room"))


def _outcomes(passed: int, kind: str = "passed") -> Outcomes:
    return {f"test {number}": kind for number in range(passed)} | {"another": "failure"}


@pytest.mark.parametrize("suite", list(FEWEST))
def test_a_direct_run_below_its_baseline_fails(suite: str) -> None:
    fewest = FEWEST[suite]
    require_baseline(suite, _outcomes(fewest), whole=True)
    require_baseline(suite, _outcomes(fewest, "ok"), whole=True)
    for outcomes in ({}, _outcomes(fewest - 1), _outcomes(fewest, "skipped")):
        with pytest.raises(SuiteError, match=f"at least {fewest}"):
            require_baseline(suite, outcomes, whole=True)


def test_chosen_tests_need_one_that_passed() -> None:
    require_baseline("psycopg", _outcomes(1), whole=False)
    with pytest.raises(SuiteError, match="at least 1"):
        require_baseline("psycopg", _outcomes(0), whole=False)


def test_a_run_without_a_suite_is_wrong_use(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", ["transparency"])
    assert transparency.main() == 2
