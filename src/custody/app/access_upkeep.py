"""What is done for loops and logins while a gateway runs, and at its start.

Law: a loop or a login that is over ends within a second or two, whatever ended it; what loops have
used is kept as often. A fault of the log or the state database is said, and tried again.
"""

import asyncio
import logging
from typing import Final

from custody.app.gateway import Gateway
from custody.config.tables import Config
from custody.model.errors import CustodyError

TEND_S: Final = 1.0
RECHECK_EVERY_S: Final = 5.0
FORGET_EVERY_S: Final = 600.0

_log: Final = logging.getLogger("custody.access")


async def resume_after_restart(
    config: Config, gateway: Gateway, providers: tuple[str, ...]
) -> None:
    """At a start of the gateway: what ended while it was not there, ends now."""
    access = gateway.access
    await access.loops.resume_accounts()
    await access.logins.end_of_other_providers(providers)
    if not config.login.local:
        ended = await access.loops.end_local()
        if ended:
            _log.warning("%d local loops ended: [login] has local = false", ended)
    await access.logins.lapse()
    await access.loops.lapse()


async def expire_regularly(gateway: Gateway) -> None:
    """Every second: end what is over, and keep what was used. Runs until it is cancelled."""
    while True:
        await asyncio.sleep(TEND_S)
        try:
            await gateway.access.logins.lapse()
            await gateway.access.loops.lapse()
        except CustodyError as error:
            _log.error("loops and logins that are over were not ended: %s", error.code)
        await save_spent(gateway)


async def save_spent(gateway: Gateway) -> None:
    figures = gateway.meter.take_changed()
    if not figures:
        return
    try:
        await gateway.in_state_thread(lambda: gateway.state.budgets.save(figures.items()))
    except CustodyError as error:
        gateway.meter.mark_unsaved(figures)
        _log.error("what loops have used was not kept: %s", error.code)


async def end_exhausted(gateway: Gateway) -> None:
    """End loops whose budget is used up, none of them behind another. Runs until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        while True:
            loop, reason = await gateway.exhausted.get()
            tasks.create_task(gateway.access.loops.end_exhausted(loop, reason))


async def recheck_regularly(gateway: Gateway) -> None:
    """Ask providers again for logins whose turn it is. Runs until it is cancelled."""
    asked: dict[str, asyncio.Task[None]] = {}
    async with asyncio.TaskGroup() as tasks:
        while True:
            await asyncio.sleep(RECHECK_EVERY_S)
            # One provider that hangs keeps no other waiting; a reload may bring new ones.
            for provider in gateway.access.logins.recheckable_providers:
                if provider not in asked or asked[provider].done():
                    asked[provider] = tasks.create_task(_recheck(gateway, provider))


async def _recheck(gateway: Gateway, provider: str) -> None:
    try:
        await gateway.access.logins.recheck(provider)
    except CustodyError as error:
        _log.error("logins were not rechecked: %s", error.code)


async def forget_regularly(gateway: Gateway) -> None:
    """Keep the state database small."""
    while True:
        try:
            gone = await gateway.access.tickets.forget()
            await gateway.access.logins.forget()
            if gone:
                _log.info("%d tickets that ended long ago were forgotten", gone)
        except CustodyError as error:
            _log.error("tickets that ended long ago were not forgotten: %s", error.code)
        await asyncio.sleep(FORGET_EVERY_S)
