"""What each kind of record says in its leaf, beside its links and hashes.

Law: only numbers, hashes and closed enumerations, so that a leaf may outlive its day for ever. Free
text (SQL, names, reasons, messages) stays in the sealed payload.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from custody.evidence.record.leaf import STAGES
from custody.model.errors import LogFailureError
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
    Body,
    BudgetExceeded,
    CommandSeen,
    CredentialLeased,
    CredentialReturned,
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
    Stream,
    TransactionEnded,
)
from custody.model.words import Decision, Effect

LeafFacts = dict[str, object]
_DENY: Final = Decision.DENY


class RecordKind(NamedTuple):
    """How the log treats a type of record. ``opens`` and ``closes`` speak of a session."""

    name: str
    facts: Callable[..., LeafFacts]
    masked: bool = False
    """Its payload holds text that masking has seen; the leaf says under which mask."""
    starts_work: bool = False
    """Refused on a full disk: what it announces has not happened yet."""
    opens: bool = False
    closes: bool = False


_EFFECTS: Final[dict[frozenset[Effect], list[str]]] = {}


def _effects(effects: frozenset[Effect]) -> list[str]:
    # There are at most 64 sets of effects; each is sorted once.
    known = _EFFECTS.get(effects)
    if known is None:
        known = _EFFECTS[effects] = sorted(effect.value for effect in effects)
    return known


def _nothing(_body: Body) -> LeafFacts:
    return {}


def _own(_body: Body) -> LeafFacts:
    raise LogFailureError("log.own-record", "The log alone writes records of this type.")


def _log_open(body: LogOpen) -> LeafFacts:
    facts: LeafFacts = {"durability": body.durability, "responses": body.responses}
    if body.previous:
        facts["previous"] = body.previous
    return facts


def _command(body: CommandSeen) -> LeafFacts:
    if body.stage not in STAGES:
        raise LogFailureError("log.stage", "A command's stage is not one of the known ones.")
    facts: LeafFacts = {
        "effects": _effects(body.command.effects),
        "stage": body.stage,
        "verdict": body.decision.value,
    }
    if body.policy:
        facts["policy"] = body.policy
    return facts


def _about_command(body: Injected | ResponseUnknown | Stream) -> LeafFacts:
    return {} if body.command is None else {"command": body.command}


def _response(body: Response) -> LeafFacts:
    if body.command is None:
        return {"outcome": body.outcome.value}
    return {"command": body.command, "outcome": body.outcome.value}


def _transaction(body: TransactionEnded) -> LeafFacts:
    return {"ended": body.ended.value, "first": body.first, "last": body.last}


def _notification(body: Notification) -> LeafFacts:
    return {"count": body.count}


def _gap(body: Gap) -> LeafFacts:
    return {"count": body.count}


def _config(body: ConfigLoaded) -> LeafFacts:
    return {"mask": body.mask, "policy": body.policy}


def _anchor(body: AnchorAccepted) -> LeafFacts:
    facts: LeafFacts = {"lost": body.lost, "size": body.size}
    if body.signed is not None:
        facts["signed"] = body.signed
    return facts


def _clock(body: ClockJump) -> LeafFacts:
    return {"offset": body.offset_ms}


def _heartbeat(body: Heartbeat) -> LeafFacts:
    return {"digest": body.digest, "open": body.open}


KINDS: Final[Mapping[type, RecordKind]] = {
    LogOpen: RecordKind("log.open", _log_open),
    LogClose: RecordKind("log.close", _nothing),
    LoopStart: RecordKind("loop.start", _nothing, starts_work=True),
    LoopEnd: RecordKind("loop.end", _nothing),
    SessionStart: RecordKind("session.start", _nothing, masked=True, starts_work=True, opens=True),
    SessionEnd: RecordKind("session.end", _nothing, closes=True),
    SessionCarry: RecordKind("session.carry", _own),
    LoginRefused: RecordKind("login.refused", _nothing, masked=True, opens=True, closes=True),
    LoginAccepted: RecordKind("login.accepted", _nothing, masked=True, starts_work=True),
    LoginEnd: RecordKind("login.end", _nothing),
    BudgetExceeded: RecordKind("budget.exceeded", _nothing),
    CredentialLeased: RecordKind("credential.leased", _nothing, masked=True, starts_work=True),
    CredentialReturned: RecordKind("credential.returned", _nothing),
    CommandSeen: RecordKind("command", _command, masked=True, starts_work=True),
    Injected: RecordKind("injected", _about_command, masked=True),
    Response: RecordKind("response", _response, masked=True),
    ResponseUnknown: RecordKind("response.unknown", _about_command),
    Stream: RecordKind("stream", _about_command, masked=True),
    TransactionEnded: RecordKind("transaction", _transaction),
    Notification: RecordKind("notification", _notification, masked=True),
    Opaque: RecordKind("opaque", _nothing),
    Gap: RecordKind("gap", _gap),
    ConfigLoaded: RecordKind("config", _config),
    KeysEscrowed: RecordKind("keys", _nothing),
    AdminAct: RecordKind("admin", _nothing),
    EvidenceRead: RecordKind("evidence.read", _nothing, masked=True, starts_work=True),
    AnchorAccepted: RecordKind("anchor.accepted", _anchor),
    ClockJump: RecordKind("clock", _clock),
    Recovery: RecordKind("recovery", _own),
    Heartbeat: RecordKind("heartbeat", _heartbeat),
}


def recovery_facts(body: Recovery, digest: str) -> LeafFacts:
    """A recovery's leaf counts the sessions that it closes and carries their digest, as a
    heartbeat's does; the payload names them.
    """
    return {
        "torn": body.torn_bytes,
        "hash": body.torn_hash,
        "size": body.size,
        "open": len(body.sessions),
        "digest": digest,
    }


def awaits_response(body: CommandSeen) -> bool:
    """Whether a crash from here on leaves it unknown what the command did."""
    return body.stage == "execute" and body.decision is not _DENY
