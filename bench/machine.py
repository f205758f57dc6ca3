"""What the machine is, and what its disk does while we measure.

Law: figures without the machine that gave them mean nothing, so these stand beside every report.
"""

import os
import platform
import statistics
import time
from collections.abc import Iterable
from pathlib import Path

import msgspec

SYNC_BYTES = 1024
_AHEAD = 4 << 20


class Machine(msgspec.Struct, frozen=True):
    processor: str
    cores: int
    memory_gb: int
    system: str
    python: str
    filesystem: str
    load: float
    """Of the last minute, before the run."""


def describe(folder: Path) -> Machine:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return Machine(
        processor=_field(Path("/proc/cpuinfo"), "model name") or platform.processor(),
        cores=len(os.sched_getaffinity(0)),
        memory_gb=round(memory / (1 << 30)),
        system=f"{platform.system()} {platform.release()}",
        python=platform.python_version(),
        filesystem=_filesystem(folder),
        load=round(os.getloadavg()[0], 2),
    )


def sync_ms(folder: Path, times: int) -> float:
    """The median of one write and ``fdatasync`` into a preallocated, zero-filled file: what the
    evidence log pays for each batch.
    """
    path = folder / "sync-probe"
    piece = os.urandom(SYNC_BYTES)
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_TRUNC, 0o600)
    try:
        os.write(handle, bytes(_AHEAD))
        os.fsync(handle)
        taken = []
        for number in range(times):
            os.lseek(handle, number * SYNC_BYTES % _AHEAD, os.SEEK_SET)
            started = time.perf_counter()
            os.write(handle, piece)
            os.fdatasync(handle)
            taken.append(time.perf_counter() - started)
    finally:
        os.close(handle)
        path.unlink()
    return statistics.median(taken) * 1000


def resident_kb(pids: Iterable[int]) -> int:
    """What these processes hold, each page that they share counted by its share (proc(5), Pss)."""
    return sum(int(_field(Path(f"/proc/{pid}/smaps_rollup"), "Pss").split()[0]) for pid in pids)


def _field(path: Path, name: str) -> str:
    for line in path.read_text().splitlines():
        key, _, value = line.partition(":")
        if key.strip() == name:
            return value.strip()
    return ""


def _filesystem(folder: Path) -> str:
    """The type of the mount that the folder is on: the longest mount point above it."""
    resolved = folder.resolve()
    mounts = [line.split() for line in Path("/proc/mounts").read_text().splitlines()]
    above = [mount for mount in mounts if resolved.is_relative_to(mount[1])]
    return max(above, key=lambda mount: len(mount[1]))[2] if above else "unknown"
