"""Forms, places and wrappings of a call multiplied at random: the long form of the real test.

``PROVE_SEED`` repeats a run; what is found is printed whole.
"""

import os
import random
import time

import pytest
from tests.bypass.bare_statements import BARE
from tests.bypass.clothings import PLACES, WRAPPINGS, placed, user_expressions, wrapped
from tests.bypass.probed import ProbedServer

from custody.demo.scratch_postgres import ScratchPostgres
from custody.model.words import Effect

pytestmark = [pytest.mark.prove, pytest.mark.timeout(3600)]

SHARE = 0.1
"""Of PROVE_SECONDS."""


def test_nothing_runs_that_was_not_judged(postgres: ScratchPostgres) -> None:
    seed = int(os.environ.get("PROVE_SEED", str(time.time_ns())))
    seconds = max(20.0, float(os.environ.get("PROVE_SECONDS", "900")) * SHARE)
    chance = random.Random(seed)
    postgres.create_database("clothes")
    server = ProbedServer(postgres.dsn("clothes"))
    expressions = list(user_expressions())
    deadline, tried, ran = time.monotonic() + seconds, 0, 0
    faults = []
    while time.monotonic() < deadline:
        statement = placed(chance.choice(PLACES), chance.choice(expressions))
        if chance.random() < 0.3 and not statement.startswith(("CREATE", "CALL", "DO", "ALTER")):
            statement = placed(chance.choice(PLACES[:20]), f"({statement})")
        if chance.random() < 0.1:
            statement = chance.choice(BARE)
        messages = wrapped(chance.choice(WRAPPINGS), statement)
        tried += 1
        found = server.try_out(messages)
        ran += found.ran
        if found.ran and not found.effects & {Effect.EXECUTE, Effect.UNKNOWN}:
            faults.append((messages, sorted(found.effects)))
    server.close()
    print(f"seed {seed}: {tried} statements, {ran} of them ran a probe, {len(faults)} unjudged")
    assert not faults, faults[:10]
    assert ran > tried // 10
