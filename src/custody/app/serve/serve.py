"""`custody serve`: the whole gateway under one command.

Law: it is ready only when every listener is bound; it ends in order (no new connections, the open
ones drain, the log is closed and signed), or at once if the log breaks: nothing may then move.
"""

import asyncio
import logging
import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack, suppress
from functools import partial
from typing import Final

from custody.access import Exchange, LeaseService
from custody.app.access_upkeep import (
    end_exhausted,
    expire_regularly,
    forget_regularly,
    recheck_regularly,
    resume_after_restart,
    save_spent,
)
from custody.app.admin.access_calls import AccessCalls
from custody.app.admin.backup_calls import BackupCalls
from custody.app.admin.client import socket_path
from custody.app.admin.dispatch import CallDispatcher
from custody.app.admin.exchange_calls import ExchangeCalls
from custody.app.admin.read_calls import EvidenceView, ReadCalls, gateway_evidence_view
from custody.app.admin.recorded_reads import RecordedReads
from custody.app.admin.reload_calls import ReloadCalls
from custody.app.admin.secret_calls import SecretCalls
from custody.app.admin.socket import AdminServer
from custody.app.admin.ticket_calls import TicketCalls
from custody.app.composition import TokenAuthenticators, make_session_services
from custody.app.console_faces import ConsoleFactory
from custody.app.evidence_log import watch_log
from custody.app.gateway import clock
from custody.app.indexer.parent import IndexerProcess
from custody.app.process import freeze_heap, raise_file_limit
from custody.app.provider_set import Providers
from custody.app.serve.console_listener import ConsoleDependencies, ConsoleService
from custody.app.serve.lifecycle import Background, Once, Service, TaskScope, running
from custody.app.serve.listeners import Listeners
from custody.app.serve.reload import Reload, ReloadParts
from custody.app.serve.resources import Resources, make_providers_of, open_resources
from custody.app.serve.startup import record_config, try_credentials
from custody.app.serve.supervisor import READY, STOPPING, tell_regularly, tell_supervisor
from custody.app.stores import local_vault, make_vault
from custody.config.tables import Config
from custody.gateway import ParserPool, SessionServices, note_unrecorded, watch
from custody.model.approval import NoApprovals
from custody.model.errors import CustodyError, LogFailureError
from custody.model.interfaces import TokenAuthenticator
from custody.recording.evidence_reads import EvidenceReads
from custody.recording.refusal_rate import COUNT_EVERY_S

LAST_WORDS_S: Final = 0.5
SWITCH_INTERVAL_S: Final = 0.0005
"""How long a thread that publishes may keep the event loop waiting for the interpreter."""
FILES_FOR_SESSIONS: Final = 8192
LEARN_EVERY_S: Final = 600.0

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
    hangup = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, hangup.set)
    async with AsyncExitStack() as stack:
        resources = await open_resources(
            config,
            stack,
            accept_new_anchor=accept_new_anchor,
            on_broken=_stop_now,
            console=console,
        )
        async with running(_services(config, resources, announce, console, hangup)):
            freeze_heap()
            announce("ready")
            tell_supervisor(READY, os.environ)
            await stopped.wait()
            tell_supervisor(STOPPING, os.environ)
        _log.info("stopped")


def _stop_now(failure: LogFailureError) -> None:
    """The log broke: nothing may move any more. Clients get their last words, then it is over."""
    _log.critical("the evidence log broke, so the gateway stops: %s", failure)
    asyncio.get_running_loop().call_later(LAST_WORDS_S, os._exit, 1)


