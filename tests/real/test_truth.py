"""Meaning against the truth, a sample: what happened on a real server was in the verdict."""

import time
from pathlib import Path

import pytest
from tests.prove.truth import TruthRun

from custody.demo.scratch_postgres import scratch_postgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

SEED = 20_260_101
STATEMENTS = 500


def test_whatever_happens_was_judged(tmp_path: Path) -> None:
    with scratch_postgres(settings={"max_prepared_transactions": "5"}) as server:
        run = TruthRun(server, server.directory / "files", SEED, ())
        tally = run.go(time.monotonic() + 240, STATEMENTS)
        run.close()
    print(f"{tally.tried} tried, {tally.succeeded} succeeded, {dict(tally.seen)}")
    for fault in tally.faults:
        print(fault.what, fault.effects, *fault.messages, sep="\n    ")
    assert not tally.faults
    assert tally.succeeded > 100
    assert {"rows", "defined", "ran", "locked", "numbered"} <= set(tally.seen)
