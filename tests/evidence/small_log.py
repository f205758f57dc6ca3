"""A small evidence directory, written through the formats alone.

Law: it shares no code with the log's writer, so a fault of the writer's is not repeated here; and
it can write what the writer never would, signed by the right key.
"""

import hashlib
import json
from dataclasses import dataclass, field
from importlib import resources
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.evidence.signing import private

from custody.evidence.disk import escrow_file, wrapped_keys
from custody.evidence.record import frame
from custody.evidence.record.seal import place, seal
from custody.evidence.tlog.checkpoint import Checkpoint, sign_checkpoint
from custody.evidence.tlog.merkle import leaf_hash
from custody.evidence.tlog.note import encode_base64, verifier_key
from custody.evidence.tlog.tile import EntryBundles, Resource, TiledTree

NAME = "gw1.example.com"
DAY = "2026-03-01"
KEK = AESGCM(hashlib.sha256(b"kek").digest())
ANN = "ses_" + "a" * 20
BOB = "ses_" + "b" * 20
CYD = "ses_" + "c" * 20
NO_SEGMENT = ""

Body = dict[str, object]


def open_day(day: str, data: bytes) -> bytes:
    """What the key-holder does."""
    return wrapped_keys.unwrap(KEK, wrapped_keys.day_name(day), data)


def random_of(seed: str) -> bytes:
    return hashlib.sha256(seed.encode()).digest()


@dataclass(frozen=True)
class Step:
    """One record to write. ``leaf`` overrides fields of its leaf, ``payload`` of its payload."""

    type: str
    session: str = ""
    facts: Body = field(default_factory=dict)
    body: Body = field(default_factory=dict)
    day: str = DAY
    new_segment: bool = False
    leaf: Body = field(default_factory=dict)


def log_open() -> Step:
    facts: Body = {"durability": "disk", "responses": "async"}
    return Step("log.open", facts=facts, body={**facts, "previous": "", "version": "1"})


def start(session: str) -> Step:
    return Step("session.start", session, body={"target": "orders"})


def command(session: str, text: str = "SELECT 1") -> Step:
    facts: Body = {"effects": ["read"], "stage": "execute", "verdict": "allow"}
    body: Body = {
        "command": {"effects": ["read"], "text": text},
        "decision": "allow",
        "stage": "execute",
        "policy": "",
    }
    return Step("command", session, facts, body)


def response(session: str, n: int) -> Step:
    facts: Body = {"outcome": "ok", "command": n}
    return Step("response", session, facts, dict(facts))


def end(session: str) -> Step:
    return Step("session.end", session, body={"reason": "left"})


def heartbeat() -> Step:
    return Step("heartbeat")


def log_close() -> Step:
    return Step("log.close", body={"reason": "stop"})


DIALOGUE = (
    log_open(),
    start(ANN),
    command(ANN),
    response(ANN, 1),
    heartbeat(),
    start(BOB),
    command(BOB, "SELECT 2"),
    end(ANN),
    response(BOB, 1),
    heartbeat(),
    start(CYD),
    end(CYD),
    heartbeat(),
    end(BOB),
    log_close(),
)


