"""Taking in a changed configuration while the gateway runs.

Law: the file is checked whole, and everything that it needs is made, before anything changes. Then
its record is appended and all of it is put in force within one turn of the event loop, so that no
command is judged by half of it. A reload that fails changes nothing and is on the record as well.

Sessions live on: their next command, a prepared one too, is judged by the new rules and masked by
the new masks. One whose grant or target is gone ends as a revoked one does.
"""

import asyncio
import logging
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final, NamedTuple

from custody.access import Exchange, LeaseService, RefreshTokenSealer, load_refresh_token_sealer
from custody.app.admin.reload_calls import Reloaded
from custody.app.composition import make_targets
from custody.app.evidence_log import make_masker
from custody.app.gateway import Gateway, clock, make_terms
from custody.app.log_output import write_log
from custody.app.provider_set import Providers
from custody.app.serve.console_listener import ConsoleService
from custody.app.serve.listeners import Listeners
from custody.app.serve.startup import loaded_config, try_credentials
from custody.app.stores import make_stores, references_of
from custody.config.changes import (
    fixed_keys_changed,
    new_approvers,
    tables_changed,
    targets_gone,
    weaker_masks,
)
from custody.config.load import compile_policy, load_config
from custody.config.tables import Config
from custody.gateway import MASKS_CHANGED, SessionServices
from custody.masking import RecordMasker
from custody.model.errors import CustodyError
from custody.model.gateway_records import AdminAct
from custody.model.interfaces import Durable, TokenAuthenticator
from custody.model.record import Record
from custody.model.refusal import Refusal, RefusalCode
from custody.policy import CompiledPolicy
from custody.recording.recorder import Recorder, durable

ACT: Final = "config.reload"
UNDER_WAY_S: Final = 30.0
"""Longer than a check of a proof takes: what was begun before a switch is known behind it."""

_TARGET_GONE: Final = Refusal(
    RefusalCode.LOOP_OVER, "custody: this target was taken out of the gateway", fatal=True
)
_GRANT_GONE: Final = Refusal(
    RefusalCode.LOOP_OVER,
    "custody: the grant that this session rested on was taken away",
    hint="Ask the people who run this gateway.",
    fatal=True,
)

_log: Final = logging.getLogger("custody.serve")


class ReloadParts(NamedTuple):
    """What of a running gateway a reload reaches."""

    gateway: Gateway
    recorder: Recorder
    sessions: SessionServices
    listeners: Listeners
    exchange: Exchange
    leases: LeaseService
    console: ConsoleService | None
    providers: Providers
    make_providers: Callable[[Config], Awaitable[Providers]]
    tokens: Callable[[Providers], TokenAuthenticator | None]


class _Made(NamedTuple):
    """All that a new configuration needs, before any of it is in force."""

    config: Config
    policy: CompiledPolicy
    masker: RecordMasker
    providers: Providers
    sealer: RefreshTokenSealer | None


