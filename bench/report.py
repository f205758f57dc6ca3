"""Writes the figures of one run as the page that operators read.

Law: every figure that has a target stands beside it, met or missed; what was not measured is said.
"""

import msgspec
from bench.logins import TicketCheck, WayIn
from bench.machine import Machine
from bench.sizes import Connects, Rows, Sessions
from bench.startup import StartCost
from bench.throughput import Speed
from bench.verification import Verification

FLOOR = {1: 0.35, 8: 0.35, 32: 0.6}
"""Of PgBouncer's throughput, by number of clients."""


VERIFIED = {
    "proofs": "hashes and proofs",
    "sealed": (
        "the whole without keys: also each frame, each link of a session, each heartbeat, the hash"
        " of each sealed content"
    ),
    "opened": "the whole with keys: also each content opened and compared with its leaf",
}


class Figures(msgspec.Struct, frozen=True):
    machine: Machine
    postgres: str
    syncs_ms: list[float]
    """Medians, taken before, between and after the runs."""
    speeds: list[Speed]
    rows: list[Rows]
    sessions: Sessions
    connects: list[Connects]
    verifications: list[Verification]
    ticket_check: TicketCheck
    ways_in: list[WayIn]
    starts: list[StartCost]
    seconds: int
    rounds: int

    @property
    def sync_ms(self) -> float:
        return sorted(self.syncs_ms)[len(self.syncs_ms) // 2]


def write(figures: Figures) -> str:
    parts = [
        HEADER,
        _machine(figures),
        _throughput(figures),
        _latency(figures),
        _sizes(figures),
        _verification(figures),
        _logins(figures),
        _starts(figures),
        BOUNDS,
        REPEAT,
    ]
    return "\n".join(parts)


HEADER = """# Performance

Measured, not promised: `make bench` writes this page. Direct, PgBouncer (session mode) and Custody
are measured in one run on one machine, in turns, against the same PostgreSQL and the same tables.
Custody does its ordinary work: every statement is parsed, judged by three rules, masked (columns
and detectors), recorded durably before it is forwarded, and its response captured. Ratios carry
over to other machines better than figures do.
"""

BOUNDS = """## What bounds it

One Python process carries every session of a gateway, so throughput levels off at what its one
event loop does. `python -m bench.hot_path` measures that work without sockets and with warm
caches: about 90 µs of CPU for a simple statement and 115 µs for a prepared one, two records each.
The cryptography that the evidence format fixes (a key of its own for each record, AES-GCM, the
hashes that bind it) is about 20 µs of it; the rest is parsing, judging, masking, linking and
moving bytes, spread flat over some 400 calls. In a live gateway on this machine the same work
takes twice that at 8 and 32 clients, and three times at one client: after every wait (for the
client, the disk, the server) it begins with cold caches, which server and client have used
meanwhile. Emptying the caches between the steps of the codec alone makes them three to five times
slower.

Tried, and what came of it: one object for callback, place in line and open message, and one write
for all that arrives together (a seventh less CPU in relay, codec and masking); leaves filled by
form, whole tiles hashed at once, fewer checks on the way (an eighth less in the evidence log);
answers masked and sealed after their bytes left; responses sharing the next sync; remembered
meanings, verdicts and clean texts; frozen garbage (no pauses, no less CPU); a lower priority for
the indexer; one more turn of the loop before a sync (no gain); compiling the hot modules with
mypyc (6 %). Batching of syncs works: `strace` counted 1.02 of them for each statement at one
client, 0.25 at 8 and 0.09 at 32, so the disk is not what holds 32 clients back. What would change
it is several processes that share one log, or less Python on the way; neither is here.
"""

BUSY = """**Provisional: this machine had other work while it measured** (its load before, or its
disk's times in between, say so). Do not quote these figures, and do not compare them with those of
another run.

"""

REPEAT = """## Repeat it

    make bench                         # about ten minutes; writes this page
    make bench-smoke                   # seconds; writes nothing
    .venv/bin/python -m bench.run --room /path/on/the/disk/that/matters

PgBouncer is installed with apt-get where that is possible, and left out where it is not. Run it on
a machine that does nothing else. No test asserts any of these times.
"""


def _machine(figures: Figures) -> str:
    facts = figures.machine
    low, high = min(figures.syncs_ms), max(figures.syncs_ms)
    busy = facts.load > facts.cores / 4 or high > 3 * low
    return (BUSY if busy else "") + (
        f"Machine: {facts.processor}, {facts.cores} cores, {facts.memory_gb} GB, {facts.system},"
        f" Python {facts.python}, PostgreSQL {figures.postgres}; evidence on {facts.filesystem};"
        f" load before the run {facts.load}. One write and `fdatasync` on that disk, beside the"
        f" runs: {figures.sync_ms:.2f} ms (medians from {low:.2f} to {high:.2f}). pgbench,"
        " server and gateway share the cores.\n"
    )


def _throughput(figures: Figures) -> str:
    found = {(speed.mode, speed.clients, speed.place): speed for speed in figures.speeds}
    how = (
        f"`pgbench -S`, {figures.seconds} s each, transactions a second; the better of"
        f" {figures.rounds} rounds for every place."
    )
    lines = [
        "## Throughput",
        "",
        how,
        "",
        "| protocol | clients | direct | PgBouncer | Custody | of direct | of PgBouncer | target |",
        "|---|--:|--:|--:|--:|--:|--:|---|",
    ]
    for mode, clients in sorted({(mode, count) for mode, count, _ in found}, reverse=False):
        direct, custody = found[mode, clients, "direct"], found[mode, clients, "custody"]
        bouncer = found.get((mode, clients, "pgbouncer"))
        floor = FLOOR.get(clients)
        ratio = custody.tps / bouncer.tps if bouncer else None
        lines.append(
            f"| {mode} | {clients} | {direct.tps:,.0f} | "
            + (f"{bouncer.tps:,.0f}" if bouncer else "not measured")
            + f" | {custody.tps:,.0f} | {custody.tps / direct.tps:.2f} | "
            + (f"{ratio:.2f}" if ratio is not None else "")
            + " | "
            + (f"{floor}: {_met(ratio >= floor)}" if floor and ratio is not None else "")
            + " |"
        )
    return "\n".join(lines) + "\n"


def _latency(figures: Figures) -> str:
    lines = [
        "## Latency at one client",
        "",
        "| protocol | direct p50 | Custody p50 | Custody p99 | added p50 | one sync + 0.15 ms |",
        "|---|--:|--:|--:|--:|---|",
    ]
    found = {(speed.mode, speed.clients, speed.place): speed for speed in figures.speeds}
    target = figures.sync_ms + 0.15
    for mode in sorted({speed.mode for speed in figures.speeds}):
        direct, custody = found[mode, 1, "direct"], found[mode, 1, "custody"]
        added = custody.p50_ms - direct.p50_ms
        lines.append(
            f"| {mode} | {direct.p50_ms:.3f} ms | {custody.p50_ms:.3f} ms | {custody.p99_ms:.3f} ms"
            f" | {added:.3f} ms | {target:.2f} ms: {_met(added <= target)} |"
        )
    return "\n".join(lines) + "\n"


def _sizes(figures: Figures) -> str:
    direct, custody = figures.rows
    ratio = direct.seconds / custody.seconds
    own, through = figures.connects
    beyond = through.p50_ms - own.p50_ms
    clear = "" if own.tls else " (in clear text: this server has no TLS)"
    each = figures.sessions.kb_each
    rows = [
        (
            f"a result of {custody.rows:,} rows of 100 bytes, psql",
            f"{custody.seconds:.2f} s, direct {direct.seconds:.2f} s: {ratio:.2f} of direct",
            f"0.8: {_met(ratio >= 0.8)}",
        ),
        (
            "the gateway's memory growth meanwhile",
            f"{custody.growth_kb / 1024:.1f} MB",
            f"under 32 MB: {_met(custody.growth_kb < 32 * 1024)}",
        ),
        (
            f"{figures.sessions.count:,} idle sessions",
            f"{each:.0f} kB each",
            f"under 100 kB: {_met(each < 100)}",
        ),
        (
            "connect over TLS, log in, leave (p50)",
            f"{through.p50_ms:.2f} ms; the server's own {own.p50_ms:.2f} ms{clear}",
            f"under 5 ms beyond: {_met(beyond < 5)} ({beyond:.2f} ms)",
        ),
    ]
    head = ["## Sizes", "", "| what | measured | target |", "|---|---|---|"]
    return "\n".join(head + [f"| {what} | {value} | {goal} |" for what, value, goal in rows]) + "\n"


def _verification(figures: Figures) -> str:
    records = figures.verifications[0].records
    how = (
        f"Of the log of this run, {records:,} records. Hashes and proofs are the checkpoint's"
        " signature, each entry hashed, each tile of each level compared with what is below it,"
        " the signed root, and the consistency of the tree with its first half. The whole is the"
        " command, its start included."
    )
    lines = [
        "## Verification",
        "",
        how,
        "",
        "| what is verified | processes, at most | records a second | target |",
        "|---|--:|--:|---|",
    ]
    for each in figures.verifications:
        goal = f"200,000: {_met(each.speed >= 200_000)}" if each.kind == "proofs" else ""
        what = VERIFIED[each.kind]
        lines.append(f"| {what} | {each.processes} | {each.speed:,.0f} | {goal} |")
    return "\n".join(lines) + "\n"


def _logins(figures: Figures) -> str:
    check = figures.ticket_check
    how = (
        f"A connection's ticket is checked in {check.p50_us:.0f} µs"
        f" (p50; p99 {check.p99_us:.0f} µs) among {check.tickets:,} tickets;"
        f" target 1 ms: {_met(check.p50_us <= 1000)}. From what somebody holds to the answer of"
        " `SELECT 1`, over TLS to the gateway:"
    )
    lines = [
        "## Logins",
        "",
        how,
        "",
        "| way in | p50 |",
        "|---|--:|",
    ]
    lines += [f"| {each.way} | {each.p50_ms:.1f} ms |" for each in figures.ways_in]
    return "\n".join(lines) + "\n"


def _starts(figures: Figures) -> str:
    how = (
        f"CPU of the process until it ends or is ready, user and system together, the median of"
        f" {max(each.times for each in figures.starts)}; children apart. Each child starts beside"
        " the gateway, so it delays nothing where a core is free."
    )
    lines = ["## Starts", "", how, "", "| what starts | CPU | target |", "|---|--:|---|"]
    for each in figures.starts:
        goal = f"{each.most_s} s: {_met(each.cpu_s <= each.most_s)}" if each.most_s else ""
        lines.append(f"| {each.what} | {each.cpu_s:.2f} s | {goal} |")
    return "\n".join(lines) + "\n"


def _met(yes: bool) -> str:  # noqa: FBT001  # the one thing that it is about
    return "met" if yes else "missed"