def _services(
    config: Config,
    resources: Resources,
    announce: Announce,
    console: ConsoleFactory | None,
    hangup: asyncio.Event,
) -> Sequence[Service]:
    """In the order of the law: they start from the first to the last and stop from the last to the
    first.
    """
    _, log, masker, socket, providers, gateway, recorder = resources
    tasks, parser, registry = asyncio.TaskGroup(), ParserPool(), gateway.registry
    exchange, leases = _exchange(resources), _leases(config, resources)
    indexer = _indexer(config, resources)
    sessions = make_session_services(
        config,
        gateway,
        log=log,
        masker=masker,
        parser=parser,
        vault=leases,
        tasks=tasks,
        tokens=_token_passwords(exchange, providers),
        approvals=NoApprovals(),
    )
    listeners = Listeners(
        config, sessions, registry, bearers=_bearers(exchange), tasks=tasks, announce=announce
    )
    console_service = None
    if socket is not None and console is not None:
        behind = ConsoleDependencies(gateway, providers, exchange, listeners.facts)
        console_service = ConsoleService(
            config, socket, behind, make=console, tasks=tasks, announce=announce
        )
    url = "" if socket is None else socket.url
    reload = Reload(
        config,
        ReloadParts(
            gateway,
            recorder,
            sessions,
            listeners,
            exchange,
            leases,
            console_service,
            providers,
            make_providers=lambda changed: make_providers_of(changed, url),
            tokens=partial(_token_passwords, exchange),
        ),
        tasks,
    )
    settings = config.gateway
    view = gateway_evidence_view(settings.data, settings.name, resources.keys, indexer.catch_up)
    calls = _calls(config, resources, view, exchange=exchange, listeners=listeners, reload=reload)
    services: list[Service] = [
        TaskScope(tasks),
        TaskScope(parser),
        Once(
            partial(record_config, config, gateway, sessions, masker),
            partial(try_credentials, config, sessions),
            partial(resume_after_restart, config, gateway, providers.names),
        ),
        AdminServer(socket_path(config), calls.dispatch, tasks),
        Background(tasks, log.run, partial(watch_log, log)),
        Background(
            tasks, partial(watch, registry, sessions), last=partial(_count_refusals, sessions)
        ),
        Background(tasks, leases.run, last=leases.close),
        Background(
            tasks,
            partial(expire_regularly, gateway),
            partial(end_exhausted, gateway),
            partial(recheck_regularly, gateway),
            partial(forget_regularly, gateway),
            last=partial(save_spent, gateway),
        ),
        Background(
            tasks, indexer.run, partial(_learn, reload), partial(_reload_at, hangup, reload)
        ),
        Background(tasks, partial(tell_regularly, os.environ)),
        listeners,
    ]
    if console_service is not None:
        services.append(console_service)
    if config.metrics is not None:
        from custody.operations.metrics.figures import GatewayFigures  # noqa: PLC0415 - few need it
        from custody.operations.metrics.service import make_metrics_listener, readiness  # noqa: PLC0415

        figures = GatewayFigures(
            log=log,
            counts=sessions.gate.counts,
            registry=registry,
            meter=gateway.meter,
            parser=parser,
            masking=sessions.masking,
            indexed=view.reading.indexed,
        )
        ready = partial(readiness, log, lambda: listeners.open)
        services.append(
            make_metrics_listener(
                config, config.metrics, figures, ready, announce=announce, tasks=tasks
            )
        )
    return services


def _exchange(resources: Resources) -> Exchange:
    gateway = resources.gateway
    return Exchange(
        resources.providers.issuers,
        gateway.access.logins,
        gateway.access.loops,
        gateway.ticket_authenticator,
        gateway.access.refused,
        clock=clock,
    )


def _leases(config: Config, resources: Resources) -> LeaseService:
    gateway = resources.gateway
    vault = make_vault(config, clock, environment=os.environ)
    leases = LeaseService(vault, gateway.recorder, clock)
    gateway.access.loops.add_end_listener(leases.release_for)
    return leases


def _indexer(config: Config, resources: Resources) -> IndexerProcess:
    log = resources.log
    return IndexerProcess(
        data=config.gateway.data,
        name=config.gateway.name,
        keys=resources.keys,
        durable=lambda: (log.origin, log.durable_size),
        log=(config.log.format, config.log.level),
    )


async def _learn(reload: Reload) -> None:
    """Only SAML providers have metadata that is read anew. Runs until it is cancelled."""
    while True:
        await asyncio.sleep(LEARN_EVERY_S)
        if reload.config.saml:
            from custody.app.providers import learn  # noqa: PLC0415 - as in ``resources``

            await learn(reload.config, reload.providers)


async def _reload_at(hangup: asyncio.Event, reload: Reload) -> None:
    """At each SIGHUP; what came of it is in the log. Runs until it is cancelled."""
    while True:
        await hangup.wait()
        hangup.clear()
        with suppress(CustodyError):  # said and recorded there
            await reload.reload("SIGHUP")


def _token_passwords(exchange: Exchange, providers: Providers) -> TokenAuthenticator | None:
    taken = [each.name for each in providers.issuers if each.password]
    return exchange.tokens.authenticator_of(taken) if taken else None


def _bearers(exchange: Exchange) -> TokenAuthenticators:
    return lambda name: exchange.tokens.authenticator_of([name])


def _calls(
    config: Config,
    resources: Resources,
    view: EvidenceView,
    *,
    exchange: Exchange,
    listeners: Listeners,
    reload: Reload,
) -> RecordedReads:
    gateway = resources.gateway
    calls = CallDispatcher(
        ReadCalls(view, gateway.meter.paused),
        ReloadCalls(reload.reload),
        TicketCalls(gateway.access.tickets),
        AccessCalls(gateway),
        ExchangeCalls(gateway, exchange, listeners.facts),
        SecretCalls(local_vault(config, clock), gateway.recorder, clock),
        BackupCalls(gateway.recorder, clock),
    )
    return RecordedReads(calls, EvidenceReads(gateway.recorder, clock).record)


async def _count_refusals(sessions: SessionServices) -> None:
    """Record what is counted by now, without waiting for its minute."""
    note_unrecorded(sessions, asyncio.get_running_loop().time() + COUNT_EVERY_S)
