"""Desks over a real state database, with a log that can fail, a clock that is set, and a meter."""

import asyncio
import hashlib
from collections.abc import Coroutine
from pathlib import Path
from typing import Any, TypeVar

from custody.access.exchange import Exchange, TokenIssuer
from custody.access.logins import LoginService, Refresher
from custody.access.loops import LoopService
from custody.access.refresh_tokens import RefreshTokenSealer
from custody.access.requests import LoopRequest, StartedLoop
from custody.access.terms import LoopTerms
from custody.gateway.budget.meter import Meter
from custody.identity import CachedTicketAuthenticator
from custody.model.errors import LogFailureError
from custody.model.identity import Admission, Budget, Identity, Proof
from custody.model.record import LoginRefused, Milliseconds, Receipt, Record
from custody.model.words import Effect, IdentityKind, LoopId, Method, TargetName
from custody.policy.grant import Grant
from custody.policy.variables import TargetFacts
from custody.recording.refusal_rate import RefusalRate
from custody.recording.refused_logins import RefusedLogins
from custody.state import State, StateThread

MINUTE = 60_000
HOUR = 60 * MINUTE
NOON = 1_700_000_000_000 // 86_400_000 * 86_400_000 + 12 * HOUR
CORP = "https://id.example.com"
CI = "https://ci.example.com"

WHATEVER = LoopRequest()

T = TypeVar("T")


def grant(
    *effects: str,
    groups: tuple[str, ...] = ("agents",),
    targets: tuple[str, ...] = ("orders",),
    name: str = "grant 1",
    **more: Any,
) -> Grant:
    return Grant(name, targets, frozenset(map(Effect, effects)), groups=groups, **more)


def proof(
    subject: str = "ada",
    *groups: str,
    method: Method = Method.OIDC_CODE,
    issuer: str = CORP,
    lasts: int = HOUR,
    **more: Any,
) -> Proof:
    provider = {Method.WORKLOAD: "ci", Method.LOCAL: "local"}.get(method, "corp")
    kind = IdentityKind.HUMAN if issuer == CORP else IdentityKind.SERVICE
    identity = Identity(subject, issuer, groups or ("agents",), kind)
    return Proof(identity, method, provider, NOON, NOON + lasts, **more)


def local(subject: str = "ada", *groups: str) -> Proof:
    return proof(subject, *groups, method=Method.LOCAL, issuer="local", lasts=0)


def job(subject: str = "acme/shop", *groups: str, **more: Any) -> Proof:
    more.setdefault("facts", (("repository", "acme/shop"),))
    return proof(subject, *(groups or ("ci",)), method=Method.WORKLOAD, issuer=CI, **more)


def loop_request(*targets: str, effects: tuple[str, ...] | None = None, **more: Any) -> LoopRequest:
    return LoopRequest(
        targets=tuple(map(TargetName, targets)) or None,
        effects=None if effects is None else frozenset(map(Effect, effects)),
        **more,
    )


def budget(**limits: Any) -> Budget:
    return Budget(**limits)


class House:
    """Everything that decides over loops and logins, as a running gateway has it."""

    def __init__(
        self,
        folder: Path,
        *grants: Grant,
        local: bool = True,
        providers: dict[str, Refresher] | None = None,
        issuers: tuple[TokenIssuer, ...] = (),
    ) -> None:
        self.state = State.open(folder / "state.db")
        self.now = NOON
        self.records: list[Record] = []
        self.broken = False
        self.closed: list[tuple[LoopId, str]] = []
        self.exhausted: list[tuple[LoopId, str]] = []
        self._drawn = 0
        facts = {name: TargetFacts(name, "postgres", name) for name in ("orders", "payments")}
        self.terms = LoopTerms(
            grants, facts, lifetimes={"ci": HOUR}, local=local, local_ms=8 * HOUR
        )
        self.meter = Meter(
            note=lambda loop, body: self.records.append(Record(self.moment, body, loop)),
            end_loop=lambda loop, reason: self.exhausted.append((loop, reason)),
            policy=b"p",
        )
        thread = StateThread()
        refused = RefusedLogins(self, self.clock, RefusalRate(), monotonic=lambda: self.now / 1000)
        self.loops = LoopService(
            self.state,
            thread.run,
            self,
            self.terms,
            refused,
            clock=self.clock,
            entropy=self.entropy,
            accounts=self.meter,
        )
        self.loops.add_end_listener(lambda loop, reason: self.closed.append((loop, reason)))
        self.logins = LoginService(
            self.state,
            thread.run,
            self,
            self.loops,
            refused,
            clock=self.clock,
            entropy=self.entropy,
            lifetime_ms=8 * HOUR,
            recheck_ms=MINUTE,
            sealer=RefreshTokenSealer(b"k" * 32, self.entropy),
            providers=providers or {},
        )
        self.door = CachedTicketAuthenticator(self.state)
        self.exchange = Exchange(
            issuers, self.logins, self.loops, self.door, refused, clock=self.clock
        )

    @property
    def moment(self) -> Milliseconds:
        return Milliseconds(self.now)

    def clock(self) -> int:
        return self.now

    async def write(self, record: Record) -> Receipt:
        if self.broken:
            raise LogFailureError("log.full", "The disk is full.")
        self.records.append(record)
        return Receipt(len(self.records), -1)

    def entropy(self, size: int) -> bytes:
        self._drawn += 1
        return hashlib.shake_128(self._drawn.to_bytes(4, "big")).digest(size)

    def run(self, act: Coroutine[Any, Any, T]) -> T:
        return asyncio.run(act)

    def start(self, who: Proof, asked: LoopRequest = WHATEVER, **more: Any) -> StartedLoop:
        return self.run(self.loops.start(who, asked, **more))

    def child(self, parent: StartedLoop, asked: LoopRequest = WHATEVER) -> StartedLoop:
        admission = self.enter(parent)
        assert isinstance(admission, Admission), admission
        return self.run(self.loops.child(admission, asked))

    def enter(self, started: StartedLoop) -> Admission | str:
        return self.door.authenticate(started.secret, self.now)

    def bodies(self, kind: type[T]) -> list[T]:
        return [record.body for record in self.records if isinstance(record.body, kind)]

    def kinds(self) -> list[str]:
        return [str(record.body.__struct_config__.tag) for record in self.records]

    def ends(self) -> dict[str, list[str]]:
        """Of each loop, why its end was recorded; each list should hold one reason."""
        found: dict[str, list[str]] = {}
        for record in self.records:
            if record.body.__struct_config__.tag == "loop.end":
                found.setdefault(str(record.loop), []).append(record.body.reason)  # type: ignore[union-attr]  # the scene made it what it is
        return found

    def refusals(self) -> list[str]:
        return [body.reason for body in self.bodies(LoginRefused)]
