"""The program with one part added, as whoever adds it would: in a copy of its source."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Final

SOURCE: Final = Path(__file__).resolve().parents[2]


def said_with(folder: Path, changes: Mapping[str, tuple[str, str]], program: str) -> str:
    """What ``program`` prints where each file below ``src/custody`` has its first text replaced by
    its second; where the first is empty, the file is new.
    """
    package = folder / "custody"
    shutil.copytree(
        SOURCE / "src" / "custody", package, ignore=shutil.ignore_patterns("__pycache__")
    )
    for name, (before, after) in changes.items():
        file = package / name
        if not before:
            file.write_text(after, encoding="utf-8")
            continue
        text = file.read_text(encoding="utf-8")
        assert text.count(before) == 1, f"{before!r} does not stand once in {name}"
        file.write_text(text.replace(before, after), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=SOURCE,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{SOURCE}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
