"""Hardens the gateway's process before it holds a secret.

Law: no core dump, no swap of privileges, no file that others can read.
"""

import contextlib
import ctypes
import gc
import os
import resource
import sys
from pathlib import Path
from typing import Final

_PR_SET_DUMPABLE: Final = 4  # prctl(2)


def harden() -> None:
    """No core dumps, no ptrace by others, files for the owner only."""
    os.umask(0o077)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)


def lower_priority(niceness: int) -> None:
    """Let every other process go first, as far as the system lets us."""
    os.nice(niceness)
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            # No waking up in front of others, and longer turns: sched(7).
            os.sched_setscheduler(0, os.SCHED_BATCH, os.sched_param(0))
        with contextlib.suppress(OSError):
            # A process in a session of its own is in a group of its own, and among groups its
            # niceness counts for nothing; the group's does (sched(7), autogrouping).
            Path("/proc/self/autogroup").write_text(str(niceness), encoding="ascii")


def freeze_heap() -> None:
    """What is in memory now stays until the end: the collector need not look at it again.

    A full collection over everything that a start imports stops every session for 0.1 s; CPU for
    each statement is not measurably less.
    """
    gc.collect()
    gc.freeze()


def raise_file_limit(wanted: int) -> None:
    """As many open files as sessions may need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < wanted:
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (min(wanted, hard), hard))