class SmallLog:
    """Writes steps; ``publish`` signs what is there."""

    def __init__(  # noqa: PLR0917 - how a log is to differ from the usual one
        self,
        evidence: Path,
        year: str = "2026",
        segment_bytes: int = 4096,
        signs_as: str = "",
        version: int = 2,
        escrow: str = "",
    ) -> None:
        """``signs_as``: whose key signs, by the name of another log; this log's own if empty.
        ``version``: of the format. ``escrow``: the public key of a recipient, for whom each day
        has a line.
        """
        self.version = version
        self.escrow = escrow
        self._committed: set[tuple[str, str]] = set()
        self.evidence = evidence
        self.anchor = evidence.parent.parent / "anchor"
        self.origin = f"{NAME}/{year}"
        self._signer = private(signs_as or self.origin)
        self.key = verifier_key(self.origin, self._signer.public_key().public_bytes_raw())
        self.segment_bytes = segment_bytes
        self.tree = TiledTree()
        self.bundles = EntryBundles()
        self.open: dict[str, tuple[int, str]] = {}
        self.durable = 0
        self.leaves: list[bytes] = []
        self.places: list[tuple[str, int, int]] = []
        """By index: segment, offset and length of its frame."""
        self.checkpoint = b""
        """As it was published last."""
        self._segment = NO_SEGMENT
        self._data = bytearray()
        self._keys: dict[tuple[str, str], bytes] = {}

    @property
    def size(self) -> int:
        return self.tree.size

    def write(self, *steps: Step) -> "SmallLog":
        for step in steps:
            self._write(step)
        self._flush()
        return self

    def publish(self, *, anchor: bool = True) -> "SmallLog":
        for each in [*self.bundles.take(), *self.tree.take()]:
            self._put(each)
        signed = Checkpoint(self.origin, self.size, self.tree.root())
        self.durable = self.size
        if anchor:
            line = f"{signed.origin} {signed.size} {encode_base64(signed.root)}"
            self.anchor.parent.mkdir(parents=True, exist_ok=True)
            _keep_line(self.anchor, line, self.origin, "custody-anchor/1")
        note = sign_checkpoint(signed, self.key, self._signer.sign)
        self._put(Resource("checkpoint", note))
        _keep_line(self.evidence / "log.vkey", self.key.text, self.origin, "")
        text = resources.files("custody.evidence").joinpath("FORMAT.md").read_bytes()
        (self.evidence / "FORMAT.md").write_bytes(text)
        self.checkpoint = note
        return self

    def torn_tail(self, data: bytes) -> "SmallLog":
        """What a crash left behind the last frame; the log goes on in a new segment."""
        self._data += data
        self._flush()
        self._segment = NO_SEGMENT
        return self

    def recovery(self, torn: bytes) -> Step:
        digest = hashlib.sha256(torn).hexdigest()
        sessions = [[session, n] for session, (n, _) in sorted(self.open.items())]
        facts: Body = {
            "torn": len(torn),
            "hash": digest,
            "size": self.size,
            "open": len(sessions),
            "digest": self.digest(),
        }
        body: Body = {
            "torn_bytes": len(torn),
            "torn_hash": digest,
            "size": self.size,
            "sessions": sessions,
        }
        return Step("recovery", facts=facts, body=body)

    def digest(self) -> str:
        lines = [f"{name} {n} {last}\n" for name, (n, last) in sorted(self.open.items())]
        return hashlib.sha256("".join(lines).encode()).hexdigest()

    def _write(self, step: Step) -> None:
        index = self.size
        facts, body = dict(step.facts), dict(step.body)
        if step.type == "heartbeat" and not facts:
            facts = {"open": len(self.open), "digest": self.digest()}
            body = dict(facts)
        payload = json.dumps({"v": "custody-payload/1", "body": {"type": step.type, **body}})
        where = place(self.origin.encode(), index)
        random = random_of(f"{self.origin} {index}")
        sealed, pc, _ = seal(self._scope_key(step), random, where, payload.encode())
        bound = sealed if self.version == 1 else b"\x02" + random + sealed
        ct = hashlib.sha256(bound).hexdigest()
        self._room(step, len(sealed))
        if self.version > 1:
            facts |= {"durable": self.durable, **self._commitments(step)}
        facts |= {
            "v": f"custody-leaf/{self.version}",
            "type": step.type,
            "t": 1_772_000_000_000 + index,
            "seg": self._segment,
            "pc": pc,
            "ct": ct,
        }
        if step.session:
            n, prev = self.open.get(step.session, (-1, ""))
            facts |= {"session": step.session, "n": n + 1}
            if n >= 0:
                facts["prev"] = prev
        facts |= step.leaf
        leaf = json.dumps(facts, sort_keys=True, separators=(",", ":")).encode()
        written = frame.pack(index, self.durable, random, leaf, sealed, self.version)
        self.places.append((self._segment, len(self._data), len(written)))
        self._data += written
        self.leaves.append(leaf)
        hashed = leaf_hash(leaf)
        self.tree.append(hashed)
        self.bundles.append(leaf)
        if step.type in ("session.end", "login.refused"):
            self.open.pop(step.session, None)
        elif step.session:
            self.open[step.session] = (int(str(facts["n"])), hashed.hex())
        if step.type == "recovery":
            self.open.clear()

    def _scope_key(self, step: Step) -> bytes:
        scope = step.session or "log"
        path = self.evidence / "wrapped" / step.day
        secret = random_of(f"day {step.day}")
        if not path.exists():
            path.parent.mkdir(parents=True, exist_ok=True)
            sealed = wrapped_keys.wrap(KEK, wrapped_keys.day_name(step.day), secret, _nonce)
            path.write_bytes(wrapped_keys.first_lines(step.day, sealed))
        if (step.day, scope) not in self._keys:
            key = self._keys[step.day, scope] = random_of(f"{step.day} {scope}")
            sealed = wrapped_keys.DayKey(step.day, secret).wrap(scope, key, _nonce)
            with path.open("ab") as file:
                file.write(wrapped_keys.key_line(scope, sealed))
        return self._keys[step.day, scope]

    def _commitments(self, step: Step) -> Body:
        """To the lines of the keys that are new to the leaves, as the log writes them."""
        lines = (self.evidence / "wrapped" / step.day).read_bytes().splitlines(keepends=True)
        scope = step.session or "log"
        found: Body = {}
        for name, line, start in (
            ("day", "", b"day "),
            ("key", scope, f"key {scope} ".encode()),
        ):
            if (step.day, line) not in self._committed:
                self._committed.add((step.day, line))
                stored = next(each for each in lines if each.startswith(start))
                found[name] = hashlib.sha256(stored).hexdigest()
                if name == "day" and self.escrow:
                    found["escrow"] = self._escrow_commitment(step.day)
        return found

    def _escrow_commitment(self, day: str) -> str:
        """To the day's escrow lines, which it writes where they are not there yet."""
        path = self.evidence / "escrow" / day
        sealed = random_of(f"escrow {day}") + random_of(f"sealed {day}") + bytes(16)
        line = escrow_file.escrow_line(day, "dpo", self.escrow, sealed, lasting=False)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(f"custody-escrow/1 {day}\n".encode() + line)
        return hashlib.sha256(f"{hashlib.sha256(line).hexdigest()}\n".encode()).hexdigest()

    def _room(self, step: Step, sealed: int) -> None:
        day, _, _ = self._segment.partition("/")
        used = len(self._data) + frame.HEADER_SIZE + 900 + sealed
        if step.new_segment or day != step.day or used > self.segment_bytes:
            self._flush()
            names = sorted((self.evidence / "segments" / step.day).glob("*.seg"))
            following = int(names[-1].stem) + 1 if names else 0
            self._segment = f"{step.day}/{following:03d}"
            self._data = bytearray()
            self._flush()

    def _flush(self) -> None:
        if self._segment:
            path = self.evidence / "segments" / f"{self._segment}.seg"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(self._data.ljust(self.segment_bytes, b"\x00"))

    def _put(self, each: Resource) -> None:
        path = self.evidence / "log" / self.origin.rpartition("/")[2] / each.path
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(each.data)


def _keep_line(path: Path, line: str, origin: str, head: str) -> None:
    """Replace the line of one log in a file that has one line for each."""
    lines = path.read_text().splitlines() if path.exists() else [head] if head else []
    kept = [each for each in lines if not each.startswith(origin)]
    path.write_text("\n".join([*kept, line, ""]))


def _nonce(size: int) -> bytes:
    return bytes(size)


def dialogue(root: Path, escrow: str = "") -> SmallLog:
    """The small log that most tests tamper with; signed at two sizes, then at its end."""
    log = SmallLog(root / "data" / "evidence", escrow=escrow)
    log.write(*DIALOGUE[:6]).publish()
    log.write(*DIALOGUE[6:]).publish()
    return log
