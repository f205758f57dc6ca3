"""The services that decide over loops and logins, put together.

Law: each process that writes to the evidence log makes one ``AccessServices``: the gateway, or a
command that runs offline. Both use the same rules.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

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
from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import LoopId
from custody.policy import TargetFacts
from custody.recording.recorder import RecordWriter
from custody.recording.refusal_rate import RefusalRate
from custody.recording.refused_logins import RefusedLogins
from custody.state import State

TEND_S: Final = 1.0
RECHECK_EVERY_S: Final = 5.0
FORGET_EVERY_S: Final = 600.0

_log: Final = logging.getLogger("custody.access")


class AccessServices(NamedTuple):
    terms: LoopTerms
    loops: LoopService
    logins: LoginService
    tickets: TicketService
    refused: RefusedLogins


def make_access_services(
    config: Config,
    *,
    state: State,
    in_state_thread: InStateThread,
    recorder: RecordWriter,
    clock: Callable[[], int],
    meter: Meter,
    refusal_rate: RefusalRate,
    sealer: RefreshTokenSealer | None,
    refreshers: Mapping[str, Refresher],
) -> AccessServices:
    targets = {
        str(each.name): TargetFacts(each.name, each.protocol, each.database)
        for each in config.targets
    }
    terms = LoopTerms(
        config.grants,
        targets,
        lifetimes={each.name: each.lifetime_ms for each in config.workload},
        local=config.login.local,
        local_ms=config.login.lifetime_ms,
    )
    refused = RefusedLogins(recorder, clock, refusal_rate)
    loops = LoopService(
        state,
        in_state_thread,
        recorder,
        terms,
        refused,
        clock=clock,
        entropy=os.urandom,
        accounts=meter,
    )
    logins = LoginService(
        state,
        in_state_thread,
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

    def longest_loop(identity: Identity) -> int | None:
        return terms.longest(Loop(LoopId(""), identity, 0, 0))

    tickets = TicketService(
        state, in_state_thread, recorder, loops, clock=clock, longest_loop=longest_loop
    )
    return AccessServices(terms, loops, logins, tickets, refused)


def close_sessions(registry: Registry) -> Callable[[LoopId, str], None]:
    """Ends a loop's sessions, at the next turn of the event loop: one of them may be what asks."""

    def close(loop: LoopId, reason: str) -> None:
        refusal = Refusal(
            RefusalCode.LOOP_OVER, f"custody: this loop has ended ({reason})", fatal=True
        )
        for session in registry.of(loop):
            asyncio.get_running_loop().call_soon(session.kill, "loop.ended", refusal)

    return close


async def resume_after_restart(
    config: Config, authority: AccessServices, providers: tuple[str, ...]
) -> None:
    """At a start of the gateway: end the loops and logins that expired, or lost their provider,
    while it did not run.
    """
    await authority.loops.resume_accounts()
    await authority.logins.end_of_other_providers(providers)
    if not config.login.local:
        ended = await authority.loops.end_local()
        if ended:
            _log.warning("%d local loops ended: [login] has local = false", ended)
    await authority.logins.lapse()
    await authority.loops.lapse()


async def expire_regularly(
    authority: AccessServices, state: State, in_state_thread: InStateThread, meter: Meter
) -> None:
    """Every second: end what is over, and keep what was used. Runs until it is cancelled."""
    while True:
        await asyncio.sleep(TEND_S)
        try:
            await authority.logins.lapse()
            await authority.loops.lapse()
        except CustodyError as error:
            _log.error("loops and logins that are over were not ended: %s", error.code)
        await save_spent(state, in_state_thread, meter)


async def save_spent(state: State, in_state_thread: InStateThread, meter: Meter) -> None:
    figures = meter.take_changed()
    if not figures:
        return
    try:
        await in_state_thread(lambda: state.budgets.save(figures.items()))
    except CustodyError as error:
        meter.mark_unsaved(figures)
        _log.error("what loops have used was not kept: %s", error.code)


async def recheck_regularly(authority: AccessServices) -> None:
    """Ask providers again for logins whose turn it is. Runs until it is cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for provider in authority.logins.recheckable_providers:
            tasks.create_task(_recheck(authority, provider))


async def _recheck(authority: AccessServices, provider: str) -> None:
    while True:
        await asyncio.sleep(RECHECK_EVERY_S)
        try:
            await authority.logins.recheck(provider)
        except CustodyError as error:
            _log.error("logins were not rechecked: %s", error.code)


async def forget_regularly(authority: AccessServices) -> None:
    """Keep the state database small."""
    while True:
        try:
            gone = await authority.tickets.forget()
            await authority.logins.forget()
            if gone:
                _log.info("%d tickets that ended long ago were forgotten", gone)
        except CustodyError as error:
            _log.error("tickets that ended long ago were not forgotten: %s", error.code)
        await asyncio.sleep(FORGET_EVERY_S)
