"""The narrowest grants that would have allowed what was done in a period.

Law: a suggestion holds nothing that the evidence does not show, but for the margins that it states;
and it notes what it leaves out or cannot know.
"""

from collections.abc import Iterable, Sequence
from typing import Final

import msgspec

from custody.index import Index
from custody.investigation.grants.history import Document, UsageHistory
from custody.investigation.grants.need import (
    GrantSubject,
    Need,
    TargetNeed,
    at_once,
    gather,
    identify,
    longest_loop,
    most_used,
)
from custody.investigation.grants.notes import notes
from custody.investigation.grants.toml_text import SuggestedGrant, many, toml
from custody.model.durations import moment
from custody.model.errors import CustodyError
from custody.model.identity import Budget
from custody.model.words import NAME, Effect, Exceeded
from custody.policy import MINUTE_MS, Grant, Hours

MOST_OBJECTS: Final = 200
"""Objects that a suggestion names for one effect; with more it names none."""
LEAST_BUDGET: Final = 10
_LENGTHS: Final = tuple(
    minutes * MINUTE_MS for minutes in (5, 15, 30, 60, 120, 240, 480, 720, 1440)
)
_DAY_MS: Final = _LENGTHS[-1]
_CEILINGS: Final = frozenset({"grant", "budget"})
"""What refusals name that a wider grant would have prevented; all else are rules."""


class SuggestRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Either ``identity`` or ``group``. ``grants`` and ``targets`` are the configuration's."""

    since_ms: int
    grants: tuple[Grant, ...]
    targets: tuple[str, ...]
    identity: str = ""
    group: str = ""
    issuer: str = ""
    hours: bool = False
    objects: bool = False


def suggest(index: Index, asked: SuggestRequest, now: int) -> Document:
    """Raises ``grants.unseen``, ``grants.ambiguous``."""
    past = UsageHistory(index, max(0, now - asked.since_ms), now + 1)
    if asked.group:
        who = GrantSubject(group=asked.group, issuer=asked.issuer)
    else:
        who = identify(past, asked.identity, asked.issuer)
    needs = gather(past, who, objects=asked.objects)
    if not any(need.targets for need in needs):
        raise CustodyError(
            "grants.unseen",
            f"Nobody of group {asked.group!r} opened a session in this period.",
            "--since looks back further.",
        )
    taken = {grant.name for grant in asked.grants}
    suggested: list[SuggestedGrant] = []
    for need in needs:
        suggested += _of_issuer(past, who, need, asked, taken)
    refused = [item for need in needs for item in _refused(need, suggested, asked)]
    days = past.days()
    said = list(notes(past, who, needs, asked.targets, asked.grants))
    loops = sum(len(need.loops) for need in needs)
    sessions = sum(need.sessions for need in needs)
    commands = sum(need.commands for need in needs)
    counted = (many(loops, "loop"), many(sessions, "session"), many(commands, "command"))
    opening = [
        "Suggested by custody grants suggest for "
        + (f"group {who.group}" if who.group else f"{who.subject} of {who.issuer}")
        + f", {days['since']} to {days['until']}:",
        f"{', '.join(counted)} executed.",
    ]
    return {
        "items": [_item(each) for each in suggested],
        "next": None,
        "toml": toml(opening, suggested),
        "group": who.group or None,
        "identity": who.subject or None,
        "issuers": [need.issuer for need in needs],
        "period": days,
        "loops": loops,
        "sessions": sessions,
        "commands": commands,
        "refused": refused,
        "notes": said,
    }


def _item(each: SuggestedGrant) -> Document:
    document: Document = msgspec.to_builtins(each.grant)
    return {**document, "effects": sorted(document["effects"]), "remarks": list(each.remarks)}


def _of_issuer(
    past: UsageHistory, who: GrantSubject, need: Need, asked: SuggestRequest, taken: set[str]
) -> Iterable[SuggestedGrant]:
    limits = _limits(past, who, need)
    for name in sorted(need.targets):
        if name not in asked.targets:
            continue
        target = need.targets[name]
        hours = _hours(target.hours) if asked.hours else None
        for effects, objects, remarks in _parts(target, objects=asked.objects):
            base = _whom(past, who, need, name, target, asked.grants)
            grant = msgspec.structs.replace(
                limits,
                name=_free_name(f"{(base.groups or base.identities)[0]}-{name}", taken),
                groups=base.groups,
                identities=base.identities,
                issuer=need.issuer,
                targets=(name,),
                effects=effects,
                objects=objects,
                hours=hours,
                replication=target.streams > 0 and objects is None,
            )
            more = ["hours: those seen, and an hour at each end"]
            yield SuggestedGrant(grant, (*_rests_on(target), *remarks, *(more if hours else ())))


def _rests_on(target: TargetNeed) -> Iterable[str]:
    yield (
        f"rests on {many(len(target.sessions), 'session')} and "
        f"{many(target.commands, 'command')}, the last at {moment(target.last)[:16]}Z"
    )


_Part = tuple[frozenset[Effect], tuple[str, ...] | None, tuple[str, ...]]


