"""The API's responses, made from the app's values.

Law: a secret stands in ``access_token`` or ``device_code`` and nowhere else; times are seconds
where OAuth says so, else UTC text.
"""

from typing import Annotated, Final

import msgspec

from custody.access import LOGIN, TICKET, DeviceStep, ReachableTarget, StartedLogin, StartedLoop
from custody.app.console_faces import LoopUsage
from custody.model.durations import moment
from custody.model.identity import Admission, Budget, Identity, Loop, Spent

NOT_A_TOKEN_TYPE: Final = "N_A"  # noqa: S105 - a type's name
"""RFC 8693 §2.2.1: it is carried as a database's password, not as a Bearer token."""


class TargetInfo(msgspec.Struct, frozen=True):
    """A target that the loop may use."""

    name: str
    protocol: str
    database: str
    effects: tuple[str, ...]


class PersonInfo(msgspec.Struct, frozen=True):
    subject: str
    issuer: str
    groups: tuple[str, ...]
    kind: str


class LoopInfo(msgspec.Struct, frozen=True):
    """``principal`` is for whom it acts, where that is proven."""

    id: str
    identity: str
    issuer: str
    groups: tuple[str, ...]
    principal: PersonInfo | None
    targets: tuple[TargetInfo, ...]
    expires: str


class TicketResponse(msgspec.Struct, frozen=True):
    """A loop that runs, with its ticket."""

    access_token: Annotated[str, msgspec.Meta(description="The ticket: a client's password.")]
    issued_token_type: str
    token_type: str
    expires_in: int
    loop: LoopInfo


class LoginInfo(msgspec.Struct, frozen=True):
    id: str
    identity: PersonInfo
    provider: str
    expires: str


class LoginResponse(msgspec.Struct, frozen=True):
    """A login that holds, with its secret, which starts loops."""

    access_token: Annotated[str, msgspec.Meta(description="The login: a `subject_token` to come.")]
    issued_token_type: str
    token_type: str
    expires_in: int
    login: LoginInfo


class DeviceResponse(msgspec.Struct, frozen=True, omit_defaults=True):
    """RFC 8628 §3.2."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int
    verification_uri_complete: str = ""


class SpentInfo(msgspec.Struct, frozen=True):
    commands: int
    rows: int
    bytes: int
    writes: int
    denials: int


class BudgetInfo(msgspec.Struct, frozen=True):
    """What the loop was narrowed to at its start; null: its grants' own holds alone."""

    commands: int | None
    rows: int | None
    bytes: int | None
    writes: int | None
    denials: int | None
    then: str


class SelfResponse(msgspec.Struct, frozen=True):
    """A loop, as its own ticket sees it."""

    id: str
    identity: PersonInfo
    principal: PersonInfo | None
    on_behalf_of: str
    purpose: str
    parent: str | None
    facts: dict[str, str]
    started: str
    expires: str
    targets: tuple[TargetInfo, ...]
    budget: BudgetInfo | None
    spent: SpentInfo


class EndedResponse(msgspec.Struct, frozen=True):
    ended: bool


def ticket_response(started: StartedLoop, now: int) -> TicketResponse:
    loop = started.ticket.loop
    return TicketResponse(
        access_token=started.secret.reveal(),
        issued_token_type=TICKET,
        token_type=NOT_A_TOKEN_TYPE,
        expires_in=_seconds(started.ticket.expires, now),
        loop=LoopInfo(
            id=loop.id,
            identity=loop.identity.subject,
            issuer=loop.identity.issuer,
            groups=loop.identity.groups,
            principal=_someone(loop.principal),
            targets=tuple(map(_target, started.reachable)),
            expires=moment(loop.expires),
        ),
    )


def login_response(logged_in: StartedLogin, now: int) -> LoginResponse:
    login = logged_in.login
    return LoginResponse(
        access_token=logged_in.secret.reveal(),
        issued_token_type=LOGIN,
        token_type=NOT_A_TOKEN_TYPE,
        expires_in=_seconds(login.expires, now),
        login=LoginInfo(
            id=login.id,
            identity=_person(login.proof.identity),
            provider=login.proof.provider,
            expires=moment(login.expires),
        ),
    )


def device_response(step: DeviceStep) -> DeviceResponse:
    told = step.provider
    return DeviceResponse(
        device_code=step.code.reveal(),
        user_code=told.user_code,
        verification_uri=told.verification_uri,
        expires_in=told.expires_in,
        interval=told.interval,
        verification_uri_complete=told.verification_uri_complete,
    )


def self_response(admission: Admission, use: LoopUsage) -> SelfResponse:
    loop: Loop = admission.loop
    return SelfResponse(
        id=loop.id,
        identity=_person(loop.identity),
        principal=_someone(loop.principal),
        on_behalf_of=loop.on_behalf_of,
        purpose=loop.purpose,
        parent=loop.parent,
        facts=dict(loop.facts),
        started=moment(loop.started),
        expires=moment(loop.expires),
        targets=tuple(map(_target, use.reachable)),
        budget=None if loop.budget is None else _budget(loop.budget),
        spent=_spent(use.spent),
    )


def _seconds(expires: int, now: int) -> int:
    return max((expires - now) // 1000, 0)


def _target(reachable: ReachableTarget) -> TargetInfo:
    return TargetInfo(
        name=reachable.target,
        protocol=reachable.protocol,
        database=reachable.database,
        effects=tuple(sorted(effect.value for effect in reachable.effects)),
    )


def _person(identity: Identity) -> PersonInfo:
    return PersonInfo(identity.subject, identity.issuer, identity.groups, kind=identity.kind.value)


def _someone(identity: Identity | None) -> PersonInfo | None:
    return None if identity is None else _person(identity)


def _budget(budget: Budget) -> BudgetInfo:
    return BudgetInfo(
        commands=budget.commands,
        rows=budget.rows,
        bytes=budget.bytes,
        writes=budget.writes,
        denials=budget.denials,
        then=budget.then.value,
    )


def _spent(spent: Spent) -> SpentInfo:
    return SpentInfo(
        commands=spent.commands,
        rows=spent.rows,
        bytes=spent.bytes,
        writes=spent.writes,
        denials=spent.denials,
    )
