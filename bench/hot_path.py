"""What one statement costs in CPU, from the client's bytes to its answer, without any socket.

    python -m bench.hot_path [--statements N] [--rooms] [--profile ORDER] [simple|prepared ...]

Codec, policy, budget, masking, gate, relay and the evidence writer are the gateway's own; only the
server and the two connections are missing. A figure is microseconds of this process's CPU for one
statement, the least of many batches, so that other work on the machine shows less. ``--rooms`` says
where they go; measuring that adds about two microseconds.
"""

import argparse
import asyncio
import cProfile
import datetime as dt
import pstats
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Hashable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, Final, cast

import uvloop
from tests.protocols.postgres import messages as m

from custody.app.evidence_log import make_masker
from custody.config.load import compile_policy, load_config
from custody.evidence import KeyholderProcess, LogOptions, open_log
from custody.gateway import Gate, LongMasking, MemoryShares, Meter, SessionServices
from custody.gateway.admission import Admitted
from custody.gateway.login import LoginResult
from custody.gateway.lookups.parser.cache import AnalysisCache
from custody.gateway.relay.relay import Relay
from custody.model.approval import NoApprovals
from custody.model.codec import CodecFaces, UpstreamLogin
from custody.model.event import LoginReceived
from custody.model.identity import Identity, Loop, Session
from custody.model.record import Milliseconds, SessionStart
from custody.model.secret import Secret
from custody.model.words import Exceeded, LoopId, SessionId, Side, TargetName
from custody.operations.init import initialise
from custody.policy import Limit
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.refusals import SQLSTATES
from custody.protocols.postgres.statements import catalogue as c
from custody.recording.refusal_rate import RefusalRate
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import ParseQuestion

BATCH: Final = 200
TEXT: Final = "SELECT abalance FROM pgbench_accounts WHERE aid = "
ROW: Final = m.columns(("abalance", 16384, 3, 23, 0)) + m.row(b"-42")
DONE: Final = m.complete("SELECT 1") + m.ready()
NOW: Final = time.time_ns() // 1_000_000
LOOP: Final = Loop(
    LoopId("loop_" + "a" * 20), Identity("ada", "local", ("agents",)), NOW, NOW + 3_600_000
)
SESSION: Final = Session(
    SessionId("ses_" + "a" * 20), LOOP, TargetName("orders"), "postgres", "-", "u", "d", "app", 0
)


AMPLE: Final = tuple(
    Limit(each, 1 << 60, Exceeded.END) for each in ("commands", "rows", "bytes", "writes")
)
"""A budget that is never used up: what is measured is its counting."""


class Advice:
    """Answers as a look-up connection would have cached them."""

    def __init__(self) -> None:
        self._texts = AnalysisCache()
        names = ("aid", "bid", "abalance", "filler")
        table = ("public", "pgbench_accounts", "r")
        nothing: frozenset[str] = frozenset()
        self._facts: dict[Hashable, object] = {
            c.RelationsQuestion("pgbench_accounts"): c.RelationFacts(
                (c.RelationFact(*table, names),)
            ),
            c.ColumnsQuestion(16384): c.TableFact(*table, tuple(enumerate(names, 1))),
            c.UserCodeQuestion(): c.UserCodeFacts(nothing, nothing, nothing),
        }

    def recall(self, question: Hashable) -> object | None:
        if isinstance(question, ParseQuestion):
            text = question.text
            return self._texts.recall(text) or self._texts.keep(text, analyse(text))
        return self._facts[question]

    async def find(self, question: Hashable) -> object | None:
        return self.recall(question)

    def forget(self, *, settled: bool) -> None: ...

    def unsettle(self) -> None: ...


class Connection:
    clogged = False

    def write_all(self, wire: object) -> None: ...
    def write(self, data: bytes) -> None: ...
    def hold(self, reason: str) -> None: ...
    def free(self, reason: str) -> None: ...


