"""One program, run against the server and through `custody run`: it must see the same.

Law: the program is what a user of its library would write; nothing in it knows of the gateway.
"""

import json
import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

CUSTODY = Path(sys.executable).with_name("custody")


def direct(
    server: ScratchPostgres, database: str, words: Sequence[str], **environment: str
) -> list[Any]:
    known = {
        "PGHOST": server.host,
        "PGPORT": str(server.port),
        "PGDATABASE": database,
        "PGUSER": server.superuser,
        "PGPASSWORD": server.password,
    }
    return _seen(words, {**known, **environment})


def through(
    gateway: RunningGateway,
    words: Sequence[str],
    *options: str,
    target: str = "orders",
    **environment: str,
) -> list[Any]:
    """``options`` of `custody run`; ``environment`` beside what it gives."""
    run = [str(CUSTODY), "run", "--quiet", "--group", "agents", "--target", target]
    found = {"CUSTODY_CONFIG": str(gateway.config), **environment}
    return _seen([*run, *options, "--", *words], found)


def _seen(words: Sequence[str], environment: dict[str, str]) -> list[Any]:
    done = subprocess.run(
        words,
        env={**os.environ, "PYTHONHASHSEED": "0", **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))
