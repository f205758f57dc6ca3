"""Leaves of the most frequent records, written from templates that are made once.

Law: a leaf from a form is, byte for byte, what the encoder writes of the same facts. Only allowed
commands and their good answers have forms; every other leaf goes through the encoder.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from custody.evidence.record.leaf import VERSION
from custody.evidence.record.leaf_facts import LeafFacts, RecordKind
from custody.model.record import Body, CommandSeen, Record, Response
from custody.model.words import Decision, Effect, Outcome

_FORMS_AT_MOST: Final = 256
_ALLOW: Final = Decision.ALLOW
_OK: Final = Outcome.OK

encode: Final = msgspec.json.Encoder(order="sorted").encode
"""The deterministic encoder: sorted keys, no spaces, no floats among the facts."""


LeafTemplate = tuple[str, ...]
"""A leaf in nine pieces. Between them stand ``ct``, ``loop``, ``n``, ``pc``, ``prev``, ``seg``,
``session`` and ``t``, in this order: hashes, checked ids and numbers, which JSON never escapes.
"""


class LeafTemplates:
    """The forms of one log. Encoding all of a leaf anew takes ten times as long."""

    __slots__ = ("_answered", "_answered_rest", "_commands")

    def __init__(self) -> None:
        self._answered = ""
        """What stands behind the number of the command that was answered, in the first piece."""
        self._answered_rest: LeafTemplate = ()
        self._commands: dict[tuple[frozenset[Effect], str], LeafTemplate] = {}

    def of(self, body: Body) -> LeafTemplate | None:
        """The form for this body in the middle of a session, where there is one yet."""
        if type(body) is CommandSeen:
            if body.decision is _ALLOW and body.stage == "execute":
                return self._commands.get((body.command.effects, body.policy))
        elif (
            type(body) is Response
            and body.outcome is _OK
            and body.command is not None
            and self._answered
        ):
            return (f'{{"command":{body.command}{self._answered}', *self._answered_rest)
        return None

    def learn(self, kind: RecordKind, body: Body, facts: LeafFacts) -> None:
        """Make a form of facts that were checked: what the kind and the mask make of a body."""
        if type(body) is CommandSeen:
            if body.decision is Decision.ALLOW and body.stage == "execute":
                if len(self._commands) >= _FORMS_AT_MOST:
                    self._commands.clear()
                self._commands[body.command.effects, body.policy] = template_of(kind, facts)
        elif type(body) is Response and body.outcome is Outcome.OK and body.command is not None:
            # ``command`` sorts before every other name, so it stands first.
            rest = {name: fact for name, fact in facts.items() if name != "command"}
            form = template_of(kind, rest)
            self._answered = "," + form[0].removeprefix("{")
            self._answered_rest = form[1:]

    def forget(self) -> None:
        """What all leaves say (the mask) is another from now on."""
        self._answered = ""
        self._commands.clear()


def fill_template(  # noqa: PLR0917 - the parts of one leaf, on the hot path
    form: LeafTemplate,
    ct: str,
    loop: str | None,
    n: int,
    pc: str,
    prev: str,
    seg: str,
    session: str | None,
    t: int,
) -> bytes:
    """The leaf. Twice as quick as ``%``, which would read its format again for each record."""
    a, b, c, d, e, f, g, h, i = form
    return f"{a}{ct}{b}{loop}{c}{n}{d}{pc}{e}{prev}{f}{seg}{g}{session}{h}{t}{i}".encode()


LeafLinks = tuple[str, str | None, int, str, str, str]
"""``ct``, ``loop``, ``n``, ``pc``, ``prev`` and ``seg``; -1 where there is no ``n``."""


def leaf_of(record: Record, kind: RecordKind, facts: LeafFacts, given: LeafLinks) -> bytes:
    """The leaf of a record that has no form. ``facts``: what it says beside its links."""
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


_HOLE: Final = "\x00"
"""No encoded fact holds it: JSON escapes control characters."""
_OPEN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ct", "loop", "pc", "prev", "seg", "session"), f'"{_HOLE}"'),
    **dict.fromkeys(("n", "t"), _HOLE),
}


def template_of(kind: RecordKind, facts: LeafFacts) -> LeafTemplate:
    """The leaf with these facts, all that differs from record to record left open."""
    facts = {**facts, "v": VERSION, "type": kind.name}
    fields = {name: encode(fact).decode() for name, fact in facts.items()}
    fields.update(_OPEN)
    text = "{" + ",".join(f'"{name}":{fields[name]}' for name in sorted(fields)) + "}"
    return tuple(text.split(_HOLE))
