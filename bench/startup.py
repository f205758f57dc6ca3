"""What a start costs: of short commands, and of the gateway until it says ``ready``.

    python -m bench.startup          a minute; prints the figures alone

Law: CPU of the process, user and system together, as the kernel counts it: what a start takes on a
machine that does nothing else. Children are named and counted apart. Bytecode is there already, as
it is once a package was installed.
"""

import contextlib
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec
from bench import places
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres

SETTLED_S = 1.0
"""After ``ready``, until children are looked at: they start beside the gateway."""
TICKS = os.sysconf("SC_CLK_TCK")
CHILDREN = {
    "custody.evidence.keys.keyholder": "key service",
    "custody.gateway.lookups.parser.worker": "SQL parser",
    "custody.app.indexer.parent": "indexer",
}
"""By the module that a child runs."""


class StartCost(msgspec.Struct, frozen=True):
    """The median of ``times`` starts. ``most_s`` is its target, 0 where it has none."""

    what: str
    times: int
    cpu_s: float
    most_s: float = 0


def measure(server: ScratchPostgres, room: Path, times: int) -> list[StartCost]:
    """With the configuration that is measured everywhere else, and no client."""
    room.mkdir(parents=True, exist_ok=True)
    # A variable that is empty counts as not there.
    environment = {"TARGET_PASSWORD": server.password, "PYTHONDONTWRITEBYTECODE": ""}
    gateway = RunningGateway(room / "gateway", places.configuration(server), environment)
    try:
        first = _serve(gateway)
        found = _commands(gateway, {**os.environ, **environment}, times)
        gateway.stop()
        later = [_serve(gateway, stop=True) for _ in range(times)]
    finally:
        gateway.end()
    return [
        *found,
        StartCost("`custody serve` to `ready`, no state yet", 1, first["gateway"], 1.5),
        *(_of_process(name, later) for name in first),
    ]


def _of_process(name: str, starts: Sequence[Mapping[str, float]]) -> StartCost:
    taken = statistics.median(start[name] for start in starts)
    if name == "gateway":
        return StartCost("`custody serve` to `ready`", len(starts), taken, 1.5)
    return StartCost(f"its child: {name}", len(starts), taken)


def _commands(
    gateway: RunningGateway, environment: Mapping[str, str], times: int
) -> list[StartCost]:
    def kill() -> Sequence[str]:
        words = ("ticket", "create", "--subject", "ada", "--group", "agents", "--ttl", "1h")
        (item,) = msgspec.json.decode(gateway.custody(*words, "--json").stdout)["items"]
        return ("kill", item["loop"], "-c", str(gateway.config))

    def always(*words: str) -> Callable[[], Sequence[str]]:
        return lambda: words

    config = str(gateway.config)
    return [
        _command("`custody --version`", always("--version"), environment, times, 0.3),
        _command("`custody kill`, the gateway running", kill, environment, times, 0.3),
        _command(
            "`custody ticket list`, the gateway running",
            always("ticket", "list", "-c", config),
            environment,
            times,
        ),
        _command("`custody verify --help`", always("verify", "--help"), environment, times),
    ]


def _command(
    what: str,
    words: Callable[[], Sequence[str]],
    environment: Mapping[str, str],
    times: int,
    most_s: float = 0,
) -> StartCost:
    _run(words(), environment)
    taken = statistics.median(_run(words(), environment) for _ in range(times))
    return StartCost(what, times, taken, most_s)


def _run(words: Sequence[str], environment: Mapping[str, str]) -> float:
    program = str(Path(sys.executable).with_name("custody"))
    silent = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    process = os.posix_spawn(program, [program, *words], environment, file_actions=silent)
    _, status, used = os.wait4(process, 0)
    if os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(f"custody {' '.join(words)} ended with {status}")
    return used.ru_utime + used.ru_stime


def _serve(gateway: RunningGateway, *, stop: bool = False) -> dict[str, float]:
    """CPU seconds of the gateway at ``ready`` and of its children soon after, by name."""
    gateway.start()
    found = {"gateway": _cpu_s(gateway.pid)}
    time.sleep(SETTLED_S)
    for pid in gateway.family():
        if pid != gateway.pid:
            with contextlib.suppress(OSError):
                name = _name(pid)
                found[name] = max(_cpu_s(pid), found.get(name, 0))
    if stop:
        gateway.stop()
    return found


def _cpu_s(pid: int) -> float:
    """User and system, of all its threads (proc(5), fields 14 and 15 of ``stat``)."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS


def _name(pid: int) -> str:
    words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
    return next((CHILDREN[word] for word in words if word in CHILDREN), "another")


def main() -> int:
    with scratch_postgres() as server, tempfile.TemporaryDirectory() as folder:
        for cost in measure(server, Path(folder), 9):
            print(f"{cost.cpu_s:6.3f} s  {cost.what}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
