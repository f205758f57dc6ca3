"""What a gateway holds open from before its first service starts until after its last has stopped.

Law: opened in this order and closed in the opposite one, so that the log is closed and signed when
nothing can write to it any more, and its key service ends last.
"""

import asyncio
import logging
from collections.abc import Callable
from contextlib import AsyncExitStack, closing
from datetime import UTC, datetime
from functools import partial
from typing import Final, NamedTuple

from custody.access import RefreshTokenSealer, load_refresh_token_sealer
from custody.app.console_faces import ConsoleFactory
from custody.app.evidence_log import log_options, make_masker
from custody.app.gateway import Gateway, clock, make_gateway
from custody.app.provider_set import NO_PROVIDERS, Providers
from custody.app.serve.console_listener import ConsoleSocket
from custody.config.tables import Config
from custody.evidence import VERIFIER_POLICY, KeyholderProcess, Log, open_log
from custody.model.errors import LogFailureError
from custody.model.interfaces import Masker
from custody.operations.init import renew_verifier_policy
from custody.recording.recorder import Recorder
from custody.state import State, StateThread

_log: Final = logging.getLogger("custody.serve")


class Resources(NamedTuple):
    keys: KeyholderProcess
    log: Log
    masker: Masker
    console: ConsoleSocket | None
    providers: Providers
    gateway: Gateway
    recorder: Recorder
    """The gateway's own, whose masker a reload replaces."""


async def open_resources(
    config: Config,
    stack: AsyncExitStack,
    *,
    accept_new_anchor: bool,
    on_broken: Callable[[LogFailureError], None],
    console: ConsoleFactory | None,
) -> Resources:
    """Closed with ``stack``. ``on_broken`` is called once if the log's disk fails. A console is
    bound where one is configured and there is a factory of it. Raises ``CustodyError``.
    """
    data, keys = config.gateway.data, config.gateway.keys
    masker = make_masker(config)
    keyholder = stack.enter_context(await _start_keyholder(config, accept_new_anchor))
    if renew_verifier_policy(config, keyholder.public, datetime.now(UTC).year):
        _log.warning("this gateway's name is new: keep a copy of %s", keys / VERIFIER_POLICY)
    options = log_options(config, accept_new_anchor=accept_new_anchor)
    log = await stack.enter_async_context(open_log(options, keyholder, on_broken=on_broken))
    state = stack.enter_context(State.open(data / "state.db"))
    thread = await stack.enter_async_context(StateThread())
    # Bound before any provider is made: a provider must know where browsers come back to.
    door = None
    if config.console is not None and console is not None:
        door = stack.enter_context(closing(ConsoleSocket(config, config.console)))
    providers = await make_providers_of(config, "" if door is None else door.url)
    recorder = Recorder(masker, log)
    gateway = make_gateway(
        config,
        recorder=recorder,
        state=state,
        thread=thread,
        sealer=await _load_sealer(config),
        refreshers=providers.oidc,
    )
    return Resources(keyholder, log, masker, door, providers, gateway, recorder)


async def _start_keyholder(config: Config, accept_new_anchor: bool) -> KeyholderProcess:  # noqa: FBT001 - as the option that it is
    gateway = config.gateway
    return await asyncio.to_thread(
        partial(
            KeyholderProcess,
            gateway.keys,
            gateway.anchor,
            name=gateway.name,
            accept_new_anchor=accept_new_anchor,
        )
    )


async def make_providers_of(config: Config, url: str) -> Providers:
    """``url`` is the console's own; empty where there is none. Raises ``identity.*``."""
    if not (config.oidc or config.workload or config.saml):
        return NO_PROVIDERS
    # HTTP, JOSE and XML cost 0.15 s of imports, which a gateway without a provider need not pay.
    from custody.app.providers import make_providers  # noqa: PLC0415 - see above

    return await make_providers(config, url, clock)


async def _load_sealer(config: Config) -> RefreshTokenSealer | None:
    if not config.oidc:
        return None
    return await asyncio.to_thread(load_refresh_token_sealer, config.gateway.keys)
