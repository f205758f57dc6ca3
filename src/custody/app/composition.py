"""The wiring: which class stands behind which face.

Law: only here are concrete rooms named. Nothing here decides anything.
"""

import asyncio
import logging
import os
import ssl
import weakref
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from custody.app.gateway import Gateway, clock
from custody.config.checks import memory_of_a_command
from custody.config.load import compile_policy
from custody.config.tables import Config, ListenerConfig, Responses, TargetConfig
from custody.config.values import Cleartext
from custody.gateway import (
    NO_CATALOGUE,
    CodecAdvisor,
    Gate,
    Lease,
    ListenerSpec,
    LongMasking,
    Lookups,
    MemoryShares,
    Parser,
    SessionServices,
    Target,
    error_place,
)
from custody.model.approval import Approvals
from custody.model.codec import Advisor
from custody.model.identity import Credential, Loop
from custody.model.interfaces import (
    EvidenceLog,
    Masker,
    TokenAuthenticator,
    Vault,
)
from custody.model.protocol import ListenerOptions
from custody.model.words import TargetName
from custody.operations.certificates.local_ca import load_certificate
from custody.protocols import find_protocol

TokenAuthenticators = Callable[[str], TokenAuthenticator]

HELD_BYTES: Final = 2 * 1024 * 1024
"""As ``SessionServices.held_bytes``. More than any message that is held whole without a share."""
MEMORY_AT_MOST: Final = 1024**3
"""Of the default: what long messages of all sessions may take."""

_log: Final = logging.getLogger("custody.lookup")


def make_targets(config: Config) -> dict[TargetName, Target]:
    return {target.name: make_target(target) for target in config.targets}


class Advisors:
    """Gives sessions of one database one shared memory of its catalogue.

    It is forgotten with the last session: a client that names many databases leaves nothing.
    """

    def __init__(self, parser: Parser, lease: Lease, tasks: asyncio.TaskGroup) -> None:
        self._parser: Final = parser
        self._lease: Final = lease
        self._tasks: Final = tasks
        self._lookups: Final[weakref.WeakValueDictionary[tuple[TargetName, str], Lookups]] = (
            weakref.WeakValueDictionary()
        )

    def __call__(self, target: Target, database: str, loop: Loop) -> Advisor:
        # Loops take turns at the parser; look-ups are asked for all of them, with the target's own
        # credential.
        inquirer = find_protocol(target.protocol).inquirer
        if inquirer is None:
            return CodecAdvisor(self._parser, NO_CATALOGUE, loop.id)
        key = (target.name, database)
        lookups = self._lookups.get(key)
        if lookups is None or lookups.target != target:  # a reload may lead it elsewhere
            lookups = Lookups(target, database, self._lease, inquirer, self._start)
            self._lookups[key] = lookups
        return CodecAdvisor(self._parser, lookups, loop.id)

    def _start(self, lookups: Lookups) -> None:
        self._tasks.create_task(self._run(lookups))

    @staticmethod
    async def _run(lookups: Lookups) -> None:
        try:
            await lookups.run()
        except Exception as error:  # noqa: BLE001 - a target's odd answer must not end the gateway
            _log.error("look-ups failed with %s", error_place(error))


def make_session_services(
    config: Config,
    gateway: Gateway,
    *,
    log: EvidenceLog,
    masker: Masker,
    parser: Parser,
    vault: Vault,
    tasks: asyncio.TaskGroup,
    tokens: TokenAuthenticator | None,
    approvals: Approvals,
) -> SessionServices:
    policy = compile_policy(config)
    masking = LongMasking(masker)

    async def lease(loop: Loop, target: Target) -> Credential:
        return await services.lease(loop, target)

    services = SessionServices(
        gate=Gate(
            policy,
            masking,
            log,
            clock,
            meter=gateway.meter,
            approvals=approvals,
            contact=config.gateway.contact,
        ),
        masking=masking,
        policy=policy,
        log=log,
        ticket_authenticator=gateway.ticket_authenticator,
        vault=vault,
        targets=make_targets(config),
        advisor=Advisors(parser, lease, tasks),
        clock=clock,
        strict_responses=config.gateway.responses is Responses.STRICT,
        held_bytes=HELD_BYTES,
        memory=memory_shares(config),
        tokens=tokens,
        refusal_rate=gateway.refusal_rate,
    )
    return services


