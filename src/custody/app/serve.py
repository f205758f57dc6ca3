"""`custody serve`: the whole gateway under one command.

Law: it is ready only when every listener is bound; it ends in order (no new connections, the open
ones drain, the log is closed and signed), or at once if the log breaks: nothing may then move.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final, NamedTuple

from custody import __version__
from custody.access import Exchange, LeaseService, load_refresh_token_sealer
from custody.app import access_services
from custody.app.admin.access_calls import AccessCalls
from custody.app.admin.client import socket_path
from custody.app.admin.dispatch import CallDispatcher, gateway_evidence_view
from custody.app.admin.secret_calls import SecretCalls
from custody.app.admin.socket import AdminServer
from custody.app.composition import (
    ListenerPlan,
    load_certificate,
    make_listener_plans,
    make_masker,
    make_session_services,
)
from custody.app.console_faces import ConsoleFactory, GatewayInfo
from custody.app.console_listener import ConsoleDependencies, ConsoleSocket
from custody.app.gateway_metadata import BoundAddress, gateway_info
from custody.app.indexer.parent import IndexerProcess
from custody.app.init import renew_verifier_policy
from custody.app.process import freeze_heap, raise_file_limit
from custody.app.providers import keep_learning, make_providers
from custody.app.stores import local_vault, make_vault
from custody.config.load import compile_policy
from custody.config.tables import Config
from custody.config.values import Address
from custody.evidence import (
    VERIFIER_POLICY,
    KeyholderProcess,
    Log,
    LogOptions,
    open_log,
    system_environment,
)
from custody.gateway.budget.meter import Meter
from custody.gateway.listener import Listener, make_listener, note_unrecorded, watch
from custody.gateway.lookups.parser.pool import ParserPool
from custody.gateway.registry import Registry
from custody.gateway.services import SessionServices
from custody.identity import CachedTicketAuthenticator
from custody.identity.oidc import OidcSettings, WorkloadSettings
from custody.identity.saml import SamlSettings
from custody.model.errors import CustodyError, LogFailureError
from custody.model.identity import GATEWAY
from custody.model.interfaces import Masker
from custody.model.record import ConfigLoaded, Milliseconds, Record
from custody.model.refusal import Refusal, RefusalCode
from custody.recording.recorder import Recorder
from custody.recording.refusal_rate import COUNT_EVERY_S, RefusalRate
from custody.state import State, StateThread

DRAIN_S: Final = 10.0
LAST_WORDS_S: Final = 0.5
SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread that publishes may keep the event loop waiting for the interpreter."""
LOOK_INTERVAL_S: Final = 1.0
RENEWAL_INTERVAL_S: Final = 3600.0
FILES_FOR_SESSIONS: Final = 8192

_SHUTDOWN: Final = Refusal(
    RefusalCode.LOOP_OVER, "custody: the gateway is shutting down", fatal=True
)

_log: Final = logging.getLogger("custody.serve")

Announce = Callable[[str], None]


async def serve(
    config: Config,
    announce: Announce,
    *,
    accept_new_anchor: bool = False,
    console: ConsoleFactory | None = None,
) -> None:
    """Serve until SIGTERM or SIGINT. Raises ``CustodyError`` where it cannot start.

    ``announce`` gets a line for each listener that is bound, and then ``ready``. ``console`` makes
    what answers at ``[listen.console]``.
    """
    raise_file_limit(FILES_FOR_SESSIONS)
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stopped = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stopped.set)
    masker = make_masker(config)
    gateway = config.gateway
    keys = await asyncio.to_thread(
        KeyholderProcess,
        gateway.keys,
        gateway.anchor,
        name=gateway.name,
        accept_new_anchor=accept_new_anchor,
    )
    if renew_verifier_policy(config, keys.public, datetime.now(UTC).year):
        _log.warning(
            "this gateway's name is new: keep a copy of %s", gateway.keys / VERIFIER_POLICY
        )
    options = LogOptions(
        evidence=gateway.data / "evidence",
        anchor=gateway.anchor,
        version=__version__,
        durability=gateway.durability.value,
        responses=gateway.responses.value,
        accept_new_anchor=accept_new_anchor,
    )
    with keys:
        async with open_log(options, keys, on_broken=_stop_now) as log:
            with State.open(gateway.data / "state.db") as state:
                async with StateThread() as thread:
                    parts = _Parts(log, masker, state, thread, keys)
                    await _run(config, parts, announce, stopped, console)


