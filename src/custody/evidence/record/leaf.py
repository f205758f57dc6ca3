"""Leaves: the public line that each record leaves in the tree for ever.

Law: a leaf holds numbers, hashes, ids that the gateway minted and closed enumerations; never free
text, so nothing in it can be a secret. It is deterministic JSON (sorted keys, no floats, integers
below 2^53) of at most 4 KiB. A verifier hashes the stored bytes first and only then parses them.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from typing import Final, NamedTuple, NoReturn

from custody.evidence.record.frame import LEAF_MAX
from custody.model.errors import CustodyError
from custody.model.words import Decision, Effect, Ended, Outcome

VERSION: Final = "custody-leaf/2"
_VERSIONS: Final = {"custody-leaf/1": 1, VERSION: 2}
_INTEGER_END: Final = 2**53

Fact = int | str | tuple[str, ...]


class LeafError(CustodyError):
    """Bytes that are no leaf of this format."""

    def __init__(self, fault: str) -> None:
        super().__init__("evidence.leaf", fault)


class Leaf(NamedTuple):
    """A parsed leaf. ``n`` is -1 and ``prev`` empty for a record that belongs to no session;
    ``prev`` is empty, too, for a session's first record.
    """

    type: str
    t: int
    seg: str
    """Where the frame stands: ``<day>/<nnn>``."""
    pc: str
    ct: str
    loop: str
    session: str
    n: int
    prev: str
    facts: Mapping[str, Fact]
    """What else the type says: ``effects``, ``verdict``, ``outcome``, ``command`` …"""
    version: int = 1
    """Of the format, 1 or 2. What follows is empty in format 1."""
    durable: int = -1
    """How many records were known to be synced, as the frame says it too."""
    key: str = ""
    """SHA-256 of the line that holds the key of this record's scope, in the first record that the
    scope has on a day since the log was opened."""
    day_key: str = ""
    """The same of the day's line, in the first record of the day since then."""
    escrow: str = ""
    """What that record commits to of the day's escrow lines; empty where there were none."""

    @property
    def command(self) -> int | None:
        """The ``n`` of the command that this record is about."""
        match self.facts.get("command"):
            case int(n):
                return n
            case _:
                return None


def leaf_hash(leaf: bytes) -> bytes:
    """RFC 6962 §2.1: the hash of an entry."""
    return hashlib.sha256(b"\x00" + leaf).digest()


FactCheck = Callable[[object], bool]


def _integer(value: object) -> bool:
    return type(value) is int and -_INTEGER_END < value < _INTEGER_END


def _count(value: object) -> bool:
    return type(value) is int and 0 <= value < _INTEGER_END


def _pattern(pattern: str) -> FactCheck:
    match = re.compile(pattern, re.ASCII).fullmatch
    return lambda value: isinstance(value, str) and match(value) is not None


def _one_of(*words: str) -> FactCheck:
    allowed = frozenset(words)
    return lambda value: isinstance(value, str) and value in allowed


def _effects(value: object) -> bool:
    if not isinstance(value, list) or not all(isinstance(word, str) for word in value):
        return False
    return value == sorted(set(value)) and set(value) <= set(Effect)


def _closed(value: object) -> bool:
    """What a type that this version does not know may say: no spaces, so no sentences."""
    if isinstance(value, list):
        return all(_word(item) for item in value)
    return _integer(value) or _word(value)


_hash: Final = _pattern("[0-9a-f]{64}")
_word: Final = _pattern("[A-Za-z0-9._:/+=-]{0,128}")
_checkpoint: Final = _pattern(r"[!-~]+\n[0-9]+\n[A-Za-z0-9+/=]+\n\n(?:— [!-~]+ [A-Za-z0-9+/=]+\n)+")

STAGES: Final = ("execute", "parse", "bind")
DURABILITIES: Final = ("disk", "hub")
RESPONSES: Final = ("async", "strict")