def memory_shares(config: Config) -> MemoryShares:
    """As configured; by default a quarter of the machine's memory for all, an eighth of that for a
    loop. One command must fit, whatever the machine has.
    """
    one = memory_of_a_command(config)
    machine = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    whole = config.gateway.memory_bytes or max(min(machine // 4, MEMORY_AT_MOST), one)
    return MemoryShares(whole, config.gateway.loop_memory_bytes or max(whole // 8, one))


class ListenerPlan(msgspec.Struct, frozen=True):
    """A door and where it is to be."""

    spec: ListenerSpec
    listener: ListenerConfig
    host: str
    port: int


def make_listener_plans(config: Config, bearers: TokenAuthenticators) -> Iterator[ListenerPlan]:
    """Every listener that is built: one for each protocol, and those of targets' own. ``bearers``
    gives whoever takes the tokens of the issuer of that name.
    """
    for listener in config.listeners:
        protocol = find_protocol(listener.name).application_protocol
        context = None if protocol is None else _server_context(config, listener, protocol)
        here = listener.address
        bearer = bearers(listener.oauth) if listener.oauth else None
        door = _spec(config, listener, context, bearer, listener.target)
        yield ListenerPlan(door, listener, here.host, here.port)
        for target in config.targets:
            if target.listen is not None and target.protocol == listener.name:
                here = target.listen
                door = _spec(config, listener, context, bearer, target.name)
                yield ListenerPlan(door, listener, here.host, here.port)


def _spec(
    config: Config,
    listener: ListenerConfig,
    context: ssl.SSLContext | None,
    bearer: TokenAuthenticator | None,
    target: TargetName | None,
) -> ListenerSpec:
    built = find_protocol(listener.name)
    return ListenerSpec(
        name=listener.name if target is None else f"{listener.name}.{target}",
        protocol=listener.name,
        tls=context,
        cleartext_loopback=listener.cleartext is Cleartext.LOOPBACK,
        target=target,
        wire=built.wire(_options(config, listener, bound=target is not None)),
        bearer=bearer,
        application_protocol=built.application_protocol,
        codes=built.codes,
        notice=listener.notice,
        idle_timeout_s=listener.idle_timeout_ms / 1000,
        max_connections=listener.max_connections,
    )


def _options(config: Config, listener: ListenerConfig, *, bound: bool) -> ListenerOptions:
    oauth = bearer_options(config, listener.oauth) if listener.oauth else {}
    return ListenerOptions(
        own=listener.own,
        target_bound=bound,
        capture_bytes=config.capture.response_bytes,
        command_bytes=config.capture.command_bytes,
        resolve_origins=any(mask.columns for mask in config.masks),
        **oauth,
    )


def bearer_options(config: Config, name: str) -> dict[str, str]:
    """What clients are told of the issuer whose tokens they are to bring."""
    for one in config.oidc:
        if one.name == name:
            # A client logs in for one connection: a token that outlives it is not for its keeping.
            scopes = " ".join(each for each in one.scopes if each != "offline_access")
            return {"oauth_issuer": one.issuer, "oauth_scope": scopes}
    issuer = next(one.issuer for one in config.workload if one.name == name)
    return {"oauth_issuer": issuer}


def _server_context(
    config: Config, listener: ListenerConfig, application_protocol: str
) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    load_certificate(context, config, listener)
    context.set_alpn_protocols([application_protocol])
    return context


def make_target(target: TargetConfig) -> Target:
    key = target.credential[0] if target.credential is not None else ""
    return Target(
        name=target.name,
        protocol=target.protocol,
        host=target.address.host,
        port=target.address.port,
        tls=target.tls.value,
        ca=target.ca,
        database=target.database,
        user=target.user,
        own=target.own,
        credential_key=key,
    )