class Reload:
    """One at a time, in the order in which they are asked for."""

    def __init__(self, config: Config, parts: ReloadParts, tasks: asyncio.TaskGroup) -> None:
        self.config = config
        """The one that is in force."""
        self.providers = parts.providers
        self._parts: Final = parts
        self._tasks: Final = tasks
        self._turn: Final = asyncio.Lock()

    async def reload(self, actor: str, path: Path | None = None) -> Reloaded:
        """Read the file again. ``path`` is which file the caller means.

        Raises ``config.*``, ``policy.*``, ``identity.*``, ``reload.*``, and as masking, the stores
        and the log do; then nothing has changed. Whoever waits may be cancelled: a reload that has
        begun is brought to its end.
        """
        done: asyncio.Future[Reloaded] = asyncio.get_running_loop().create_future()
        self._tasks.create_task(self._in_turn(actor, path, done))
        return await asyncio.shield(done)

    async def _in_turn(
        self, actor: str, path: Path | None, done: "asyncio.Future[Reloaded]"
    ) -> None:
        """Raises nothing: ``done`` has what came of it."""
        async with self._turn:
            try:
                self._parts.listeners.facts()  # ``admin.starting`` until all are open
                outcome = await self._put_in_force(await self._make(path), actor)
            except Exception as error:  # noqa: BLE001 - an odd file must not end the gateway
                fault = _named(error)
                _log.error("the configuration was not reloaded: %s: %s", fault.code, fault.fault)
                await self._note_refused(actor, fault)
                done.set_exception(fault)
                done.exception()  # perhaps nobody waits any more
                return
            await self._sweep()
            done.set_result(outcome)
        # What was being begun at the switch is known by now.
        await asyncio.sleep(UNDER_WAY_S)
        await self._sweep()

    async def _make(self, path: Path | None) -> _Made:
        config = await asyncio.to_thread(_load, self.config.path, path)
        fixed = list(fixed_keys_changed(self.config, config))
        if fixed:
            raise CustodyError(
                "reload.restart",
                f"While the gateway runs, this cannot change: {', '.join(fixed)}.",
                "Restart the gateway for it, or put it back as it was.",
            )
        policy = await asyncio.to_thread(compile_policy, config)
        masker = await asyncio.to_thread(make_masker, config)
        changed = set(tables_changed(self.config, config))
        providers, sealer = self.providers, None
        if changed & {"oidc", "workload", "saml", "store"}:
            providers = await self._parts.make_providers(config)
        if config.oidc:
            sealer = await asyncio.to_thread(load_refresh_token_sealer, config.gateway.keys)
        return _Made(config, policy, masker, providers, sealer)

    async def _put_in_force(self, made: _Made, actor: str) -> Reloaded:
        old, new, parts = self.config, made.config, self._parts
        changed = list(tables_changed(old, new))
        notes = [*weaker_masks(old, new), *new_approvers(old, new)]
        said = "; ".join([f"reload by {actor}", f"changed: {', '.join(changed) or '-'}", *notes])
        loaded = loaded_config(new, made.policy.digest.hex(), made.masker.digest.hex(), said)
        access, meter = parts.gateway.access, parts.gateway.meter
        terms = make_terms(new)
        limits = await access.loops.limits_of_open(terms)
        switch = self._switch_to(made)
        ended = 0

        def append(heard: Durable) -> None:
            nonlocal ended
            parts.recorder.queue(Record(clock(), loaded), heard)
            # Nothing waits between the record and what it says.
            switch()
            access.terms.replace(terms)
            meter.replace_limits(made.policy.digest, limits)
            ended = self._end_sessions(old, made)

        await durable(append)
        _log.warning("the configuration was reloaded: %s; sessions ended: %d", said, ended)
        return Reloaded(changed, notes, ended)

    async def _sweep(self) -> None:
        """End what the configuration in force does not carry, and measure loops by it. Raises
        nothing: what fails is done by the next reload, or start.
        """
        config, parts = self.config, self._parts
        access = parts.gateway.access
        try:
            limits = await access.loops.limits_of_open(access.terms)
            parts.gateway.meter.replace_limits(parts.sessions.policy.digest, limits)
            await access.logins.end_of_other_providers(self.providers.names)
            if not config.login.local:
                await access.loops.end_local()
            await try_credentials(config, parts.sessions)
        except Exception as error:  # noqa: BLE001 - the configuration is in force all the same
            fault = _named(error)
            _log.error("loops and logins were not looked through after a reload: %s", fault.code)

    def _switch_to(self, made: _Made) -> Callable[[], None]:
        """What puts it in force; it raises nothing and waits for nothing. Raises ``tls.*`` and as
        the stores do.
        """
        new, parts, sessions = made.config, self._parts, self._parts.sessions
        references, targets = references_of(new), make_targets(new)
        stores = make_stores(new, clock, environment=os.environ)
        blind = _goes_blind(self.config, new)
        show_listeners = parts.listeners.replacement(new)
        show_providers = _nothing
        if parts.console is not None:
            show_providers = parts.console.replacement(new, made.providers)

        def switch() -> None:
            access = parts.gateway.access
            sessions.gate.replace_policy(made.policy, new.gateway.contact)
            sessions.masking.replace_masker(made.masker)
            parts.recorder.replace_masker(made.masker)
            sessions.policy, sessions.targets = made.policy, targets
            sessions.codec_generation += blind
            parts.leases.replace_credentials(references, stores)
            parts.exchange.replace_issuers(made.providers.issuers)
            sessions.tokens = parts.tokens(made.providers)
            access.logins.replace_providers(
                made.providers.oidc,
                lifetime_ms=new.login.lifetime_ms,
                recheck_ms=new.login.recheck_ms,
                sealer=made.sealer,
            )
            show_providers()
            show_listeners()
            write_log(new.log.format, new.log.level)
            self.config, self.providers = new, made.providers

        return switch

    def _end_sessions(self, old: Config, made: _Made) -> int:
        """Those that may not go on, each with its reason. How many."""
        gone = targets_gone(old, made.config)
        blind = _goes_blind(old, made.config)
        ended = 0
        for session in self._parts.gateway.registry.all():
            target, admission = session.target_name, session.admission
            if target is None or admission is None:
                continue
            if target in gone:
                session.kill("target.gone", _TARGET_GONE)
            elif not made.policy.may_ever(admission.loop, target):
                session.kill("grant.gone", _GRANT_GONE)
            elif blind:
                session.kill("masks.changed", MASKS_CHANGED)
            else:
                continue
            ended += 1
        return ended

    async def _note_refused(self, actor: str, error: CustodyError) -> None:
        try:
            act = AdminAct(ACT, actor, "refused", f"{error.code}: {error.fault}")
            await self._parts.recorder.write(Record(clock(), act))
        except CustodyError as failed:
            _log.error("that refusal is on no record: %s", failed.code)


def _load(own: Path, named: Path | None) -> Config:
    if named is not None and named.resolve() != own.resolve():
        raise CustodyError(
            "reload.other-file",
            f"The running gateway has {own}, not {named}.",
            "Reload that file, or start the gateway with the other one.",
        )
    return load_config(own)


def _goes_blind(old: Config, new: Config) -> bool:
    """Whether codecs that were made before do not follow columns to their origin, as masks now
    need: where no mask names a column, none does.
    """
    return _by_column(new) and not _by_column(old)


def _by_column(config: Config) -> bool:
    return any(mask.columns for mask in config.masks)


def _named(error: Exception) -> CustodyError:
    """A fault without a foreign error's text, which may quote the file."""
    if isinstance(error, CustodyError):
        return error
    return CustodyError("reload.failed", f"The reload failed with {type(error).__name__}.")


def _nothing() -> None:
    pass