def _stop_now(failure: LogFailureError) -> None:
    """The log broke: nothing may move any more. Clients get their last words, then it is over."""
    _log.critical("the evidence log broke, so the gateway stops: %s", failure)
    asyncio.get_running_loop().call_later(LAST_WORDS_S, os._exit, 1)


class _Parts(NamedTuple):
    """What outlives every session."""

    log: Log
    masker: Masker
    state: State
    thread: StateThread
    keys: KeyholderProcess


_wall: Final = system_environment().clock.wall_ms


def clock() -> Milliseconds:
    return Milliseconds(_wall())


async def _run(
    config: Config,
    parts: _Parts,
    announce: Announce,
    stopped: asyncio.Event,
    make_console: ConsoleFactory | None,
) -> None:
    log, masker, state, thread, keys = parts
    recorder = Recorder(masker, log)
    gateway = config.gateway
    indexer = IndexerProcess(
        data=gateway.data,
        name=gateway.name,
        keys=keys,
        durable=lambda: (log.origin, log.durable_size),
    )
    shelf = gateway_evidence_view(gateway.data, gateway.name, keys, indexer.catch_up)
    door = ConsoleSocket(config, make_console)
    providers = await make_providers(config, door.url, clock)
    sealing = (
        await asyncio.to_thread(load_refresh_token_sealer, gateway.keys) if config.oidc else None
    )
    registry = Registry()
    leases = LeaseService(make_vault(config, clock, environment=os.environ), recorder, clock)
    try:
        async with asyncio.TaskGroup() as tasks, ParserPool() as parser:
            meter = Meter(
                note=lambda loop, body: log.append(masker.mask(Record(clock(), body, loop))),
                ends=lambda loop, why: tasks.create_task(authority.loops.end_exhausted(loop, why)),
                policy=compile_policy(config).digest,
            )
            ticket_authenticator, strangers = CachedTicketAuthenticator(state), RefusalRate()
            authority = access_services.make_access_services(
                config,
                state=state,
                in_state_thread=thread.run,
                recorder=recorder,
                clock=clock,
                meter=meter,
                refusal_rate=strangers,
                sealer=sealing,
                refreshers=providers.oidc,
            )
            authority.loops.add_end_listener(access_services.close_sessions(registry))
            authority.loops.add_end_listener(leases.release_for)
            exchange = Exchange(
                providers.issuers,
                authority.logins,
                authority.loops,
                ticket_authenticator,
                authority.refused,
                clock=clock,
            )
            taken = [each.name for each in providers.issuers if each.password]
            rooms = make_session_services(
                config,
                log=log,
                masker=masker,
                ticket_authenticator=ticket_authenticator,
                parser=parser,
                vault=leases,
                clock=clock,
                tasks=tasks,
                meter=meter,
                strangers=strangers,
                tokens=exchange.tokens.authenticator_of(taken) if taken else None,
            )
            calls = AccessCalls(
                authority,
                meter,
                recorder,
                clock,
                exchange=exchange,
                ticket_authenticator=ticket_authenticator,
                registry=registry,
            )
            secrets = SecretCalls(local_vault(config, clock), recorder, clock)
            await _record_config(config, rooms, masker, recorder)
            await _try_credentials(config, rooms)
            await access_services.resume_after_restart(config, authority, providers.names)
            for running in (
                log.run(),
                _watch_log(log),
                watch(registry, rooms),
                leases.run(),
                access_services.expire_regularly(authority, state, thread.run, meter),
                access_services.recheck_regularly(authority),
                access_services.forget_regularly(authority),
                indexer.run(),
                keep_learning(config, providers),
            ):
                tasks.create_task(running)
            desk = CallDispatcher(shelf, authority.tickets, calls, secrets, paused=meter.paused)
            admin = AdminServer(socket_path(config), desk.dispatch, tasks)
            await admin.start()
            places = list(
                make_listener_plans(config, lambda name: exchange.tokens.authenticator_of([name]))
            )
            listeners, facts = await _listen(config, places, rooms, registry, tasks, announce)
            calls.set_gateway_info(facts)
            await door.open(
                ConsoleDependencies(
                    providers, authority, exchange, ticket_authenticator, meter, clock
                ),
                facts,
                tasks,
                announce,
            )
            freeze_heap()
            announce("ready")
            await stopped.wait()
            await door.close()
            await _drain(listeners, registry)
            await access_services.save_spent(state, thread.run, meter)
            await leases.close()
            # Whatever is counted by now, without waiting for its minute.
            note_unrecorded(rooms, asyncio.get_running_loop().time() + COUNT_EVERY_S)
            admin.close()
            raise _StoppedError  # noqa: TRY301 - what cancels the tasks of a TaskGroup
    except* _StoppedError:
        _log.info("stopped")