class Host:
    id = SESSION.id
    client: Any = Connection()
    left = False

    def end(self, reason: str) -> None:
        raise RuntimeError(f"the session ended: {reason}")

    def kill(self, reason: str, refusal: object) -> None:
        raise RuntimeError(f"the session was killed: {reason}: {refusal}")

    def failed(self, error: Exception) -> None:
        raise error


class Clockwork:
    """Time by room; a call inside another room's call counts for the inner room alone."""

    def __init__(self) -> None:
        self.spent: dict[str, int] = {}
        self._inner = 0

    def timed(self, room: str, act: Callable[..., Any]) -> Callable[..., Any]:
        spent, now = self.spent, time.perf_counter_ns
        spent[room] = 0

        def act_timed(*given: Any) -> Any:
            outer, self._inner = self._inner, 0
            started = now()
            done = act(*given)
            took = now() - started
            spent[room] += took - self._inner
            self._inner = outer + took
            return done

        return act_timed


class Timed:
    """A face of which the named methods are timed."""

    def __init__(self, face: object, clockwork: Clockwork, **rooms: str) -> None:
        self._face = face
        for method, room in rooms.items():
            setattr(self, method, clockwork.timed(room, getattr(face, method)))

    def __getattr__(self, name: str) -> Any:
        return getattr(self._face, name)


def timed_codec(codec: PostgresCodec, clockwork: Clockwork) -> PostgresCodec:
    timed = Timed(codec, clockwork, receive="codec: buffers", allow="codec: requests")
    client = clockwork.timed("codec: requests", codec.next_event)
    server = clockwork.timed("codec: replies", codec.next_event)
    setattr(  # noqa: B010  # the two sides are timed apart
        timed, "next_event", lambda side: (client if side is Side.CLIENT else server)(side)
    )
    return cast("PostgresCodec", timed)


def logged_in(advice: Advice) -> PostgresCodec:
    codec = PostgresCodec(PostgresOptions(cleartext=True))
    codec.receive(Side.CLIENT, m.startup(user="ada", database="orders") + m.password("ct_x"))
    while not isinstance(event := codec.next_event(Side.CLIENT), LoginReceived):
        pass
    codec.admit(event, UpstreamLogin("app", "d", Secret("s"), tls="off", client_key=bytes(36)))
    codec.consult(advice.recall)
    codec.receive(Side.SERVER, m.LOGGED_IN)
    while (sent := codec.next_event(Side.SERVER)) is not None:
        if hasattr(sent, "question"):
            codec.answer(sent.question, advice.recall(sent.question))
    return codec


