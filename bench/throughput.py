"""Transactions a second and latency, with pgbench's own select-only script.

Law: each figure is of one pgbench run with its own log; the median comes from every transaction.
"""

import statistics
import subprocess
import tempfile
from pathlib import Path

import msgspec
from bench.places import Place


class Speed(msgspec.Struct, frozen=True):
    place: str
    mode: str
    clients: int
    tps: float
    p50_ms: float
    p99_ms: float


def fill(programs: Path, place: Place, scale: int) -> None:
    subprocess.run(
        [programs / "pgbench", "-i", "-q", "-s", str(scale)],
        env=place.environment(),
        check=True,
        capture_output=True,
    )


def measure(programs: Path, place: Place, mode: str, clients: int, seconds: int) -> Speed:
    """``mode`` as pgbench names it: ``simple``, ``extended``, ``prepared``."""
    with tempfile.TemporaryDirectory(prefix="custody-pgbench-") as folder:
        done = subprocess.run(
            [
                *(programs / "pgbench", "-n", "-S", "-M", mode, "-T", str(seconds)),
                *("-c", str(clients), "-j", str(min(clients, 2)), "-l"),
            ],
            cwd=folder,
            env=place.environment(),
            check=False,
            capture_output=True,
            text=True,
        )
        if done.returncode != 0:
            raise RuntimeError(f"pgbench against {place.name}: {done.stderr[-2000:]}")
        # Third field: the transaction's time in microseconds.
        times = sorted(
            int(line.split()[2])
            for log in Path(folder).glob("pgbench_log.*")
            for line in log.read_text().splitlines()
        )
    tps = next(
        float(line.split()[2]) for line in done.stdout.splitlines() if line.startswith("tps")
    )
    return Speed(
        place.name,
        mode,
        clients,
        tps,
        statistics.median(times) / 1000,
        times[int(len(times) * 0.99)] / 1000,
    )