async def _listen(  # noqa: PLR0917 - what it watches
    config: Config,
    places: list[ListenerPlan],
    rooms: SessionServices,
    registry: Registry,
    tasks: asyncio.TaskGroup,
    announce: Announce,
) -> tuple[list[Listener], GatewayInfo]:
    listeners, bound = [], []
    tasks.create_task(_renew_certificates(config, places))
    for place in places:
        listener = make_listener(place.door, rooms, registry, tasks)
        host, port = await listener.bind(place.host, place.port)
        announce(f"listening {place.door.name} {host}:{port}")
        listeners.append(listener)
        configured = Address(place.host, place.port)
        bound.append(BoundAddress(place.listener, configured, port, place.door.target))
    return listeners, gateway_info(config, bound)


async def _drain(listeners: list[Listener], registry: Registry) -> None:
    """Let open sessions end by themselves for a while; then end them."""
    for listener in listeners:
        listener.close()
    try:
        async with asyncio.timeout(DRAIN_S):
            await registry.wait_until_empty()
    except TimeoutError:
        _log.warning("%d sessions did not end by themselves", len(registry))
    for session in registry.all():
        session.kill("shutdown", _SHUTDOWN)
    await asyncio.sleep(0.1 if any(listener.open for listener in listeners) else 0)


async def _record_config(
    config: Config, rooms: SessionServices, masker: Masker, recorder: Recorder
) -> None:
    summary = (
        f"targets: {', '.join(target.name for target in config.targets)}; "
        f"grants: {', '.join(grant.name for grant in config.grants)}; "
        f"rules: {', '.join(rule.name for rule in config.rules)}; masks: {len(config.masks)}; "
        f"providers: {', '.join(each.name for each in _vouching(config)) or 'none'}; "
        f"local: {'yes' if config.login.local else 'no'}"
    )
    loaded = ConfigLoaded(rooms.policy.digest.hex(), masker.digest.hex(), summary)
    await recorder.write(Record(rooms.clock(), loaded))


def _vouching(config: Config) -> tuple[OidcSettings | WorkloadSettings | SamlSettings, ...]:
    return (*config.oidc, *config.workload, *config.saml)


async def _try_credentials(config: Config, rooms: SessionServices) -> None:
    """Tell the operator now what the first client would otherwise find out."""
    for target in config.targets:
        try:
            await rooms.vault.lease(GATEWAY, target.name)
        except CustodyError as error:
            _log.warning("%s: %s %s", error.code, error.fault, error.cure)


async def _watch_log(log: Log) -> None:
    """Say when the evidence log stops taking commands, cannot sign, and when it is well again."""
    accepting, fault = True, ""
    while True:
        if log.accepting is not accepting:
            accepting = log.accepting
            if accepting:
                _log.warning("the evidence log takes commands again")
            else:
                _log.error("the evidence log has no room: new commands are refused until it has")
        now = type(log.publish_fault).__name__ if log.publish_fault is not None else ""
        if now != fault:
            fault = now
            if fault:
                _log.error("the evidence log cannot be signed now: %s", log.publish_fault)
            else:
                _log.warning("the evidence log is signed again")
        await asyncio.sleep(LOOK_INTERVAL_S)


async def _renew_certificates(config: Config, places: list[ListenerPlan]) -> None:
    """Connections to come get certificates that were renewed, by us or by the operator."""
    while True:
        await asyncio.sleep(RENEWAL_INTERVAL_S)
        for place in places:
            try:
                if place.door.tls is not None:
                    load_certificate(place.door.tls, config, place.listener)
            except CustodyError as error:
                _log.error("%s: %s", error.code, error.fault)


class _StoppedError(Exception):
    """Ends the TaskGroup of the gateway."""
