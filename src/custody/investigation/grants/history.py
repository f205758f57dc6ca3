"""Past use by identity, read from the index for questions about grants.

Law: a command counts for the agent and for the principal that it acts for; what the index does not
hold is counted as unknown.
"""

from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import msgspec

from custody.index import CommandUse, EventContext, Index, UsageRequest, UsageStart
from custody.model.identity import Identity

DAY_MS: Final = 86_400_000
LOOK_BACK_DAYS: Final = 32
"""How long before the period a loop may have begun and still be known."""
MOST_DAYS_NAMED: Final = 400

Document = dict[str, Any]


class PastLoop(msgspec.Struct, frozen=True):
    """A loop as it went. ``ended`` is ``None`` where it runs, or nothing tells that it ended."""

    id: str
    identity: Identity
    principal: Identity | None
    parent: str
    started: int
    expires: int
    ended: int | None
    reason: str


class PastSession(msgspec.Struct, frozen=True):
    place: EventContext
    groups: tuple[str, ...]
    started: int
    ended: int | None
    bytes: int | None
    """Sent to the client, the protocol's own included; ``None`` until it ended."""


class UsageHistory:
    """What one period saw. Reads the starts of loops and sessions at once, uses when asked."""

    def __init__(self, index: Index, since: int, until: int) -> None:
        self._index: Final = index
        self.since: Final = since
        self.until: Final = until
        self.loops: Final[dict[str, PastLoop]] = {}
        self.sessions: Final[dict[str, PastSession]] = {}
        self.replicating: Final[set[str]] = set()
        """The sessions that took a replication stream within the period."""
        for begun in index.starts(day_of(since - LOOK_BACK_DAYS * DAY_MS)):
            self._take(begun)
        self._people: Final[dict[EventContext, tuple[Identity, ...]]] = {}

    def _take(self, begun: UsageStart) -> None:
        place, detail = begun.place, begun.detail
        match begun.kind:
            case "loop.start":
                self.loops[place.loop] = PastLoop(
                    place.loop,
                    Identity(place.identity, place.issuer, _groups(detail)),
                    _principal(detail),
                    str(detail.get("parent", "")),
                    begun.time,
                    int(detail.get("expires", begun.time)),
                    detail.get("ended"),
                    str(detail.get("reason", "")),
                )
            case "session.start":
                self.sessions[place.session] = PastSession(
                    place,
                    _groups(detail),
                    begun.time,
                    detail.get("ended"),
                    detail.get("bytes_down"),
                )
            case _ if self.since <= begun.time < self.until:
                self.replicating.add(place.session)

    def people(self, place: EventContext) -> tuple[Identity, ...]:
        """Whom the commands of a session count for: who acted, then for whom."""
        known = self._people.get(place)
        if known is None:
            session, loop = self.sessions.get(place.session), self.loops.get(place.loop)
            groups: tuple[str, ...] = ()
            if session is not None:
                groups = session.groups
            elif loop is not None:
                groups = loop.identity.groups
            own = Identity(place.identity, place.issuer, groups)
            whom = None if loop is None else loop.principal
            known = tuple(each for each in (own, whom) if each is not None and each.subject)
            self._people[place] = known
        return known

    def members(self) -> Mapping[str, set[tuple[str, str]]]:
        """Who of each group opened a session in the period, by issuer and subject."""
        members: dict[str, set[tuple[str, str]]] = {}
        for session in self.sessions.values():
            if self.within(session):
                for identity in self.people(session.place):
                    for group in identity.groups:
                        members.setdefault(group, set()).add((identity.issuer, identity.subject))
        return members

    def within(self, session: PastSession) -> bool:
        """Whether the session was open at some time of the period."""
        end = self.until if session.ended is None else session.ended
        return session.started < self.until and end >= self.since

    def uses(
        self,
        concerned: Callable[[EventContext], bool] = lambda _: True,
        *,
        objects: bool = False,
        span_ms: int = 0,
    ) -> Iterator[CommandUse]:
        """What was used, in the sessions that are concerned."""
        asked = UsageRequest(self.since, self.until, objects, span_ms)
        return self._index.uses(asked, lambda place: bool(place.session) and concerned(place))

    def days(self) -> Mapping[str, Any]:
        """Which days were looked at, and which of the period were not there to be looked at."""
        first = datetime.fromtimestamp(self.since / 1000, UTC).date()
        last = datetime.fromtimestamp((self.until - 1) / 1000, UTC).date()
        indexed = [day for day in self._index.days() if f"{first}" <= day <= f"{last}"]
        count = (last - first).days + 1
        missing: list[str] = []
        there = set(indexed)
        for number in range(min(count, MOST_DAYS_NAMED)):
            day = f"{first + timedelta(days=number)}"
            if day not in there:
                missing.append(day)
        return {
            "since": f"{first}",
            "until": f"{last}",
            "asked": count,
            "looked_at": len(indexed),
            "first": indexed[0] if indexed else None,
            "last": indexed[-1] if indexed else None,
            "without_evidence": missing,
        }


def day_of(time: int) -> str:
    return f"{datetime.fromtimestamp(max(time, 0) / 1000, UTC).date()}"


def _groups(detail: Mapping[str, Any], key: str = "groups") -> tuple[str, ...]:
    return tuple(str(each) for each in detail.get(key, ()))


def _principal(detail: Mapping[str, Any]) -> Identity | None:
    if "principal" not in detail:
        return None
    issuer = str(detail.get("principal_issuer", ""))
    return Identity(str(detail["principal"]), issuer, _groups(detail, "principal_groups"))
