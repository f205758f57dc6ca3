"""Meaning against the truth, at length: see ``truth``.

``PROVE_SEED`` repeats a run; ``PROVE_REGRESS`` is a folder of SQL files to mutate as well, such as
PostgreSQL's ``src/test/regress/sql``; ``PROVE_KEEP`` a file to which what is found is added.
"""

import os
import time
from pathlib import Path

import msgspec
import pytest
from tests.prove.truth import TruthRun, files_of

from custody.demo.scratch_postgres import scratch_postgres

pytestmark = [pytest.mark.prove, pytest.mark.timeout(7200)]

SHARE = 0.2
"""Of PROVE_SECONDS."""


def test_whatever_happens_was_judged(tmp_path: Path) -> None:
    seed = int(os.environ.get("PROVE_SEED", str(time.time_ns())))
    seconds = max(30.0, float(os.environ.get("PROVE_SECONDS", "900")) * SHARE)
    more = files_of(os.environ.get("PROVE_REGRESS", ""))
    with scratch_postgres(settings={"max_prepared_transactions": "5"}) as server:
        run = TruthRun(server, server.directory / "files", seed, more)
        tally = run.go(time.monotonic() + seconds, 1 << 40)
        run.close()
    print(f"seed {seed}: {tally.tried} tried, {tally.succeeded} succeeded, {dict(tally.seen)}")
    keep = Path(os.environ.get("PROVE_KEEP", str(tmp_path / "found.jsonl")))
    with keep.open("ab") as file:
        file.writelines(msgspec.json.encode(fault) + b"\n" for fault in tally.faults)
    assert not tally.faults, (len(tally.faults), tally.faults[:10])
    assert tally.succeeded > tally.tried // 20
    assert {"rows", "defined", "granted", "ran", "locked", "settings", "files"} <= set(tally.seen)
