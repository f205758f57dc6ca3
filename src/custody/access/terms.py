"""On which terms a loop may begin: who it is about, how far it reaches, how long it lives.

Law: a loop never outlives what it was started from (a login, a proof, a parent), nor what its
grants allow; and nothing of it comes from the client but what is marked as a claim.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from custody.access.requests import LoopRequest, ReachableTarget
from custody.identity import mint_loop_id
from custody.model.durations import duration_words
from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop, Proof, RememberedLogin, Scope
from custody.model.sources import Entropy
from custody.model.words import Method, TargetName
from custody.policy import (
    Grant,
    Limits,
    TargetFacts,
    check_budget,
    check_room,
    check_scope,
    inherit,
    limits_of,
    longest,
    rests_on,
    targets_in_reach,
)

LEAST_MS: Final = 1000
"""A loop that would live shorter than this is not started."""


class LoopTerms:
    """``lifetimes`` are those of loops by their workload provider's name, ms; ``local_ms`` is how
    long a loop of a local identity lives where nothing is asked.
    """

    def __init__(
        self,
        grants: Sequence[Grant],
        targets: Mapping[str, TargetFacts],
        *,
        lifetimes: Mapping[str, int],
        local: bool,
        local_ms: int,
    ) -> None:
        self._grants = tuple(grants)
        self._targets = {TargetName(name): facts for name, facts in targets.items()}
        self._lifetimes = lifetimes
        self._local = local
        self._local_ms = local_ms

    def replace(self, other: "LoopTerms") -> None:
        """The terms of another, for loops that begin from now on."""
        self._grants, self._targets = other._grants, other._targets  # noqa: SLF001 - its own class
        self._lifetimes = other._lifetimes  # noqa: SLF001 - as above
        self._local, self._local_ms = other._local, other._local_ms  # noqa: SLF001 - as above

    def loop(
        self,
        who: Proof,
        request: LoopRequest,
        *,
        login: RememberedLogin | None = None,
        actor: Proof | None = None,
        now: int,
        entropy: Entropy,
    ) -> Loop:
        """The loop as it would be; whether it may is ``check``'s to say."""
        acting = actor or who
        facts = who.facts if actor is None else (*actor.facts, *who.facts)
        loop = Loop(
            id=mint_loop_id(entropy),
            identity=acting.identity,
            started=now,
            expires=now,
            purpose=request.purpose,
            # What is proven is never said otherwise: rules and readers go by this text too.
            on_behalf_of=request.on_behalf_of if actor is None else who.identity.subject,
            principal=None if actor is None else who.identity,
            facts=facts,
            client=request.client_host,
            scope=_scope(request),
            budget=request.budget,
            login=None if login is None else login.id,
        )
        ends = [self._lapse(who, request, now) if login is None else login.expires]
        if actor is not None:
            ends.append(self._lapse(actor, request, now))
        return self._lasting(loop, request, ends)

    def child(self, parent: Loop, request: LoopRequest, *, now: int, entropy: Entropy) -> Loop:
        loop = msgspec.structs.replace(
            parent,
            id=mint_loop_id(entropy),
            started=now,
            purpose=request.purpose or parent.purpose,
            parent=parent.id,
            client=request.client_host or parent.client,
            scope=_scope(request),
            budget=request.budget,
        )
        return self._lasting(loop, request, [parent.expires])

    def _lapse(self, proof: Proof, request: LoopRequest, now: int) -> int:
        """When what is made of a proof, without a login, is over."""
        match proof.method:
            case Method.LOCAL:
                return now + (request.ttl_ms or self._local_ms)
            case Method.WORKLOAD:
                return now + self._lifetimes.get(proof.provider, 0)
            case _:
                return proof.expires

    def _lasting(self, loop: Loop, request: LoopRequest, ends: Sequence[int]) -> Loop:
        end = min(ends)
        oldest = longest(self._grants, loop)
        if oldest:
            end = min(end, loop.started + oldest)
        if request.ttl_ms is not None:
            end = min(end, loop.started + request.ttl_ms)
        return msgspec.structs.replace(loop, expires=end)

    def check(self, loop: Loop, who: Proof, request: LoopRequest, *, now: int) -> None:
        """Raises ``CustodyError`` as ``LoopService.start`` does."""
        self.check_local(who)
        check_scope(self._grants, self._targets, loop, now)
        self._check_length(loop, request)
        check_budget(self._grants, loop, ())

    def check_child(self, loop: Loop, parent: Loop, request: LoopRequest, *, now: int) -> Loop:
        """The child with what it inherits. Raises as ``LoopService.child`` does."""
        scope = inherit(loop.scope or Scope(), parent.scope)
        if scope != Scope():
            loop = msgspec.structs.replace(loop, scope=scope)
        check_scope(self._grants, self._targets, loop, now)
        self._check_length(loop, request)
        check_budget(self._grants, loop, (parent,))
        return loop

    def check_local(self, who: Proof) -> None:
        if who.method is Method.LOCAL and not self._local:
            raise CustodyError(
                "login.local-off",
                "This gateway takes proved identities only: `local = false` in [login].",
                "Log in with `custody login`, or bring a workload token.",
            )

    def _check_length(self, loop: Loop, request: LoopRequest) -> None:
        oldest = longest(self._grants, loop)
        if oldest and request.ttl_ms is not None and request.ttl_ms > oldest:
            allowed = duration_words(oldest)
            raise CustodyError(
                "loop.too-long",
                f"The loop would live for {duration_words(request.ttl_ms)}, but no grant lets it "
                f"grow older than {allowed}.",
                f"Ask for {allowed} or less.",
            )
        if loop.expires - loop.started < LEAST_MS:
            raise CustodyError(
                "loop.too-short",
                "What this loop would be started from is as good as over.",
                "Log in again, or bring a fresh token.",
            )

    def check_room(self, loop: Loop, running: Callable[[], Sequence[Loop]]) -> None:
        """Raises ``loop.concurrency``. ``running`` is asked only where a grant counts."""
        if any(grant.concurrency is not None for grant in rests_on(self._grants, loop)):
            check_room(self._grants, loop, running())

    def longest(self, loop: Loop) -> int | None:
        return longest(self._grants, loop)

    def limits(self, loop: Loop) -> Limits:
        return limits_of(self._grants, loop)

    def reachable(self, loop: Loop, now: int) -> tuple[ReachableTarget, ...]:
        return tuple(
            ReachableTarget(
                within.target,
                self._targets[within.target].protocol,
                self._targets[within.target].database,
                within.effects,
            )
            for within in targets_in_reach(self._grants, self._targets, loop, now)
        )

    def narrows(self, loop: Loop, before: Identity, after: Identity) -> bool:
        """Whether the loop rests on a grant that names the one and not the other any more. At
        whatever hour it holds: what is lost now is not to come back by night.
        """
        return any(
            grant.names(before) and not grant.names(after) for grant in rests_on(self._grants, loop)
        )


def _scope(request: LoopRequest) -> Scope | None:
    if request.targets is None and request.effects is None:
        return None
    return Scope(request.targets, request.effects)
