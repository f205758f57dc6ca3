"""A gateway's evidence as text: one record a line, byte for byte but for what chance decides.

Law: nothing is left out but heartbeats, which a clock makes; nothing is changed but what has a name
in ``<…>`` here. A name with a number stands for one value throughout: what was equal stays equal.
Only here do these tests reach inside Custody, because no command prints the bytes of a payload.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Final

from custody.evidence.disk.files import DiskFiles
from custody.evidence.disk.segment import walk_year
from custody.evidence.disk.wrapped_keys import DayKey, scope_of
from custody.evidence.disk.wrapped_keys import parse as parse_wrapped
from custody.evidence.keys.keyring import Keyring, load_keyring
from custody.evidence.record.frame import Frame
from custody.evidence.record.leaf import Leaf, parse
from custody.evidence.record.seal import derive, place, unseal

_KINDS: Final = {"loop": "loop", "ses": "session", "tkt": "ticket", "login": "login"}
_ID: Final = re.compile(r"\b(loop|ses|tkt|login)_[a-z2-7]{12}(?:[a-z2-7]{8})?\b")
_DIGEST: Final = re.compile(r'(?<="digest":")[0-9a-f]{64}(?=")')
"""Of content, under a key that is drawn for each day."""

_EFFECTS: Final = re.compile(r'(?<="effects":\[)[a-z",]+(?=\])')
"""A set, whose order chance decides; a leaf has them sorted."""

_OF_A_LEAF: Final = (
    (re.compile(r'"t":\d+'), '"t":<time>'),
    (re.compile(r'"(ct|day|key|pc|prev)":"[0-9a-f]{64}"'), r'"\1":"<hash>"'),
    (re.compile(r'"durable":\d+'), '"durable":<size>'),
    (re.compile(r'"seg":"\d{4}-\d\d-\d\d/\d+"'), '"seg":"<segment>"'),
)
_OF_A_PAYLOAD: Final = (
    (re.compile(r'"duration_us":[1-9]\d*'), '"duration_us":<duration>'),
    (re.compile(r'"(started|expires)":\d+'), r'"\1":<time>'),
    (re.compile(r'("act":"(?:ticket\.\w+|loop\.end)","actor":)"[^"]*"'), r'\1"<operator>"'),
    # Types that the script made: how many were made before is the server's.
    (re.compile(r'"type":"oid \d{5,}"'), '"type":"oid <number>"'),
    (re.compile(r'\["L","\d+"\]'), '["L","<line>"]'),
    (re.compile(r'\["R","\w+"\]'), '["R","<function>"]'),
)
_SOURCE: Final = re.compile(r'\["[LR]","(\w+)"\]')
"""Where in the server's own source something was raised: each version has its own."""
_DOWN: Final = re.compile(r'(?<="bytes_down":)\d+')
_ANYWHERE: Final = ((re.compile(r"\b127\.0\.0\.1:\d+"), "127.0.0.1:<port>"),)


class Names:
    """Gives what chance has made a name; the first of its kind is number 1."""

    def __init__(self) -> None:
        self._given: Final[dict[str, str]] = {}
        self._count: Final[dict[str, int]] = {}

    def settle(self, text: str) -> str:
        """The text with ids, digests and addresses by name."""
        text = _ID.sub(lambda found: self._name(_KINDS[found[1]], found[0]), text)
        text = _DIGEST.sub(lambda found: self._name("digest", found[0]), text)
        return replaced(_ANYWHERE, text)

    def _name(self, kind: str, value: str) -> str:
        if value not in self._given:
            self._count[kind] = self._count.get(kind, 0) + 1
            self._given[value] = f"<{kind}-{self._count[kind]}>"
        return self._given[value]


def replaced(changes: tuple[tuple[re.Pattern[str], str], ...], text: str) -> str:
    for pattern, name in changes:
        text = pattern.sub(name, text)
    return text


def evidence_lines(folder: Path, name: str, names: Names) -> list[str]:
    """Every record in the order of the log: its type, its leaf, its payload.

    ``folder`` and ``name`` are the gateway's.
    """
    lines: list[tuple[Leaf, str]] = []
    source: dict[str, int] = {}
    for leaf, text, payload in records(folder / "data" / "evidence", folder / "keys", name):
        if leaf.type == "heartbeat":
            continue
        # Bytes of the server's source are counted with what went to the client.
        spent = source.get(leaf.session, 0) + sum(map(len, _SOURCE.findall(payload)))
        source[leaf.session] = spent
        content = _EFFECTS.sub(lambda found: ",".join(sorted(found[0].split(","))), payload)
        if down := _DOWN.search(content):
            content = _DOWN.sub(str(int(down[0]) - spent), content)
        shown = f"{replaced(_OF_A_LEAF, text)} {replaced(_OF_A_PAYLOAD, content)}"
        lines.append((leaf, f"{leaf.type} {names.settle(shown)}"))
    return [line for _, line in _ends_in_order(lines)]


def _ends_in_order(lines: Sequence[tuple[Leaf, str]]) -> Sequence[tuple[Leaf, str]]:
    """Where a loop's end ends a session, chance decides which of the two is recorded first."""
    ordered = list(lines)
    for number, ((first, _), (second, _)) in enumerate(pairwise(lines)):
        ends = first.type == "loop.end" and second.type == "session.end"
        if ends and first.loop == second.loop:
            ordered[number : number + 2] = lines[number + 1], lines[number]
    return ordered


def records(evidence: Path, keys: Path, name: str) -> Iterator[tuple[Leaf, str, str]]:
    """Every record, opened: its leaf, parsed and as it stands, and its payload."""
    files = DiskFiles()
    keyring = load_keyring(files, keys, None, bytes, name)
    for year in sorted(path.name for path in (evidence / "log").iterdir()):
        for located in walk_year(files, evidence, year):
            frame = located.frame
            leaf = parse(frame.leaf)
            payload = _payload(evidence, keyring, f"{keyring.name}/{year}", frame, leaf)
            yield leaf, frame.leaf.decode(), payload.decode()


def _payload(evidence: Path, keyring: Keyring, log: str, frame: Frame, leaf: Leaf) -> bytes:
    day = leaf.seg.partition("/")[0]
    wrapped = parse_wrapped((evidence / "wrapped" / day).read_bytes(), day)
    scope = scope_of(leaf.loop, leaf.session)
    key = DayKey(day, keyring.unwrap(day, wrapped.day_key)).unwrap(scope, wrapped.keys[scope])
    where = place(log.encode(), frame.index)
    return unseal(derive(key, frame.random, where), where, frame.sealed, leaf.pc)
