"""Unused grants, and unused targets, effects and groups of grants.

Law: a grant was used by a command that was executed if it was among those that held for its
identity, its target, its objects and one of its effects at that time, by the configuration of
today. A refused command used nothing.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import msgspec

from custody.index import CommandUse, EventContext, Index
from custody.investigation.grants.history import DAY_MS, Document, UsageHistory
from custody.model.durations import moment
from custody.model.identity import Identity
from custody.model.words import Effect
from custody.policy import MINUTE_MS, Grant

EVERY = "*"


class UnusedRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """``grants`` and ``targets`` are the configuration's; ``since_ms`` is how long ago it began."""

    since_ms: int
    grants: tuple[Grant, ...]
    targets: tuple[str, ...]


class _Seen:
    """When each thing was seen last."""

    def __init__(self) -> None:
        self.last: Final[dict[str, int]] = {}

    def add(self, names: Iterable[str], time: int) -> None:
        for name in names:
            self.last[name] = max(time, self.last.get(name, 0))

    def items(self, names: Iterable[str]) -> list[Document]:
        return [{"name": name, "last": _time(self.last.get(name))} for name in names]

    def never(self, names: Iterable[str]) -> list[str]:
        return [name for name in names if name not in self.last]


class _Grant:
    def __init__(self, grant: Grant, targets: Sequence[str]) -> None:
        self.grant: Final = grant
        self.names: Final = tuple(targets) if EVERY in grant.targets else grant.targets
        self.commands = 0
        self.last: int | None = None
        self.targets: Final = _Seen()
        self.effects: Final = _Seen()
        self.groups: Final = _Seen()
        self.identities: Final = _Seen()

    def meet(self, identity: Identity, time: int) -> None:
        """Somebody whom it may name was there, whatever they did."""
        if self.grant.issuer in {"", identity.issuer}:
            self.groups.add((each for each in identity.groups if each in self.grant.groups), time)
            if identity.subject in self.grant.identities:
                self.identities.add((identity.subject,), time)

    def use(self, use: CommandUse, time: int) -> None:
        self.commands += use.commands
        self.last = max(time, self.last or 0)
        self.targets.add((use.place.target,), time)
        self.effects.add((each for each in use.effects if Effect(each) in self.grant.effects), time)

    def stream(self, target: str, time: int) -> None:
        """A replication stream counts as one use."""
        self.commands += 1
        self.last = max(time, self.last or 0)
        self.targets.add((target,), time)

    def item(self) -> Document:
        effects = sorted(effect.value for effect in self.grant.effects)
        return {
            "name": self.grant.name,
            "used": self.last is not None,
            "commands": self.commands,
            "last": _time(self.last),
            "targets": self.targets.items(self.names),
            "effects": self.effects.items(effects),
            "groups": self.groups.items(self.grant.groups),
            "identities": self.identities.items(self.grant.identities),
            "never": {
                "targets": self.targets.never(self.names),
                "effects": self.effects.never(effects),
                "groups": self.groups.never(self.grant.groups),
                "identities": self.identities.never(self.grant.identities),
            },
        }


def unused(index: Index, asked: UnusedRequest, now: int) -> Document:
    past = UsageHistory(index, max(0, now - asked.since_ms), now + 1)
    grants = [_Grant(grant, asked.targets) for grant in asked.grants]
    _meet(past, grants)
    named: dict[EventContext, list[_Grant]] = {}
    commands = unattributed = 0
    for use in past.uses(
        objects=any(grant.objects is not None for grant in asked.grants),
        span_ms=MINUTE_MS if any(grant.hours for grant in asked.grants) else 0,
    ):
        if use.verdict == "deny" or use.outcome == "refused":
            continue
        commands += use.commands
        if use.place not in named:
            named[use.place] = _naming(past, grants, use.place)
            unattributed += not past.people(use.place)
        _count(past, named[use.place], use)
    for session in past.replicating:
        place = past.sessions[session].place if session in past.sessions else None
        for each in _naming(past, grants, place) if place is not None else ():
            if each.grant.replication and place is not None:
                each.stream(place.target, past.sessions[session].started)
    return {
        "items": [each.item() for each in grants],
        "next": None,
        "period": past.days(),
        "commands": commands,
        "sessions": len(named),
        "notes": list(_notes(past.days(), unattributed)),
    }


def _meet(past: UsageHistory, grants: Sequence[_Grant]) -> None:
    for session in past.sessions.values():
        if past.within(session):
            for identity in past.people(session.place):
                for each in grants:
                    each.meet(identity, max(session.started, past.since))


def _naming(past: UsageHistory, grants: Sequence[_Grant], place: EventContext) -> list[_Grant]:
    """The grants that somebody whom the session is about has on its target, at some hour."""
    people = past.people(place)
    return [
        each
        for each in grants
        if place.target in each.names and any(each.grant.names(identity) for identity in people)
    ]


def _count(past: UsageHistory, named: Sequence[_Grant], use: CommandUse) -> None:
    holding: list[tuple[_Grant, int]] = []
    loop = past.loops.get(use.place.loop)
    for each in named:
        grant, last = each.grant, use.last
        if grant.hours is not None and not grant.hours.hold(use.first % DAY_MS):
            continue
        if grant.max_loop_ms is not None and loop is not None:
            if use.first - loop.started >= grant.max_loop_ms:
                continue
            last = min(last, loop.started + grant.max_loop_ms)
        if grant.reaches(use.objects):
            holding.append((each, last))
    effects = {Effect(each) for each in use.effects}
    for each, last in holding:
        # Where a command has no effect (BEGIN, SHOW), any grant will do: it needs one only if
        # there is no other.
        if effects & each.grant.effects or (not effects and len(holding) == 1):
            each.use(use, last)


def _notes(days: Mapping[str, Any], unattributed: int) -> Iterable[str]:
    yield (
        "The grants are those of the configuration as it is now; what was done under others "
        "counts for those that would have held."
    )
    missing = days["asked"] - days["looked_at"]
    if missing:
        yield (
            f"{missing} of {days['asked']} days have no index: nothing happened on them, or their "
            "evidence was pruned or is not indexed."
        )
    yield (
        "Work that comes round less often than the period is long is not in it: a grant that "
        "waits for the end of the year, or for an emergency, looks unused."
    )
    if unattributed:
        yield f"{unattributed} sessions could not be told whose they were, and count for nobody."


def _time(milliseconds: int | None) -> str | None:
    return None if milliseconds is None else moment(milliseconds)
