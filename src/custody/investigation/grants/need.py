"""Need: the commands of one period, summed by target for one issuer.

Law: only an allowed and executed command counts as needed. Refused ones are kept apart.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from custody.index import CommandUse, EventContext
from custody.investigation.grants.history import DAY_MS, PastLoop, UsageHistory
from custody.model.errors import CustodyError
from custody.model.identity import Identity
from custody.policy import QUANTITIES

HOUR_MS: Final = 3_600_000


class GrantSubject(msgspec.Struct, frozen=True):
    """Whom it is about: a group, or one subject of one issuer."""

    group: str = ""
    subject: str = ""
    issuer: str = ""
    """Empty: any, of a group."""

    def match(self, identity: Identity) -> bool:
        if self.issuer and self.issuer != identity.issuer:
            return False
        return self.group in identity.groups if self.group else self.subject == identity.subject


class RefusedAct(msgspec.Struct, frozen=True):
    """What was refused: how, and what it would have done."""

    target: str
    effects: tuple[str, ...]
    objects: tuple[str, ...]
    rule: str


class TargetNeed:
    """What was done to one target."""

    def __init__(self) -> None:
        self.sessions: Final[set[str]] = set()
        self.people: Final[set[Identity]] = set()
        self.commands = 0
        self.plain = 0
        """Commands without an effect."""
        self.effects: Final[Counter[str]] = Counter()
        self.objects: Final[defaultdict[str, set[str]]] = defaultdict(set)
        """By effect: what the commands touched that had it."""
        self.hours: Final[set[int]] = set()
        self.streams = 0
        self.last = 0


class Need:
    """The sum for one issuer."""

    def __init__(self, issuer: str) -> None:
        self.issuer: Final = issuer
        self.targets: Final[defaultdict[str, TargetNeed]] = defaultdict(TargetNeed)
        self.loops: Final[set[str]] = set()
        self.refused: Final[Counter[RefusedAct]] = Counter()
        self.refused_last: Final[dict[RefusedAct, int]] = {}
        self.used: Final[dict[str, Counter[str]]] = defaultdict(Counter)
        """By loop, what it used of each quantity of a budget."""
        self.bytes_known = True
        self.last_in: Final[dict[str, int]] = {}
        """By loop, when it last did anything."""

    @property
    def commands(self) -> int:
        return sum(target.commands for target in self.targets.values())

    @property
    def sessions(self) -> int:
        return sum(len(target.sessions) for target in self.targets.values())


def gather(past: UsageHistory, who: GrantSubject, *, objects: bool) -> list[Need]:
    """One sum for each issuer that somebody was vouched for by, in order."""
    needs: dict[str, Need] = {}

    def need(place: EventContext) -> tuple[Need, Identity] | None:
        for identity in past.people(place):
            if who.match(identity):
                return needs.setdefault(identity.issuer, Need(identity.issuer)), identity
        return None

    def concerned(place: EventContext) -> bool:
        return any(who.match(identity) for identity in past.people(place))

    for session in past.sessions.values():
        if past.within(session) and (found := need(session.place)) is not None:
            _session(past, *found, session.place)
    for use in past.uses(concerned, objects=objects, span_ms=HOUR_MS):
        found = need(use.place)
        if found is not None:
            _use(*found, use)
    return [needs[issuer] for issuer in sorted(needs)]


def _session(past: UsageHistory, need: Need, identity: Identity, place: EventContext) -> None:
    seen, loop = past.sessions[place.session], past.loops.get(place.loop)
    target = need.targets[place.target]
    target.sessions.add(place.session)
    target.people.add(identity)
    target.streams += place.session in past.replicating
    for began in (seen.started, None if loop is None else loop.started):
        if began is not None and began >= past.since:
            target.hours.add(began % DAY_MS // HOUR_MS)
    need.loops.add(place.loop)
    _did(need, place.loop, min(seen.ended or seen.started, past.until))
    target.last = max(target.last, seen.started)
    if seen.bytes is None:
        need.bytes_known = False
    else:
        need.used[place.loop]["bytes"] += seen.bytes


def _did(need: Need, loop: str, time: int) -> None:
    need.last_in[loop] = max(time, need.last_in.get(loop, 0))


def _use(need: Need, identity: Identity, use: CommandUse) -> None:
    used = need.used[use.place.loop]
    if use.verdict == "deny" or use.outcome == "refused":
        if use.verdict != "allow":
            refused = RefusedAct(use.place.target, use.effects, use.objects, use.rule)
            need.refused[refused] += use.commands
            need.refused_last[refused] = max(use.last, need.refused_last.get(refused, 0))
            # What a budget refuses is not charged to it again.
            used["denials"] += 0 if use.rule == "budget" else use.commands
        return
    target = need.targets[use.place.target]
    target.sessions.add(use.place.session)
    target.people.add(identity)
    target.commands += use.commands
    target.plain += 0 if use.effects else use.commands
    target.last = max(target.last, use.last)
    target.hours.add(use.first % DAY_MS // HOUR_MS)
    for effect in use.effects:
        target.effects[effect] += use.commands
        target.objects[effect].update(use.objects)
    need.loops.add(use.place.loop)
    _did(need, use.place.loop, use.last)
    used["commands"] += use.commands
    used["rows"] += use.rows
    # As budgets count: whatever does more than read.
    if use.effects and use.effects != ("read",):
        used["writes"] += use.commands


def longest_loop(past: UsageHistory, need: Need) -> int:
    """The greatest age at which a loop still did something, ms. A loop that was ended on purpose
    was needed until then.
    """
    ages = [0]
    for name in need.loops:
        loop = past.loops.get(name)
        if loop is None:
            continue
        end = need.last_in.get(name, loop.started)
        if loop.ended is not None and loop.reason != "expired":
            end = max(end, loop.ended)
        ages.append(end - loop.started)
    return max(ages)


def longest_asked(past: UsageHistory, need: Need) -> int:
    """The longest time that a loop was given, ms."""
    seen = (past.loops[name] for name in need.loops if name in past.loops)
    return max((loop.expires - loop.started for loop in seen), default=0)


def at_once(past: UsageHistory, need: Need, who: GrantSubject) -> int:
    """The most loops that one identity had at a time; 0 where it never began one itself."""
    changes: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for loop in past.loops.values():
        if loop.identity.issuer == need.issuer and who.match(loop.identity):
            end = loop.expires if loop.ended is None else loop.ended
            if loop.started < past.until and end >= past.since:
                changes[loop.identity.subject] += [(loop.started, 1), (end, -1)]
    most = 0
    for times in changes.values():
        running = 0
        for _, change in sorted(times):
            running += change
            most = max(most, running)
    return most


def most_used(past: UsageHistory, need: Need) -> dict[str, int]:
    """What one loop used at most of each quantity, its descendants included."""
    sums: defaultdict[str, Counter[str]] = defaultdict(Counter)
    for name, used in need.used.items():
        for loop in _ancestry(past.loops.get, name):
            sums[loop].update(used)
    return {
        quantity: max((used[quantity] for used in sums.values()), default=0)
        for quantity in QUANTITIES
    }


def _ancestry(known: Callable[[str], PastLoop | None], name: str) -> Iterable[str]:
    """The loop and those that it came from; a made-up circle ends."""
    done: set[str] = set()
    while name and name not in done:
        done.add(name)
        yield name
        loop = known(name)
        name = "" if loop is None else loop.parent


def identify(past: UsageHistory, named: str, issuer: str) -> GrantSubject:
    """The one identity that a text means: a subject, or ``ISSUER#SUBJECT``."""
    met = {
        (identity.issuer, identity.subject)
        for session in past.sessions.values()
        if past.within(session)
        for identity in past.people(session.place)
    }
    exact = {pair for pair in met if pair[1] == named and issuer in {"", pair[0]}}
    found = exact or {pair for pair in met if f"{pair[0]}#{pair[1]}" == named}
    match sorted(found):
        case [(by, subject)]:
            return GrantSubject(subject=subject, issuer=by)
        case []:
            raise CustodyError(
                "grants.unseen",
                f"Nobody called {named!r} opened a session in this period.",
                "`custody search --count identity kind:session.start` shows who did; --since looks "
                "back further.",
            )
        case several:
            raise CustodyError(
                "grants.ambiguous",
                f"{len(several)} issuers vouched for somebody called {named!r}.",
                f"Say which: --identity {f'{several[0][0]}#{several[0][1]}'!r}, and the like.",
            )