def _parts(target: TargetNeed, *, objects: bool) -> Iterable[_Part]:
    """The effects seen; with ``objects``, those together that touched the same."""
    effects = frozenset(Effect(each) for each in target.effects)
    remarks: list[str] = []
    if not effects:
        effects = frozenset({Effect.READ})
        remarks.append("only what any grant allows (BEGIN, SHOW …) was seen, so: read")
    blind = effects & {Effect.UNKNOWN}
    if blind:
        remarks.append(
            f"unknown: {many(target.effects['unknown'], 'command')} could not be read; this allows "
            "whatever cannot be read, so look at them first"
        )
    if target.streams:
        remarks.append(
            f"replication: {many(target.streams, 'stream')}, opaque, a copy of everything"
        )
    if not objects:
        yield effects, None, tuple(remarks)
        return
    alike: dict[tuple[str, ...] | None, set[Effect]] = {}
    for effect in sorted(effects - blind):
        touched: tuple[str, ...] | None = tuple(sorted(target.objects[effect]))
        if touched is not None and len(touched) > MOST_OBJECTS:
            remarks.append(f"{effect} touched {len(touched)} objects, too many to name")
            touched = None
        alike.setdefault(touched, set()).add(effect)
    if blind or target.streams:
        alike.setdefault(None, set()).update(blind)
    for number, (touched, some) in enumerate(alike.items()):
        yield frozenset(some), touched, tuple(remarks) if not number else ()


def _limits(past: UsageHistory, who: GrantSubject, need: Need) -> Grant:
    """A grant with all that is the same for every target: a loop is counted as a whole."""
    most = most_used(past, need)
    sizes = {
        quantity: _rounded(2 * used)
        for quantity, used in most.items()
        if used or quantity == "denials"
    }
    if not need.bytes_known:
        sizes.pop("bytes", None)
    running = at_once(past, need, who)
    return Grant(
        name="",
        targets=(),
        effects=frozenset(),
        max_loop_ms=_length(longest_loop(past, need)),
        concurrency=running + max(1, running // 2) if running else None,
        budget=Budget(**sizes, then=Exceeded.PAUSE),
    )


def _length(longest: int) -> int:
    """The next usual length; whole days above a day. A loop is not served at its limit."""
    for length in _LENGTHS:
        if longest < length:
            return length
    return (longest // _DAY_MS + 1) * _DAY_MS


def _rounded(number: int) -> int:
    """The next of 10, 20, 50, 100, 200, 500 …"""
    step = LEAST_BUDGET
    while True:
        for each in (step, 2 * step, 5 * step):
            if number <= each:
                return each
        step *= 10


def _hours(seen: set[int]) -> Hours | None:
    """The shortest stretch of the day that holds all hours seen, and one more at each end; ``None``
    where that is the whole day.
    """
    if not seen:
        return None
    ordered = sorted(seen)
    following = [*ordered[1:], ordered[0] + 24]
    gap, start = max(
        (after - before, after % 24) for before, after in zip(ordered, following, strict=True)
    )
    length = 24 - gap + 3
    if length >= 24:
        return None
    first = (start - 1) % 24
    return Hours(first * 60, (first + length) % 24 * 60)


def _whom(  # noqa: PLR0917 - what a suggestion rests on
    past: UsageHistory,
    who: GrantSubject,
    need: Need,
    name: str,
    target: TargetNeed,
    grants: Sequence[Grant],
) -> Grant:
    """As the identity is granted today: by name, or by a group that all of its sessions had. Of
    several groups, the one that the fewest are in.
    """
    shell = Grant("", (), frozenset())
    if who.group:
        return msgspec.structs.replace(shell, groups=(who.group,))
    mine = [grant for grant in grants if _covers(grant, name) and grant.issuer in {"", need.issuer}]
    if not any(who.subject in grant.identities for grant in mine):
        common = set[str]().union(*(grant.groups for grant in mine))
        for identity in target.people:
            common &= set(identity.groups)
        if common:
            members = past.members()
            least = min(common, key=lambda group: (len(members.get(group, ())), group))
            return msgspec.structs.replace(shell, groups=(least,))
    return msgspec.structs.replace(shell, identities=(who.subject,))


def _covers(grant: Grant, name: str) -> bool:
    return name in grant.targets or "*" in grant.targets


def _free_name(wanted: str, taken: set[str]) -> str:
    clean = "".join(
        each if each.isascii() and (each.isalnum() or each in "._-") else "-" for each in wanted
    ).strip("._-")
    name = clean[:56] or "suggested"
    if not NAME.fullmatch(name):
        name = "suggested"
    free, number = name, 1
    while free in taken:
        number += 1
        free = f"{name}-{number}"
    taken.add(free)
    return free


def _refused(
    need: Need, suggested: Sequence[SuggestedGrant], asked: SuggestRequest
) -> Iterable[Document]:
    """What was refused, the most frequent first, and whether it still would be."""
    mine = [each.grant for each in suggested if each.grant.issuer == need.issuer]
    for refused, count in need.refused.most_common(200):
        there = [grant for grant in mine if refused.target in grant.targets]
        effects = {effect for grant in there for effect in grant.effects}
        if asked.objects:
            effects = {
                effect for grant in there if grant.reaches(refused.objects)
                for effect in grant.effects
            }  # fmt: skip
        covered = bool(there) and {Effect(each) for each in refused.effects} <= effects
        yield {
            "target": refused.target,
            "effects": list(refused.effects),
            "objects": list(refused.objects[:20]),
            "rule": refused.rule,
            "commands": count,
            "last": moment(need.refused_last[refused]),
            "still_refused": not covered or refused.rule not in _CEILINGS,
        }
