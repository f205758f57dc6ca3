"""Leaves of the most frequent records, written from templates that are made once.

Law: a leaf from a form is, byte for byte, what the encoder writes of the same facts. Only allowed
commands and their good answers have forms; every other leaf goes through the encoder.
"""

from collections.abc import Mapping
from typing import Final

import msgspec

from custody.evidence.record.frame import LEAF_MAX
from custody.evidence.record.leaf import VERSION, LeafError
from custody.evidence.record.leaf_facts import LeafFacts, RecordKind
from custody.evidence.record.leaf_parse_fast import LeafReader
from custody.model.errors import LogFailureError
from custody.model.record import Body, CommandSeen, Record, Response
from custody.model.words import Decision, Effect, Outcome

_FORMS_AT_MOST: Final = 256
_ALLOW: Final = Decision.ALLOW
_OK: Final = Outcome.OK

_written: Final = LeafReader()
"""Reads what was written as a verifier will."""

encode: Final = msgspec.json.Encoder(order="sorted").encode
"""The deterministic encoder: sorted keys, no spaces, no floats among the facts."""


LeafTemplate = tuple[str, ...]
"""A leaf in ten pieces. Between them stand ``ct``, ``durable``, ``loop``, ``n``, ``pc``, ``prev``,
``seg``, ``session`` and ``t``, in this order: hashes, checked ids and numbers, which JSON never
escapes.
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


LeafLinks = tuple[str, int, str | None, int, str, str, str]
"""``ct``, ``durable``, ``loop``, ``n``, ``pc``, ``prev``, ``seg``; -1 where there is no ``n``."""


def fill_template(form: LeafTemplate, links: LeafLinks, session: str | None, t: int) -> bytes:
    """The leaf. Twice as quick as ``%``, which would read its format again for each record."""
    a, b, c, d, e, f, g, h, i, j = form
    ct, synced, loop, n, pc, prev, seg = links
    head = f"{a}{ct}{b}{synced}{c}{loop}{d}{n}{e}{pc}{f}"
    return f"{head}{prev}{g}{seg}{h}{session}{i}{t}{j}".encode()


Commitments = tuple[str, tuple[str, str]]
"""To the line of the scope's key, and to the day's line and its escrow lines, SHA-256; empty where
they are known.
"""


def write_leaf(
    record: Record,
    kind: RecordKind,
    facts: LeafFacts | LeafTemplate,
    links: LeafLinks,
    commitments: Commitments,
) -> bytes:
    """A record's leaf. ``facts``: what it says beside its links, or its form, where it commits to
    nothing. Raises ``LogFailureError`` where it is too long.
    """
    if isinstance(facts, tuple):
        return fill_template(facts, links, record.session, record.time)
    ct, durable, loop, n, pc, prev, seg = links
    leaf = {**facts, "v": VERSION, "type": kind.name, "t": record.time}
    leaf |= {"seg": seg, "pc": pc, "ct": ct, "durable": durable}
    key, (day, escrow) = commitments
    if key:
        leaf["key"] = key
    if day:
        leaf["day"] = day
    if escrow:
        leaf["escrow"] = escrow
    if loop is not None:
        leaf["loop"] = loop
    if n >= 0:
        leaf["session"] = record.session
        leaf["n"] = n
        if n:
            leaf["prev"] = prev
    encoded = encode(leaf)
    if len(encoded) > LEAF_MAX:
        raise LogFailureError("log.leaf-too-large", "A record's leaf is longer than 4 KiB.")
    try:
        _written.read(encoded)
    except LeafError as error:
        # A verifier would call the log tampered with for ever: this record is refused instead.
        raise LogFailureError(
            "log.leaf",
            f"A {kind.name} record has no leaf of the format, and was refused: {error.fault}",
            "This is a fault in the gateway; report it.",
        ) from None
    return encoded


_HOLE: Final = "\x00"
"""No encoded fact holds it: JSON escapes control characters."""
_OPEN: Final[Mapping[str, str]] = {
    **dict.fromkeys(("ct", "loop", "pc", "prev", "seg", "session"), f'"{_HOLE}"'),
    **dict.fromkeys(("durable", "n", "t"), _HOLE),
}


def template_of(kind: RecordKind, facts: LeafFacts) -> LeafTemplate:
    """The leaf with these facts, all that differs from record to record left open."""
    facts = {**facts, "v": VERSION, "type": kind.name}
    fields = {name: encode(fact).decode() for name, fact in facts.items()}
    fields.update(_OPEN)
    text = "{" + ",".join(f'"{name}":{fields[name]}' for name in sorted(fields)) + "}"
    return tuple(text.split(_HOLE))
