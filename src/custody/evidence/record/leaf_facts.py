"""What each kind of record says in its leaf, beside its links and hashes.

Law: only numbers, hashes and closed enumerations, so that a leaf may outlive its day for ever. Free
text (SQL, names, reasons, messages) stays in the sealed payload.
"""

from collections.abc import Callable, Mapping
from typing import Final, NamedTuple

from custody.evidence.record.leaf import STAGES
from custody.model.errors import LogFailureError
from custody.model.record import (
    AdminAct,
    Body,
    BudgetExceeded,
    ClockJump,
    CommandSeen,
    ConfigLoaded,
    CredentialLeased,
    CredentialReturned,
    Gap,
    Heartbeat,
    Injected,
    LogClose,
    LoginAccepted,
    LoginEnd,
    LoginRefused,
    LogOpen,
    LoopEnd,
    LoopStart,
    Opaque,
    Recovery,
    Response,
    ResponseUnknown,
    SessionCarry,
    SessionEnd,
    SessionStart,
    Stream,
)
from custody.model.words import Decision, Effect

Facts = dict[str, object]
_DENY: Final = Decision.DENY


class Kind(NamedTuple):
    """How the log treats a type of record. ``opens`` and ``closes`` speak of a session."""

    name: str
    facts: Callable[..., Facts]
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


def _nothing(_body: Body) -> Facts:
    return {}


def _own(_body: Body) -> Facts:
    raise LogFailureError("log.own-record", "The log alone writes records of this type.")


def _log_open(body: LogOpen) -> Facts:
    facts: Facts = {"durability": body.durability, "responses": body.responses}
    if body.previous:
        facts["previous"] = body.previous
    return facts


def _command(body: CommandSeen) -> Facts:
    if body.stage not in STAGES:
        raise LogFailureError("log.stage", "A command's stage is not one of the known ones.")
    facts: Facts = {
        "effects": _effects(body.command.effects),
        "stage": body.stage,
        "verdict": body.decision.value,
    }
    if body.policy:
        facts["policy"] = body.policy
    return facts


def _about_command(body: Injected | ResponseUnknown | Stream) -> Facts:
    return {} if body.command is None else {"command": body.command}


def _response(body: Response) -> Facts:
    if body.command is None:
        return {"outcome": body.outcome.value}
    return {"command": body.command, "outcome": body.outcome.value}


def _gap(body: Gap) -> Facts:
    return {"count": body.count}


def _config(body: ConfigLoaded) -> Facts:
    return {"mask": body.mask, "policy": body.policy}


def _clock(body: ClockJump) -> Facts:
    return {"offset": body.offset_ms}


def _heartbeat(body: Heartbeat) -> Facts:
    return {"digest": body.digest, "open": body.open}


KINDS: Final[Mapping[type, Kind]] = {
    LogOpen: Kind("log.open", _log_open),
    LogClose: Kind("log.close", _nothing),
    LoopStart: Kind("loop.start", _nothing, starts_work=True),
    LoopEnd: Kind("loop.end", _nothing),
    SessionStart: Kind("session.start", _nothing, masked=True, starts_work=True, opens=True),
    SessionEnd: Kind("session.end", _nothing, closes=True),
    SessionCarry: Kind("session.carry", _own),
    LoginRefused: Kind("login.refused", _nothing, masked=True, opens=True, closes=True),
    LoginAccepted: Kind("login.accepted", _nothing, masked=True, starts_work=True),
    LoginEnd: Kind("login.end", _nothing),
    BudgetExceeded: Kind("budget.exceeded", _nothing),
    CredentialLeased: Kind("credential.leased", _nothing, masked=True, starts_work=True),
    CredentialReturned: Kind("credential.returned", _nothing),
    CommandSeen: Kind("command", _command, masked=True, starts_work=True),
    Injected: Kind("injected", _about_command, masked=True),
    Response: Kind("response", _response, masked=True),
    ResponseUnknown: Kind("response.unknown", _about_command),
    Stream: Kind("stream", _about_command, masked=True),
    Opaque: Kind("opaque", _nothing),
    Gap: Kind("gap", _gap),
    ConfigLoaded: Kind("config", _config),
    AdminAct: Kind("admin", _nothing),
    ClockJump: Kind("clock", _clock),
    Recovery: Kind("recovery", _own),
    Heartbeat: Kind("heartbeat", _heartbeat),
}


def recovery_facts(body: Recovery, digest: str) -> Facts:
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