@asynccontextmanager
async def relayed(folder: Path, clockwork: Clockwork | None) -> AsyncIterator[tuple[Relay, Any]]:
    """A session's relay and codec over a real log in ``folder``."""
    random = secrets.token_bytes
    made = initialise(folder / "gw", "gw1.example.com", dt.datetime.now(dt.UTC), random)
    config = load_config(made.config)
    options = LogOptions(evidence=folder / "evidence", anchor=folder / "anchor", version="bench")
    advice = Advice()
    codec = logged_in(advice)
    policy: Any = compile_policy(config)
    masker: Any = make_masker(config)
    with KeyholderProcess(config.gateway.keys, folder / "anchor", name="gw1.example.com") as keys:
        async with open_log(options, keys) as log, asyncio.TaskGroup() as tasks:
            face: Any = log
            if clockwork is not None:
                policy = Timed(policy, clockwork, decide="policy")
                masker = Timed(masker, clockwork, mask="masking")
                face = Timed(log, clockwork, append="evidence: append")
                codec = timed_codec(codec, clockwork)
                committer = log.writer.committer
                committer._write_here = clockwork.timed(  # type: ignore[method-assign]  # measured in place
                    "evidence: sync and after", committer._write_here
                )
            meter = Meter(note=lambda *_: None, end_loop=lambda *_: None, policy=b"")
            meter.open_account(LOOP, AMPLE)
            masking = LongMasking(masker)
            gate = Gate(
                policy,
                masking,
                face,
                lambda: Milliseconds(time.time_ns() // 1_000_000),
                meter=meter,
                approvals=NoApprovals(),
                contact="us",
            )
            gate.note(
                SESSION,
                SessionStart("orders", "postgres", "ada", "local", (), "-", "u", "d", "app", ""),
            )
            services = SessionServices(
                gate=gate,
                masking=masking,
                policy=policy,
                log=log,
                ticket_authenticator=cast("Any", None),
                vault=cast("Any", None),
                targets={},
                advisor=lambda *_: advice,
                clock=lambda: Milliseconds(0),
                strict_responses=False,
                refusal_rate=RefusalRate(),
                held_bytes=2 * 1024 * 1024,
                memory=MemoryShares(2**30, 2**27),
            )
            nobody: Any = None
            login = LoginResult(
                Admitted(nobody, SESSION, nobody), advice, cast("Any", Connection())
            )
            faces = CodecFaces(codec, codec, codec)
            relay = Relay(Host(), services, faces, login=login, codes=SQLSTATES, tasks=tasks)
            if clockwork is not None:
                setattr(relay, "pump", clockwork.timed("gate and relay", relay.pump))  # noqa: B010 - a method is put in the place of another
            yield relay, codec
            codec.receive(Side.CLIENT, m.TERMINATE)
            relay.pump()
            relay.finish()


def asked(mode: str, number: int) -> bytes:
    if mode == "simple":
        return m.query(f"{TEXT}{number};")
    given = m.bind("", "P0", [b"%d" % number])
    return given + m.describe() + m.execute() + m.SYNC


async def measure(mode: str, given: argparse.Namespace, folder: Path) -> None:
    clockwork = Clockwork() if given.rooms else None
    async with relayed(folder, clockwork) as (relay, codec):
        if mode == "prepared":
            codec.receive(Side.CLIENT, m.parse(TEXT + "$1;", "P0") + m.SYNC)
            relay.pump()
            codec.receive(Side.SERVER, m.PARSED + m.ready())
            relay.pump()
        asking = [asked(mode, number * 7919 % 100_000) for number in range(1000)]
        answer = (m.BOUND if mode == "prepared" else b"") + ROW + DONE

        async def batch() -> float:
            started = time.process_time()
            for number in range(BATCH):
                codec.receive(Side.CLIENT, asking[number % 1000])
                relay.pump()
                # One turn of the loop for the sync, one for what answers leave for later.
                await asyncio.sleep(0)
                await asyncio.sleep(0)
                codec.receive(Side.SERVER, answer)
                relay.pump()
            return (time.process_time() - started) / BATCH * 1e6

        await batch()
        with profiled(given.profile):
            best, parts = 1e9, dict[str, float]()
            for _ in range(max(1, given.statements // BATCH)):
                if clockwork is not None:
                    clockwork.spent.update(dict.fromkeys(clockwork.spent, 0))
                best = min(best, await batch())
                for room, spent in clockwork.spent.items() if clockwork else ():
                    parts[room] = min(parts.get(room, 1e9), spent / BATCH / 1000)
        print(f"{mode:10} {best:7.1f} µs a statement")
        for room, least in sorted(parts.items(), key=lambda part: -part[1]):
            print(f"    {room:26} {least:7.1f}")


@contextmanager
def profiled(order: str) -> Iterator[None]:
    if not order:
        yield
        return
    with cProfile.Profile() as watch:
        yield
    pstats.Stats(watch).sort_stats(order).print_stats(60)


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("modes", nargs="*", default=["simple", "prepared"])
    parser.add_argument("--statements", type=int, default=10_000, help="how many are measured")
    parser.add_argument("--rooms", action="store_true", help="say which room takes how much")
    parser.add_argument("--profile", default="", help="a profile, in this order: tottime, cumtime")
    given = parser.parse_args()
    memory = Path("/dev/shm")  # where there is one: the disk is measured elsewhere
    for mode in given.modes:
        with (
            tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as folder,
            asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner,
        ):
            runner.run(measure(mode, given, Path(folder)))


if __name__ == "__main__":
    main()
