"""What outlives every session, put together: the gateway without its listeners.

Law: one for each process that may write to the evidence. What decides about loops and logins is
the same with listeners around it and without.
"""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple, Protocol

from custody.access import (
    InStateThread,
    LoginService,
    LoopService,
    LoopTerms,
    Refresher,
    RefreshTokenSealer,
    TicketService,
)
from custody.config.tables import Config
from custody.gateway import Meter, Registry
from custody.identity import CachedTicketAuthenticator
from custody.model.identity import Identity, Loop
from custody.model.record import Milliseconds, Receipt, Record
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import LoopId
from custody.policy import TargetFacts, policy_digest
from custody.recording.recorder import RecordWriter
from custody.recording.refusal_rate import RefusalRate
from custody.recording.refused_logins import RefusedLogins
from custody.state import State, StateThread


class QueueingRecorder(RecordWriter, Protocol):
    """``custody.recording.recorder.Recorder``, or one that refuses where no log is open."""

    def queue(self, record: Record) -> Receipt: ...


class ExhaustedLoop(NamedTuple):
    """A loop that is to end, for it has used up its budget."""

    loop: LoopId
    reason: str


class AccessServices(NamedTuple):
    """Who may come in, and for how long."""

    terms: LoopTerms
    loops: LoopService
    logins: LoginService
    tickets: TicketService
    refused: RefusedLogins


class Gateway(NamedTuple):
    recorder: QueueingRecorder
    state: State
    in_state_thread: InStateThread
    registry: Registry
    meter: Meter
    exhausted: asyncio.Queue[ExhaustedLoop]
    """At most one entry for each loop that is open."""
    refusal_rate: RefusalRate
    ticket_authenticator: CachedTicketAuthenticator
    access: AccessServices


def clock() -> Milliseconds:
    """Unix time."""
    return Milliseconds(time.time_ns() // 1_000_000)


def make_gateway(
    config: Config,
    *,
    recorder: QueueingRecorder,
    state: State,
    thread: StateThread,
    sealer: RefreshTokenSealer | None,
    refreshers: Mapping[str, Refresher],
) -> Gateway:
    """``sealer`` is needed where logins have refresh tokens, ``refreshers`` where they are asked
    for again: only beside listeners.
    """
    registry, refusal_rate = Registry(), RefusalRate()
    exhausted: asyncio.Queue[ExhaustedLoop] = asyncio.Queue()
    meter = Meter(
        note=lambda loop, body: recorder.queue(Record(clock(), body, loop)),
        end_loop=lambda loop, reason: exhausted.put_nowait(ExhaustedLoop(loop, reason)),
        policy=policy_digest(config.grants, config.rules),
    )
    terms, run = make_terms(config), thread.run
    refused = RefusedLogins(recorder, clock, refusal_rate)
    loops = LoopService(
        state, run, recorder, terms, refused, clock=clock, entropy=os.urandom, accounts=meter
    )
    loops.add_end_listener(_close_sessions(registry))
    logins = LoginService(
        state,
        run,
        recorder,
        loops,
        refused,
        clock=clock,
        entropy=os.urandom,
        lifetime_ms=config.login.lifetime_ms,
        recheck_ms=config.login.recheck_ms,
        sealer=sealer,
        providers=refreshers,
    )
    longest = _longest_loop(terms)
    tickets = TicketService(state, run, recorder, loops, clock=clock, longest_loop=longest)
    access = AccessServices(terms, loops, logins, tickets, refused)
    tickets_known = CachedTicketAuthenticator(state)
    return Gateway(
        recorder, state, run, registry, meter, exhausted, refusal_rate, tickets_known, access
    )


def make_terms(config: Config) -> LoopTerms:
    targets = {
        str(each.name): TargetFacts(each.name, each.protocol, each.database)
        for each in config.targets
    }
    return LoopTerms(
        config.grants,
        targets,
        lifetimes={each.name: each.lifetime_ms for each in config.workload},
        local=config.login.local,
        local_ms=config.login.lifetime_ms,
    )


def _longest_loop(terms: LoopTerms) -> Callable[[Identity], int | None]:
    return lambda identity: terms.longest(Loop(LoopId(""), identity, 0, 0))


def _close_sessions(registry: Registry) -> Callable[[LoopId, str], None]:
    """Ends a loop's sessions, at the next turn of the event loop: one of them may be what asks."""

    def close(loop: LoopId, reason: str) -> None:
        refusal = Refusal(
            RefusalCode.LOOP_OVER, f"custody: this loop has ended ({reason})", fatal=True
        )
        for session in registry.of(loop):
            asyncio.get_running_loop().call_soon(session.kill, "loop.ended", refusal)

    return close
