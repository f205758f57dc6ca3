"""Other people's programs, installed once and kept, never in the product's own environment.

Law: a folder is named by all that is in it, and is whole or is made anew. Where a registry cannot
be reached, the test that asked is skipped with the installer's last words.
"""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

SECONDS = 300
KEPT = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "custody-tested-clients"


def kept(name: str, contents: Sequence[str], make: Callable[[Path], None]) -> Path:
    """The folder that ``make`` filled with these contents, now or for an earlier run."""
    digest = hashlib.sha256("\0".join(contents).encode()).hexdigest()[:12]
    folder = KEPT / f"{name}-{digest}"
    KEPT.mkdir(parents=True, exist_ok=True)
    with KEPT.joinpath(f"{name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        whole = folder / "whole"
        if not whole.exists():
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            make(folder)
            whole.touch()
    return folder


def python_with(name: str, *requirements: str) -> Path:
    """Where the programs of an environment are that holds these, and nothing of the product's."""

    def make(folder: Path) -> None:
        installed([sys.executable, "-m", "venv", str(folder)], folder)
        installed([str(folder / "bin/pip"), "install", "-q", *requirements], folder)

    return kept(name, [sys.version, *requirements], make) / "bin"


def installed(words: Sequence[str], folder: Path) -> None:
    """Run an installer in the folder, or skip the test that needs it."""
    try:
        done = subprocess.run(
            words, cwd=folder, capture_output=True, text=True, check=False, timeout=SECONDS
        )
    except subprocess.TimeoutExpired:
        pytest.skip(f"{words[0]} does not come to an end here within {SECONDS} s")
    if done.returncode != 0:
        pytest.skip(f"{words[0]} cannot install here: {done.stderr.strip()[-300:]}")
