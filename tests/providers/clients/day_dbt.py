"""An ordinary day of dbt: seeds, models, tests. What it sees goes out as JSON.

The word: its project's folder. What it writes goes into a folder that it leaves.
"""
# mypy: ignore-errors

import contextlib
import json
import os
import sys
import tempfile
from pathlib import Path

os.environ["DBT_SEND_ANONYMOUS_USAGE_STATS"] = "false"

from dbt.cli.main import dbtRunner

COMMANDS = ("seed", "run", "run", "test")


def results(target: Path) -> list[object]:
    found = json.loads((target / "run_results.json").read_text())["results"]
    return sorted(
        [
            each["unique_id"],
            each["status"],
            each["failures"],
            each["adapter_response"].get("_message") or each["message"],
        ]
        for each in found
    )


def main() -> None:
    project = sys.argv[1]
    seen: list[object] = []
    with tempfile.TemporaryDirectory() as left:
        target = Path(left) / "target"
        places = ["--project-dir", project, "--profiles-dir", project]
        places += ["--target-path", str(target), "--log-path", left]
        for command in COMMANDS:
            with contextlib.redirect_stdout(sys.stderr):
                done = dbtRunner().invoke([*command.split(), *places])
            seen.append([command, done.success, repr(done.exception)])
            seen += results(target)
    print(json.dumps(seen))


main()
