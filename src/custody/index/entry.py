"""From a stored record to its entry in the index.

Law: pure, and the same for a record whether it is seen live or in a rebuild. A record of any kind
gives something to find, but for heartbeats; an answer amends the event that it answers.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol, assert_never

import msgspec

from custody.index.text import SEPARATOR
from custody.model.command import Argument
from custody.model.gateway_records import (
    AdminAct,
    AnchorAccepted,
    ClockJump,
    ConfigLoaded,
    EvidenceRead,
    Heartbeat,
    KeysEscrowed,
    LogClose,
    LogOpen,
    Recovery,
)
from custody.model.record import (
    BudgetExceeded,
    CommandSeen,
    CredentialLeased,
    CredentialReturned,
    ErrorReport,
    Gap,
    Injected,
    LoginAccepted,
    LoginEnd,
    LoginRefused,
    LoopEnd,
    LoopStart,
    Notification,
    Opaque,
    Response,
    ResponseUnknown,
    SessionCarry,
    SessionEnd,
    SessionStart,
    StoredRecord,
    Stream,
    TransactionEnded,
)
from custody.model.words import Ended, Outcome


class EventContext(msgspec.Struct, frozen=True):
    """Who and where."""

    loop: str = ""
    session: str = ""
    target: str = ""
    identity: str = ""
    issuer: str = ""


class EventDraft(msgspec.Struct, frozen=True):
    """An event to keep. Fields as in ``IndexedEvent``; ``result`` is the text of what came back."""

    place: EventContext
    kind: str
    text: str = ""
    arguments: tuple[str | None, ...] = ()
    effects: tuple[str, ...] = ()
    objects: tuple[str, ...] = ()
    action: str = ""
    verdict: str = ""
    rule: str = ""
    outcome: str = ""
    rows: int | None = None
    detail: Mapping[str, Any] = {}
    cut: bool = False
    """There was more than was captured."""


class EventAmendment(msgspec.Struct, frozen=True):
    """What a later record adds to an earlier event: the one of this kind that stands at ``place``
    with the number ``n``.
    """

    kind: str
    place: EventContext
    n: int
    outcome: str
    rows: int | None
    detail: Mapping[str, Any]
    result: str = ""
    cut: bool = False
    committed: str = ""
    """``yes``, ``no`` or ``unknown``; empty where it is still open."""


class TransactionAmendment(msgspec.Struct, frozen=True):
    """How the commands ended whose answers left it open: those of a place, from one ``n`` to
    another.
    """

    place: EventContext
    first: int
    last: int
    committed: str


class ContextSource(Protocol):
    """What earlier records told."""

    def of_session(self, session: str) -> EventContext | None: ...

    def of_loop(self, loop: str) -> EventContext | None: ...


IndexEntry = EventDraft | EventAmendment | TransactionAmendment
_COMMITTED: Final = {
    Ended.COMMITTED: "yes",
    Ended.ROLLED_BACK: "no",
    Ended.UNKNOWN: "unknown",
}


def entries(record: StoredRecord, known: ContextSource) -> Sequence[IndexEntry]:  # noqa: C901, PLR0911, PLR0912, PLR0915 - one arm for each kind of record is the point
    """What to keep of a record, in the order to keep it."""
    here = place_of(record, known)
    match record.body:
        case CommandSeen() as seen:
            return (_command(seen, here),)
        case Response(command=int(n)) as response:
            return (_answer(response, n, here, record.index),)
        case Response() as response:
            return (_loose_answer(response, here),)
        case ResponseUnknown(command=n):
            return (
                EventAmendment("command", here, n, Outcome.UNKNOWN, None, {}, committed="unknown"),
            )
        case TransactionEnded(first=first, last=last, ended=ended):
            return (TransactionAmendment(here, first, last, _COMMITTED[ended]),)
        case Notification() as came:
            said = _cells(came.captured)
            facts = _facts(came, "count", "bytes", "truncated")
            return (EventDraft(here, "notification", said, detail=facts, cut=came.truncated),)
        case SessionStart() as start:
            facts = _facts(start, "protocol", "client", "user", "database", "application", "tls")
            facts["groups"] = list(start.groups)
            text = " ".join(str(fact) for fact in facts.values() if isinstance(fact, str))
            return (EventDraft(here, "session.start", text, detail=facts),)
        case SessionEnd() as end:
            facts = _facts(end, "reason", "commands", "refused", "bytes_up", "bytes_down")
            return (
                EventDraft(here, "session.end", end.reason, detail=facts),
                EventAmendment("session.start", here, 0, "", None, {"ended": record.time, **facts}),
            )
        case LoopStart(loop=loop, ticket=ticket):
            facts = _facts(loop, "expires", "purpose", "on_behalf_of", "parent", "client", "login")
            facts |= {"ticket": ticket, "kind": loop.identity.kind.value}
            facts["groups"] = list(loop.identity.groups)
            facts |= {"facts": dict(loop.facts)} if loop.facts else {}
            if loop.principal is not None:
                facts["principal"] = loop.principal.subject
                facts["principal_issuer"] = loop.principal.issuer
                facts["principal_groups"] = list(loop.principal.groups)
            told = " ".join(value for _, value in loop.facts)
            text = f"{loop.purpose} {loop.on_behalf_of} {ticket} {loop.client} {told}".rstrip()
            return (EventDraft(here, "loop.start", text, detail=facts),)
        case LoopEnd(reason=reason):
            return (
                EventDraft(here, "loop.end", reason, detail={"reason": reason}),
                EventAmendment(
                    "loop.start", here, -1, "", None, {"ended": record.time, "reason": reason}
                ),
            )
        case LoginRefused() as refused:
            facts = _facts(refused, "reason", "protocol", "client", "user", "application")
            return (EventDraft(here, "login.refused", " ".join(facts.values()), detail=facts),)
        case LoginAccepted() as accepted:
            facts = _facts(accepted, "login", "provider", "client", "expires")
            facts["method"] = accepted.method.value
            told = " ".join(value for _, value in accepted.facts)
            text = f"{accepted.login} {accepted.provider} {accepted.method} {told}".rstrip()
            return (EventDraft(here, "login.accepted", text, detail=facts),)
        case LoginEnd() as gone:
            facts = _facts(gone, "login", "reason")
            return (EventDraft(here, "login.end", f"{gone.login} {gone.reason}", detail=facts),)
        case BudgetExceeded() as exceeded:
            facts = _facts(exceeded, "quantity", "limit", "used")
            facts["then"] = exceeded.then.value
            return (EventDraft(here, "budget.exceeded", exceeded.quantity, detail=facts),)
        case CredentialLeased() as leased:
            facts = _facts(leased, "source", "user", "lease", "expires")
            text = f"{leased.source} {leased.user} {leased.lease}"
            return (EventDraft(here, "credential.leased", text, detail=facts),)
        case CredentialReturned() as returned:
            facts = _facts(returned, "lease", "revoked")
            return (EventDraft(here, "credential.returned", returned.lease, detail=facts),)
        case Injected(command=n, message=message):
            return (EventDraft(here, "injected", message, detail={"command": n}),)
        case Stream() as stream:
            facts = _facts(stream, "command", "direction", "kind", "bytes", "truncated")
            text = _cells(stream.captured)
            return (EventDraft(here, "stream", text, detail=facts, cut=stream.truncated),)
        case AdminAct(act=act, subject=subject, detail=detail):
            facts = {"act": act, "subject": subject}
            return (
                EventDraft(here, "admin", f"{act} {subject} {detail}", action=act, detail=facts),
            )
        case EvidenceRead(call=call, about=about) as read:
            facts = _facts(read, "login_account", "about")
            return (EventDraft(here, "evidence.read", about, action=call, detail=facts),)
        case AnchorAccepted() as accepted:
            facts = _facts(accepted, "signed", "size", "lost")
            text = f"{accepted.lost} signed records given up"
            return (EventDraft(here, "anchor.accepted", text, detail=facts),)
        case Opaque(what=what, bytes=size):
            return (EventDraft(here, "opaque", what, detail={"bytes": size}),)
        case Gap(what=what, count=count):
            return (EventDraft(here, "gap", what, detail={"count": count}),)
        case ConfigLoaded() as loaded:
            facts = _facts(loaded, "policy", "mask", "rules")
            return (EventDraft(here, "config", loaded.summary, detail=facts),)
        case KeysEscrowed(day=day, copies=copies):
            text = " ".join((day, *(each.recipient for each in copies)))
            return (EventDraft(here, "keys", text, detail={"day": day}),)
        case ClockJump(offset_ms=offset):
            return (EventDraft(here, "clock", f"{offset} ms", detail={"offset_ms": offset}),)
        case Recovery(torn_bytes=torn, size=size, sessions=sessions, lost=lost):
            text = " ".join(session for session, _ in sessions)
            facts = {"torn_bytes": torn, "size": size} | ({"lost": lost} if lost else {})
            return (
                EventDraft(here, "recovery", text, detail=facts),
                *(_recovered(session, record.time, lost, known) for session, _ in sessions),
            )
        case LogOpen() as opened:
            return (
                EventDraft(here, "log.open", opened.version, detail=_facts(opened, "durability")),
            )
        case LogClose(reason=reason):
            return (EventDraft(here, "log.close", reason),)
        case SessionCarry():
            return (EventDraft(here, "session.carry"),)
        case Heartbeat():
            return ()
        case never:
            assert_never(never)


def _recovered(session: str, time: int, lost: int | None, known: ContextSource) -> EventAmendment:
    """A session that a crash cut off, or that went on in records that were given up: it ended when
    the next start found it open.
    """
    place = known.of_session(session) or EventContext("", session)
    facts: dict[str, Any] = {"ended": time, "reason": "crash"}
    if lost:
        facts |= {"reason": "records given up", "lost": lost}
    return EventAmendment("session.start", place, 0, "", None, facts)


def place_of(record: StoredRecord, known: ContextSource) -> EventContext:  # noqa: PLR0911 - one for each kind of place
    """Where a record belongs; what nobody told stays empty."""
    loop, session = record.loop or "", record.session or ""
    match record.body:
        case SessionStart() as start:
            return EventContext(loop, session, start.target, start.subject, start.issuer)
        case LoopStart(loop=started):
            return EventContext(
                started.id, "", "", started.identity.subject, started.identity.issuer
            )
        case LoginRefused() as refused:
            return EventContext(loop, session, refused.target, refused.subject)
        case LoginAccepted(identity=identity):
            return EventContext(loop, session, "", identity.subject, identity.issuer)
        case AdminAct(actor=actor) if not session:
            return EventContext(loop, "", "", actor)
        case EvidenceRead(reader=reader):
            return EventContext("", "", "", reader)
        case _ if session:
            told = known.of_session(session)
            if told is not None:
                return told
            target = record.body.target if isinstance(record.body, CommandSeen) else ""
            return EventContext(loop, session, target)
        case _:
            return (known.of_loop(loop) if loop else None) or EventContext(loop)


def searched(text: str, arguments: Sequence[str | None]) -> str:
    """The text of an event that a search looks at."""
    return "\n".join((text, *(each for each in arguments if each is not None)))


def _command(seen: CommandSeen, here: EventContext) -> EventDraft:
    command = seen.command
    detail: dict[str, Any] = {}
    if seen.decision.value != "allow":
        detail["reason"] = seen.reason
    if seen.stage != "execute":
        detail["stage"] = seen.stage
    if not command.bounded:
        detail["bounded"] = False
    if command.cascade is True:
        detail["cascade"] = True
    inside = command.actions or ()
    if inside:
        detail["actions"] = list(inside)
    if command.problem:
        detail["problem"] = command.problem
    if command.whole:
        detail |= {"text_bytes": command.whole.bytes, "text_digest": command.whole.digest}
    return EventDraft(
        place=here,
        kind="command",
        text=command.text,
        arguments=tuple(_argument(each) for each in command.arguments),
        effects=tuple(sorted(command.effects)),
        objects=command.objects,
        action=SEPARATOR.join((command.action, *inside)),
        verdict=seen.decision,
        rule=seen.rule,
        detail=detail,
        cut=any(each.truncated for each in command.arguments),
    )


def _argument(argument: Argument) -> str | None:
    return argument.value


def _answer(response: Response, n: int, here: EventContext, index: int) -> EventAmendment:
    detail: dict[str, Any] = {"response": index, "duration_us": response.duration_us}
    if response.error is not None:
        detail["error"] = response.error.code
    if response.truncated:
        detail["truncated"] = True
    return EventAmendment(
        kind="command",
        place=here,
        n=n,
        outcome=response.outcome,
        rows=response.rows,
        detail=detail,
        result=_result(response),
        cut=_cut(response),
        committed=_committed(response),
    )


def _committed(response: Response) -> str:
    match response.outcome:
        case Outcome.OK:
            return "" if response.open else "yes"
        case Outcome.UNKNOWN:
            return "unknown"
        case _:
            return "no"


def _loose_answer(response: Response, here: EventContext) -> EventDraft:
    detail = {} if response.error is None else {"error": response.error.code}
    return EventDraft(
        here,
        "response",
        _result(response),
        outcome=response.outcome,
        rows=response.rows,
        detail=detail,
        cut=_cut(response),
    )


def _cut(response: Response) -> bool:
    return response.truncated or response.notices_dropped > 0


def _result(response: Response) -> str:
    """All that was captured: what is not here is nowhere."""
    reports = [*([response.error] if response.error else []), *response.notices]
    spoken = "\n".join(_report(report) for report in reports)
    cells = _cells(response.captured)
    return f"{spoken}\n{cells}" if spoken and cells else spoken or cells


def _report(report: ErrorReport) -> str:
    said = (report.code, report.message, report.detail, report.hint, report.context)
    return "\n".join(each for each in said if each)


def _cells(rows: Sequence[Sequence[str | None]]) -> str:
    """The values, a row to a line."""
    return "\n".join("\t".join(cell for cell in row if cell is not None) for row in rows)


def _facts(body: msgspec.Struct, *names: str) -> dict[str, Any]:
    """The named fields, but for those that say nothing."""
    values = ((name, getattr(body, name)) for name in names)
    return {name: value for name, value in values if value is not None and value != ""}