_COMMON: Final[Mapping[str, FactCheck]] = {
    "v": _one_of(*_VERSIONS),
    "type": _pattern(r"[a-z]+(?:\.[a-z]+)?"),
    "t": _count,
    "seg": _pattern(r"[0-9]{4}-[0-9]{2}-[0-9]{2}/[0-9]{3,6}"),
    "pc": _hash,
    "ct": _hash,
}
_LINKS: Final[Mapping[str, FactCheck]] = {
    "loop": _pattern("loop_[a-z2-7]{20}"),
    "session": _pattern("ses_[a-z2-7]{20}"),
    "n": _count,
    "prev": _hash,
}
_BINDINGS: Final[Mapping[str, FactCheck]] = {
    "day": _hash,
    "durable": _count,
    "escrow": _hash,
    "key": _hash,
}
"""What leaves of every type may have since format 2; ``durable`` they must."""
REQUIRED: Final[Mapping[str, Mapping[str, FactCheck]]] = {
    "log.open": {"durability": _one_of(*DURABILITIES), "responses": _one_of(*RESPONSES)},
    "command": {"effects": _effects, "stage": _one_of(*STAGES), "verdict": _one_of(*Decision)},
    "response": {"outcome": _one_of(*Outcome)},
    "response.unknown": {"command": _count},
    "transaction": {"ended": _one_of(*Ended), "first": _count, "last": _count},
    "notification": {"count": _count},
    "clock": {"offset": _integer},
    "gap": {"count": _count},
    "anchor.accepted": {"lost": _count, "size": _count},
    "config": {"mask": _hash, "policy": _hash},
    "recovery": {"torn": _count, "hash": _hash, "size": _count, "open": _count, "digest": _hash},
    "heartbeat": {"open": _count, "digest": _hash},
}
"""Facts that a leaf of this type always has."""
_OPTIONAL: Final[Mapping[str, Mapping[str, FactCheck]]] = {
    "log.open": {"previous": _checkpoint},
    "command": {"policy": _hash, "mask": _hash},
    "injected": {"command": _count, "mask": _hash},
    "response": {"command": _count, "mask": _hash},
    "stream": {"command": _count, "mask": _hash},
    "notification": {"mask": _hash},
    "session.start": {"mask": _hash},
    "login.refused": {"mask": _hash},
    "login.accepted": {"mask": _hash},
    "credential.leased": {"mask": _hash},
    "evidence.read": {"mask": _hash},
    "anchor.accepted": {"signed": _count},
}
_PLAIN_TYPES: Final = frozenset(
    (
        *("log.close", "loop.start", "loop.end", "session.end", "session.carry", "opaque"),
        *("admin", "login.end", "budget.exceeded", "credential.returned"),
        "keys",
    )
)


def parse(data: bytes) -> Leaf:
    """Read a leaf. Raises ``LeafError``, whatever the bytes."""
    if len(data) > LEAF_MAX:
        raise LeafError("The leaf is longer than 4 KiB.")
    try:
        fields = json.loads(
            data.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_float=_refuse,
            parse_constant=_refuse,
            parse_int=_bounded,
        )
    except (ValueError, RecursionError):
        raise LeafError("The leaf is not JSON with distinct keys and whole numbers.") from None
    if not isinstance(fields, dict):
        raise LeafError("The leaf is not a JSON object.")
    for name, check in _COMMON.items():
        if name not in fields or not check(fields[name]):
            raise LeafError(f"The leaf's {name} is missing or malformed.")
    kind = fields["type"]
    _check_links(fields, kind)
    version = _VERSIONS[fields["v"]]
    _check_bindings(fields, version)
    return Leaf(
        kind,
        fields["t"],
        fields["seg"],
        fields["pc"],
        fields["ct"],
        fields.get("loop", ""),
        fields.get("session", ""),
        fields.get("n", -1),
        fields.get("prev", ""),
        _facts(fields, kind),
        version,
        fields.get("durable", -1),
        fields.get("key", ""),
        fields.get("day", ""),
        fields.get("escrow", ""),
    )


def _check_links(fields: dict[str, object], kind: str) -> None:
    for name, check in _LINKS.items():
        if name in fields and not check(fields[name]):
            raise LeafError(f"The leaf's {name} is malformed.")
    in_session = "session" in fields
    if in_session != ("n" in fields):
        raise LeafError("The leaf has a session without n, or n without a session.")
    if ("prev" in fields) != (in_session and fields["n"] != 0):
        raise LeafError("The leaf's prev does not go with its n.")
    if kind == "session.carry" and "prev" not in fields:
        raise LeafError("A session.carry has no n and prev to carry on from.")


def _check_bindings(fields: dict[str, object], version: int) -> None:
    for name, check in _BINDINGS.items():
        if name in fields and (version == 1 or not check(fields[name])):
            raise LeafError(f"The leaf's {name} is malformed, or not of its format.")
    if version > 1 and "durable" not in fields:
        raise LeafError("The leaf's durable is missing.")


def _facts(fields: dict[str, object], kind: str) -> dict[str, Fact]:
    required = REQUIRED.get(kind, {})
    for name in required:
        if name not in fields:
            raise LeafError(f"A leaf of type {kind} lacks {name}.")
    optional = _OPTIONAL.get(kind, {})
    known = kind in REQUIRED or kind in _OPTIONAL or kind in _PLAIN_TYPES
    facts: dict[str, Fact] = {}
    for name, value in fields.items():
        if name in _COMMON or name in _LINKS or name in _BINDINGS:
            continue
        check = required.get(name) or optional.get(name) or (None if known else _closed)
        if check is None or not check(value):
            raise LeafError("The leaf has a field that its type does not have, or a malformed one.")
        facts[name] = tuple(value) if isinstance(value, list) else value  # type: ignore[assignment]  # the checks above leave only Fact
    return facts


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key occurs twice")
    return fields


def _refuse(_text: str) -> NoReturn:
    raise ValueError("not a whole number")


def _bounded(text: str) -> int:
    if len(text) > 17:
        raise ValueError("a number out of range")
    return int(text)
