"""Leaves of what is recorded most, written from forms that are made once.

Law: a leaf from a form is, byte for byte, what the encoder writes of the same facts. Only allowed
commands and their good answers have forms; every other leaf goes through the encoder.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from custody.evidence.facts import Facts, Kind
from custody.evidence.leaf import VERSION
from custody.model.record import Body, CommandSeen, Record, Response
from custody.model.words import Decision, Effect, Outcome

_FORMS_AT_MOST: Final = 256
_ALLOW: Final = Decision.ALLOW
_OK: Final = Outcome.OK

encode: Final = msgspec.json.Encoder(order="sorted").encode
"""The deterministic encoder: sorted keys, no spaces, no floats among the facts."""


class LeafForms:
    """The forms of one log. Encoding all of a leaf anew takes four times as long.

    A form is a text to be filled by ``%`` with ``ct``, ``loop``, ``n``, ``pc``, ``prev``, ``seg``,
    ``session`` and ``t``, in this order: hashes, checked ids and numbers, which JSON never escapes.
    """

    __slots__ = ("_answered", "_commands")

    def __init__(self) -> None:
        self._answered = ""
        """Behind the number of the command that was answered."""
        self._commands: dict[tuple[frozenset[Effect], str], str] = {}

    def of(self, body: Body) -> str:
        """The form for this body in the middle of a session; empty where there is none yet."""
        if type(body) is CommandSeen:
            if body.decision is _ALLOW and body.stage == "execute":
                return self._commands.get((body.command.effects, body.policy), "")
        elif type(body) is Response and body.outcome is _OK and body.command is not None:
            answered = self._answered
            return f'{{"command":{body.command}{answered}' if answered else ""
        return ""

    def learn(self, kind: Kind, body: Body, facts: Facts) -> None:
        """Make a form of facts that were checked: what the kind and the mask make of a body."""
        if type(body) is CommandSeen:
            if body.decision is Decision.ALLOW and body.stage == "execute":
                if len(self._commands) >= _FORMS_AT_MOST:
                    self._commands.clear()
                self._commands[body.command.effects, body.policy] = form_of(kind, facts)
        elif type(body) is Response and body.outcome is Outcome.OK and body.command is not None:
            # ``command`` sorts before every other name, so it stands first.
            rest = {name: fact for name, fact in facts.items() if name != "command"}
            form = form_of(kind, rest)
            self._answered = "," + form.removeprefix("{")

    def forget(self) -> None:
        """What all leaves say (the mask) is another from now on."""
        self._answered = ""
        self._commands.clear()


Given = tuple[str, str | None, int, str, str, str]
"""``ct``, ``loop``, ``n``, ``pc``, ``prev`` and ``seg``; -1 where there is no ``n``."""


def leaf_of(record: Record, kind: Kind, facts: Facts | str, given: Given) -> bytes:
    """A record's leaf. ``facts``: what it says beside its links, or its form."""
    if isinstance(facts, str):
        return (facts % (*given, record.session, record.time)).encode()
    ct, loop, n, pc, prev, seg = given
    leaf = {**facts, "v": VERSION, "type": kind.name, "t": record.time}
    leaf |= {"seg": seg, "pc": pc, "ct": ct}
    if loop is not None:
        leaf["loop"] = loop
    if n >= 0:
        leaf["session"] = record.session
        leaf["n"] = n
        if n:
            leaf["prev"] = prev
    return encode(leaf)


_OPEN: Final[Mapping[str, str]] = {
    "ct": '"%s"',
    "loop": '"%s"',
    "n": "%d",
    "pc": '"%s"',
    "prev": '"%s"',
    "seg": '"%s"',
    "session": '"%s"',
    "t": "%d",
}


def form_of(kind: Kind, facts: Facts) -> str:
    """The leaf with these facts, all that differs from record to record left open."""
    facts = {**facts, "v": VERSION, "type": kind.name}
    fields = {name: encode(fact).decode().replace("%", "%%") for name, fact in facts.items()}
    fields.update(_OPEN)
    return "{" + ",".join(f'"{name}":{fields[name]}' for name in sorted(fields)) + "}"
