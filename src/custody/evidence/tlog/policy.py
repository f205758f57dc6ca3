"""C2SP tlog-policy: which logs, witnesses and quorum a verifier trusts.

Law: a policy comes from the verifier's operator, never out of the log that it judges. It is read
whole or refused; a name counts only if a line above defined it. Standard library only.
"""

import re
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from typing import Final

from custody.evidence.tlog.note import (
    COSIGNATURE_ED25519,
    COSIGNATURE_ML_DSA_44,
    ED25519,
    NoteError,
    VerifierKey,
    parse_verifier_key,
)
from custody.model.errors import CustodyError

NONE: Final = "none"
MAX_POLICY_BYTES: Final = 1_000_000
MAX_DEFINED: Final = 1_000
"""Logs, witnesses and groups together; the spec asks for 32 of each at least."""

_COUNT: Final = re.compile(r"[1-9][0-9]{0,3}")


class PolicyError(CustodyError):
    """A policy file that cannot be read; the fault names the line."""


@dataclass(frozen=True, slots=True)
class PolicyLog:
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Witness:
    name: str
    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Cosigned where at least ``threshold`` of ``members`` are."""

    name: str
    threshold: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class TlogPolicy:
    """``quorum`` names a witness, a group, or ``none``. Groups stand after their members."""

    logs: tuple[PolicyLog, ...]
    witnesses: tuple[Witness, ...]
    groups: tuple[Group, ...]
    quorum: str

    @property
    def log_keys(self) -> tuple[VerifierKey, ...]:
        return tuple(log.key for log in self.logs)

    @property
    def witness_keys(self) -> tuple[VerifierKey, ...]:
        return tuple(witness.key for witness in self.witnesses)

    def satisfied_by(self, cosigners: AbstractSet[VerifierKey]) -> bool:
        """Whether these witnesses' checked cosignatures are the quorum."""
        if self.quorum == NONE:
            return True
        cosigned = {witness.name for witness in self.witnesses if witness.key in cosigners}
        for group in self.groups:
            if sum(member in cosigned for member in group.members) >= group.threshold:
                cosigned.add(group.name)
        return self.quorum in cosigned


def policy_text(log: VerifierKey) -> str:
    """A policy for one log and no witness, for its operator to keep away from the log."""
    return (
        "# Trust roots for `custody verify --policy`. Keep this file where the gateway cannot\n"
        "# write: whoever can change it decides which log is believed.\n"
        f"log {log.text}\nquorum {NONE}\n"
    )


def parse_policy(data: bytes) -> TlogPolicy:
    """Read a policy file; ``PolicyError`` with the line for the first fault."""
    if len(data) > MAX_POLICY_BYTES:
        raise PolicyError("trust-policy.size", f"The policy is over {MAX_POLICY_BYTES} bytes.")
    if data and not data.endswith(b"\n"):
        raise PolicyError("trust-policy.line-end", "The policy's last line has no newline.")
    reader = _Reader()
    for number, line in enumerate(data.split(b"\n")[:-1], start=1):
        if any((octet < 0x20 and octet != 0x09) or octet == 0x7F for octet in line):
            raise PolicyError(
                "trust-policy.control", f"Line {number} holds a control character other than tab."
            )
        # Octets above 0x7F are opaque; surrogateescape keeps names distinct whatever they are.
        words = line.decode("utf-8", "surrogateescape").replace("\t", " ").split(" ")
        words = [word for word in words if word]
        if words and not words[0].startswith("#"):
            reader.read(number, words)
    return reader.policy()


