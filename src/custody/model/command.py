"""What a command is, and what is decided about it.

Law: a ``Command`` is what a policy judges and what the evidence shows. It says where secrets may
stand in it (marks, columns) but never whether they do: that is masking's to decide.
"""

from collections.abc import Sequence
from typing import Final

import msgspec
from msgspec import UNSET, UnsetType

from custody.model.words import Decision, Effect


class Column(msgspec.Struct, frozen=True):
    """A column of a relation. An empty ``schema`` or ``relation`` means that it is not known."""

    schema: str
    relation: str
    name: str
    kin: tuple[tuple[str, str], ...] = ()
    """As in ``Relation``: the column's values may be those of a column of theirs."""


class Relation(msgspec.Struct, frozen=True):
    """A relation that a command touches. ``columns`` is ``None`` where it could not be resolved
    to a plain table: absent from the catalogue, a view, a function.
    """

    schema: str
    name: str
    columns: tuple[str, ...] | None
    kin: tuple[tuple[str, str], ...] = ()
    """Schema and name of all that it inherits from and that inherits from it, partitions included,
    at any distance: what is read from one may stand in another."""


class TextMark(msgspec.Struct, frozen=True):
    """A literal in a command's text: ``text[start:end]``, in characters, its quotes included.

    ``columns`` are the columns that it is compared with or assigned to. ``proven`` is true when
    these are certainly all it can meet; a literal that is not proven might meet any column that
    the command touches. ``secret`` marks a value that is always redacted (a password).
    """

    start: int
    end: int
    columns: tuple[Column, ...] = ()
    proven: bool = False
    secret: bool = False


class Argument(msgspec.Struct, frozen=True):
    """One bind value, decoded to text where its type is understood.

    ``value`` is ``None`` for SQL NULL. ``readable`` is false where a binary value could not be
    decoded; ``value`` is then hexadecimal. ``length`` is the value's full length in bytes on the
    wire; ``value`` may be only its beginning, which ``truncated`` then says.
    """

    value: str | None
    type: str
    length: int
    readable: bool = True
    truncated: bool = False
    columns: tuple[Column, ...] = ()
    proven: bool = False
    secret: bool = False


class WholeText(msgspec.Struct, frozen=True):
    """Of a text that was longer than what is kept of one."""

    bytes: int
    """As it came, in UTF-8."""
    digest: str
    """SHA-256 of the whole masked text, hexadecimal."""


class Command(msgspec.Struct, frozen=True):
    """One act that a policy can judge.

    ``effects`` and ``objects`` follow the protocol's table of meaning. ``objects`` are
    ``schema.name``; an ambiguous name contributes every candidate. ``relations`` is what masking
    needs to know of what the command touches; ``resolved`` is false if that list may be short.
    ``fingerprint`` is empty where none can be taken without fingerprinting a secret.
    ``problem`` says why the command could not be read, when its effects hold ``unknown``.
    """

    action: str
    effects: frozenset[Effect]
    objects: tuple[str, ...]
    bounded: bool
    text: str
    arguments: tuple[Argument, ...] = ()
    fingerprint: str = ""
    form: str = "simple"
    """How it came: for PostgreSQL ``simple``, ``extended`` or ``function``."""
    problem: str = ""
    marks: tuple[TextMark, ...] = ()
    relations: tuple[Relation, ...] = ()
    resolved: bool = True
    cascade: bool | UnsetType = UNSET
    """It may touch more than ``objects`` names, or reached some of these by a CASCADE."""
    actions: tuple[str, ...] | UnsetType = UNSET
    """What it does inside beside ``action``: a CTE's DELETE, what an EXECUTE runs."""
    whole: WholeText | UnsetType = UNSET
    """Where the text was longer than what is kept of one; masking may have made it shorter too."""


NO_RULE: Final = "grant"
"""Stands for a rule's name where the grants decided, or where no rule matched."""


class Verdict(msgspec.Struct, frozen=True):
    """What policy decided, why, and under which policy."""

    decision: Decision
    rule: str
    """The rule's name, or ``NO_RULE``."""
    reason: str
    policy: bytes
    """The digest of the policy that decided."""
    approvers: tuple[str, ...] = ()
    timeout_ms: int = 0


Wire = Sequence[bytes | memoryview]
"""Bytes as they were received: slices of the buffer, in order, never re-encoded."""
