"""A run of the fuzzer counts only where it tried inputs."""

import subprocess

import pytest

from tools import prove

WHOLE = "INFO: Running with entropic power schedule\nDone 1234 runs in 3 second(s)\n"


@pytest.mark.parametrize(
    ("said", "runs"),
    [(WHOLE, 1234), ("Done 0 runs in 3 second(s)\n", 0), ("", 0), ("is Done 7 runs\n", 0)],
)
def test_the_inputs_tried_are_read_from_its_last_words(said: str, runs: int) -> None:
    assert prove.fuzzed(said) == runs


@pytest.mark.parametrize(
    ("said", "code", "failed"),
    [(WHOLE, 0, False), (WHOLE, 1, True), ("", 0, True), ("Done 0 runs in 3 second(s)\n", 0, True)],
)
def test_a_target_without_inputs_fails(
    monkeypatch: pytest.MonkeyPatch, said: str, code: int, *, failed: bool
) -> None:
    def run(words: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        listing = "-c" in words
        return subprocess.CompletedProcess(
            words, 0 if listing else code, "one two" if listing else "", "" if listing else said
        )

    monkeypatch.setattr(subprocess, "run", run)
    assert prove._fuzz(6) is failed
