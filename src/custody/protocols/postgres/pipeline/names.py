"""Prepared statements and portals, by name, ahead of the server's answers.

Law: a name means what it will mean when the server reaches the message that uses it, provided that
every message before it in the same pipeline succeeds (the server skips it otherwise). Where a
message of an *earlier* pipeline that redefined the name is not answered yet, nobody can know: the
reader must wait (``UNCERTAIN``). What ends names, ends those that stood before it on the wire:
what a client made behind it in the same write lives.
"""

from enum import Enum
from typing import Final, Generic, TypeVar

from custody.model.command import Argument
from custody.protocols.postgres.statements.session_view import Settings
from custody.protocols.postgres.types.value_types import Types, has_own
from custody.protocols.postgres.values.bind import LongValues
from custody.protocols.postgres.values.row_capture import RowDescription
from custody.wire.sql.syntax import Statement


class Uncertain(Enum):
    UNCERTAIN = "uncertain"


UNCERTAIN: Final = Uncertain.UNCERTAIN
NAME_AT_MOST: Final = 63
"""Bytes of a name that the server looks at (NAMEDATALEN)."""


class NamedObject:
    """What a name stands for. What is rarely set stands on the class."""

    doubted = -1
    """The pipeline in which SQL may have taken its name away."""
    settled = False
    dead = False
    gone = False
    """It stands for nothing any more (a Close)."""
    cost = 0
    order = -1
    """Of the message that made it, among all that were forwarded."""
    previous: "NamedObject | None" = None
    """What the name stood for before it on the wire."""

    def __init__(self, name: bytes, domain: int) -> None:
        self.name = name[:NAME_AT_MOST]
        self.domain = domain


class Definition(NamedObject):
    """A prepared statement. ``statement`` is ``None`` where its text could not be read, and
    ``problem`` says why; it is also ``None`` for an empty text, without a problem.
    """

    statement: Statement | None = None
    problem = ""
    types: tuple[int, ...] = ()
    own_types = False
    """Some of them are the database's own."""
    description: RowDescription | None = None

    def __init__(self, name: bytes, domain: int, text: str) -> None:
        super().__init__(name, domain)
        self.text = text

    def declare(self, types: tuple[int, ...]) -> None:
        """The types of its parameters."""
        self.types = types
        self.own_types = has_own(types)


class Portal(NamedObject):
    """A bound statement. ``definition`` is ``None`` where nobody knows what it runs."""

    arguments: tuple[Argument, ...] | None = None
    """Decoded when it is first executed."""
    body = b""
    """The Bind that made it."""
    long: LongValues | None = None
    """The values of a Bind that was streamed."""
    cursor = False
    """DECLARE made it."""
    formats: tuple[int, ...] = ()
    formats_known = False
    settings: Settings | None = None
    """In which its names were resolved: those of its Bind, whatever holds when it runs."""
    description: RowDescription | None = None
    types: Types | None = None
    """What the database said of its own types among those of the values."""
    holds = False

    def __init__(self, name: bytes, domain: int, definition: Definition | None) -> None:
        self.name = name[:NAME_AT_MOST]
        self.domain = domain
        self.definition = definition


Thing = TypeVar("Thing", bound=NamedObject)


class Names(Generic[Thing]):
    """One kind's names."""

    def __init__(self) -> None:
        self.things: Final[dict[bytes, Thing]] = {}
        self.cost = 0
        """What ``put`` was told that the live things hold, in bytes."""

    def find(self, name: bytes, domain: int) -> Thing | Uncertain | None:
        """What the name means to a message of the pipeline ``domain``."""
        thing = self.things.get(name[:NAME_AT_MOST])
        if thing is None:
            return None
        if not (thing.settled or thing.domain == domain):
            # Should it fail, the name means what PREPARE or DECLARE may have given it meanwhile.
            return UNCERTAIN
        return None if thing.gone or thing.doubted == domain else thing

    def doubt(self, name: bytes, domain: int) -> None:
        """From here to the end of that pipeline nobody knows what the name means; empty: any."""
        if name:
            thing = self.things.get(name[:NAME_AT_MOST])
            if thing is not None:
                thing.doubted = domain
            return
        for each in self.things.values():
            if each.name:
                each.doubted = domain

    def put(self, thing: Thing, order: int) -> None:
        """The message number ``order`` defines (or, ``gone``, ends) the name, and was forwarded."""
        thing.order = order
        newest = self.things.get(thing.name)
        if newest is not None and newest.order > order:
            # SQL that made it was forwarded before, and is answered only now.
            self._put_below(newest, thing)
            return
        if not thing.name and isinstance(newest, Portal):
            # Nothing brings a replaced unnamed portal back: what it held can go at once.
            self._forget(newest)
            newest.body = b""
            newest.arguments = None
            newest = None
        thing.previous = newest
        if thing.gone and newest is None:
            return
        self.things[thing.name] = thing
        self.cost += thing.cost

    def _put_below(self, newer: NamedObject, thing: Thing) -> None:
        while newer.previous is not None and newer.previous.order > thing.order:
            newer = newer.previous
        thing.previous, newer.previous = newer.previous, thing
        self.cost += thing.cost

    def settle(self, thing: Thing) -> None:
        """The server did it."""
        thing.settled = True
        if thing.previous is not None:
            self._forget(thing.previous)
            thing.previous = None
        if thing.gone and self.things.get(thing.name) is thing:
            del self.things[thing.name]

    def undo(self, thing: Thing) -> None:
        """The server did not do it."""
        thing.dead = True
        self.cost -= thing.cost
        thing.cost = 0
        if self.things.get(thing.name) is not thing:
            return
        before = thing.previous
        while before is not None and before.dead:
            before = before.previous
        if before is None:
            del self.things[thing.name]
        else:
            self.things[thing.name] = before  # type: ignore[assignment]  # of the same kind

    def remove(self, name: bytes, order: int) -> None:
        """The message number ``order``, which is no Close, ended what had the name before it."""
        name = name[:NAME_AT_MOST]
        newest: NamedObject | None = self.things.get(name)
        if newest is None:
            return
        if newest.order < order:
            del self.things[name]
            self._forget(newest)
            return
        while newest.previous is not None:
            if newest.previous.order < order:
                self._forget(newest.previous)
                newest.previous = None
                return
            newest = newest.previous

    def end(self, domain: int) -> None:
        """A transaction ended with that pipeline: what was bound in it or before is over."""
        over = [t for t in self.things.values() if t.domain <= domain and not _outlives(t)]
        for thing in over:
            del self.things[thing.name]
            self._forget(thing)

    def clear(self, order: int) -> None:
        """The message number ``order`` ended all that had a name before it."""
        for name in [name for name in self.things if name]:
            self.remove(name, order)

    def _forget(self, thing: NamedObject) -> None:
        before: NamedObject | None = thing
        while before is not None:
            self.cost -= before.cost
            before.cost = 0
            before = before.previous


def _outlives(thing: NamedObject) -> bool:
    return isinstance(thing, Portal) and thing.holds
