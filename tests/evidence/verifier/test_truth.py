"""The verdict against the truth: what is done to a log is noticed, and named by its file."""

import os
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.evidence.small_log import open_day
from tests.evidence.verifier.damage import KINDS, Act, Original, act_on, altered, copy, original
from tests.evidence.verifier.judging import policy_of

from custody.evidence.verifier import Exit, FaultKind, Report, VerifyOptions, verify

ACTS = st.builds(
    Act, st.sampled_from(KINDS), st.integers(0, 99), st.integers(0, 99), st.floats(0, 0.999)
)
LOOKS = st.tuples(st.booleans(), st.booleans(), st.booleans())
CHECKPOINT = "log/2026/checkpoint"
WHOLE = os.environ.get("PROVE_WHOLE", "1") == "1"


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Original:
    return original(tmp_path_factory.mktemp("truth"))


def judged(made: Original, evidence: Path, looks: tuple[bool, bool, bool]) -> Report:
    keys, policy, anchor = looks
    return verify(
        evidence,
        VerifyOptions(
            policy_of(made.log) if policy else None,
            made.log.anchor if anchor else None,
            open_day if keys else None,
            pause=lambda: None,
        ),
    )


def names_it(made: Original, report: Report, name: str) -> bool:
    """Whether a fault speaks of that file, of a record in it, or of what is worked out of it."""
    segment = name.removeprefix("segments/").removesuffix(".seg")
    records = {index for index, each in enumerate(made.log.places) if each[0] == segment}
    for fault in report.faults:
        if fault.path and (fault.path == name or fault.path.startswith(name)):
            return True
        if name in fault.sentence or name.removeprefix("log/2026/") in fault.sentence:
            return True
        if name.startswith("segments/") and fault.index in records:
            return True
        if "/tile/" in name and fault.kind in {
            FaultKind.TREE_ROOT,
            FaultKind.RECORD_ALTERED,
            FaultKind.ENTRIES_ALTERED,
            FaultKind.TILE_ALTERED,
        }:
            return True
        if name == "log.vkey" and fault.kind in {
            FaultKind.KEY_FILE_ALTERED,
            FaultKind.KEY_FILE_MISSING,
            FaultKind.CHECKPOINT_UNKNOWN_KEY,
            FaultKind.CHECKPOINT_FORGED,
        }:
            return True
        if name.endswith("checkpoint") and fault.kind.startswith(("checkpoint.", "unsigned.")):
            return True
    return False


def rolled_back(made: Original, evidence: Path) -> bool:
    """Whether the checkpoint that is shown is the earlier one, which was signed, too."""
    path = evidence / CHECKPOINT
    return path.is_file() and path.read_bytes() == made.earlier[CHECKPOINT]


def compare(made: Original, folder: Path, acts: list[Act], looks: tuple[bool, bool, bool]) -> None:
    evidence = folder / "data" / "evidence"
    copy(made, evidence)
    for act in acts:
        act_on(made, evidence, act)
    harm = altered(made, evidence)
    if looks[1] and harm.get("log.vkey") in {"gone", "changed"}:
        del harm["log.vkey"]  # the policy's key is asked for, not the one that lies here
    report = judged(made, evidence, looks)
    good = Exit.PROVED if looks[1] else Exit.CONSISTENT
    said = [(fault.kind.value, fault.sentence) for fault in report.faults]
    if not harm:
        assert set(report.faults) <= {
            fault for fault in report.faults if fault.kind is FaultKind.KEY_FILE_ALTERED
        }, (acts, said)
        return
    if not looks[2] and report.exit is good and rolled_back(made, evidence):
        # Nobody vouches for what stands behind an older checkpoint: it may be a torn tail.
        assert report.logs[0].signed < made.log.size, (acts, harm)
        assert any("no anchor was given" in line for line in report.not_proved)
        return
    assert report.exit in {Exit.TAMPERED, Exit.INCOMPLETE}, (acts, harm)
    assert report.exit is not good
    if len(harm) == 1:
        (name,) = harm
        assert names_it(made, report, name), (acts, harm, said)


@settings(max_examples=250, deadline=None)
@given(acts=st.lists(ACTS, min_size=1, max_size=1), looks=LOOKS)
def test_one_act(
    made: Original,
    tmp_path_factory: pytest.TempPathFactory,
    acts: list[Act],
    looks: tuple[bool, bool, bool],
) -> None:
    compare(made, tmp_path_factory.getbasetemp() / "truth-one", acts, looks)


@settings(max_examples=120, deadline=None)
@given(acts=st.lists(ACTS, min_size=2, max_size=5), looks=LOOKS)
def test_several_acts(
    made: Original,
    tmp_path_factory: pytest.TempPathFactory,
    acts: list[Act],
    looks: tuple[bool, bool, bool],
) -> None:
    compare(made, tmp_path_factory.getbasetemp() / "truth-several", acts, looks)


@pytest.mark.prove
@pytest.mark.timeout(1800)
@settings(max_examples=20_000 if WHOLE else 3_000, deadline=None)
@given(acts=st.lists(ACTS, min_size=1, max_size=4), looks=LOOKS)
def test_many_acts(
    made: Original,
    tmp_path_factory: pytest.TempPathFactory,
    acts: list[Act],
    looks: tuple[bool, bool, bool],
) -> None:
    compare(made, tmp_path_factory.getbasetemp() / "truth-many", acts, looks)