@dataclass(slots=True)
class _Reader:
    """What the lines so far defined."""

    logs: list[PolicyLog] = field(default_factory=list)
    witnesses: list[Witness] = field(default_factory=list)
    groups: list[Group] = field(default_factory=list)
    quorum: str | None = None
    names: set[str] = field(default_factory=set)
    members: set[str] = field(default_factory=set)

    def read(self, number: int, words: list[str]) -> None:
        if len(self.logs) + len(self.names) >= MAX_DEFINED:
            raise PolicyError("trust-policy.size", f"The policy defines over {MAX_DEFINED} names.")
        match words:
            case ["log", key]:
                self._log(number, key, "")
            case ["log", key, url]:
                self._log(number, key, url)
            case ["witness", name, key]:
                self._witness(number, name, key, "")
            case ["witness", name, key, url]:
                self._witness(number, name, key, url)
            case ["group", name, threshold, _, *_]:
                self._group(number, name, threshold, tuple(words[3:]))
            case ["quorum", name]:
                self._quorum(number, name)
            case _:
                raise PolicyError(
                    "trust-policy.line",
                    f"Line {number} is none of log, witness, group and quorum, or has the wrong"
                    " number of words.",
                )

    def policy(self) -> TlogPolicy:
        if self.quorum is None:
            raise PolicyError("trust-policy.quorum", "The policy has no quorum line.")
        return TlogPolicy(tuple(self.logs), tuple(self.witnesses), tuple(self.groups), self.quorum)

    def _log(self, number: int, text: str, url: str) -> None:
        key = _key(number, text, (ED25519,))
        if any(log.key.public == key.public for log in self.logs):
            raise PolicyError("trust-policy.duplicate", f"Line {number} repeats a log's key.")
        self.logs.append(PolicyLog(key, url))

    def _witness(self, number: int, name: str, text: str, url: str) -> None:
        key = _key(number, text, (COSIGNATURE_ED25519, COSIGNATURE_ML_DSA_44))
        if any(witness.key.public == key.public for witness in self.witnesses):
            raise PolicyError("trust-policy.duplicate", f"Line {number} repeats a witness's key.")
        self._define(number, name)
        self.witnesses.append(Witness(name, key, url))

    def _group(self, number: int, name: str, threshold: str, members: tuple[str, ...]) -> None:
        for member in members:
            if member not in self.names:
                raise PolicyError(
                    "trust-policy.undefined", f"Line {number} names a member not defined above it."
                )
            if member in self.members:
                raise PolicyError(
                    "trust-policy.twice",
                    f"Line {number} names a member that is in a group already.",
                )
            self.members.add(member)
        self._define(number, name)
        self.groups.append(Group(name, _threshold(number, threshold, len(members)), members))

    def _quorum(self, number: int, name: str) -> None:
        if self.quorum is not None:
            raise PolicyError("trust-policy.quorum", f"Line {number} is a second quorum line.")
        if name != NONE and name not in self.names:
            raise PolicyError(
                "trust-policy.undefined", f"Line {number} names a quorum not defined above it."
            )
        self.quorum = name

    def _define(self, number: int, name: str) -> None:
        if name == NONE or name in self.names:
            raise PolicyError("trust-policy.name", f"Line {number} defines a name that is taken.")
        self.names.add(name)


def _key(number: int, text: str, algorithms: tuple[int, ...]) -> VerifierKey:
    try:
        # A key name is UTF-8 (signed-note); octets that are not cannot name a key.
        text.encode()
        key = parse_verifier_key(text)
    except (NoteError, UnicodeEncodeError) as error:
        reason = error.fault if isinstance(error, NoteError) else "It is not UTF-8."
        raise PolicyError(
            "trust-policy.key", f"The key on line {number} cannot be read. {reason}"
        ) from None
    if key.algorithm not in algorithms:
        raise PolicyError(
            "trust-policy.key-type", f"The key on line {number} is of the wrong type for its role."
        )
    return key


def _threshold(number: int, text: str, members: int) -> int:
    if text == "any":
        return 1
    if text == "all":
        return members
    if not (_COUNT.fullmatch(text) and int(text) <= members):
        raise PolicyError(
            "trust-policy.threshold", f"Line {number} asks for {text!r} of {members} members."
        )
    return int(text)
