"""Random damage to a small log's files, and what it must be called.

Law: whether a change matters is worked out from what was written, by the places of its frames and
the lines of its keys, and never asked of the verifier.
"""

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tests.evidence.small_log import DIALOGUE, SmallLog

KINDS = (
    "flip", "truncate", "extend", "swap", "delete", "duplicate", "link", "fifo", "folder",
    "hole", "older",
)  # fmt: skip
IRREGULAR = frozenset({"link", "fifo", "folder"})


@dataclass(frozen=True)
class Act:
    kind: str
    file: int
    """Which of the files, and another for ``swap`` and ``duplicate``."""
    other: int
    at: float
    """Where in it, from 0 to 1."""


@dataclass(frozen=True)
class Original:
    """The log as it was written, and as it was in its middle."""

    log: SmallLog
    files: dict[str, bytes]
    earlier: dict[str, bytes]

    @property
    def names(self) -> list[str]:
        return sorted(self.files)


def contents(evidence: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(evidence)): path.read_bytes()
        for path in evidence.rglob("*")
        if path.is_file()
    }


def original(root: Path) -> Original:
    log = SmallLog(root / "data" / "evidence", escrow="x25519+somebody")
    log.write(*DIALOGUE[:6]).publish()
    earlier = contents(log.evidence)
    log.write(*DIALOGUE[6:]).publish()
    return Original(log, contents(log.evidence), earlier)


def act_on(made: Original, evidence: Path, act: Act) -> None:  # noqa: C901, PLR0912 - one arm for each kind
    names = made.names
    path = evidence / names[act.file % len(names)]
    other = evidence / names[act.other % len(names)]
    whole = path.is_file() and not path.is_symlink()
    data = path.read_bytes() if whole else b""
    at = int(act.at * len(data))
    match act.kind:
        case "flip" if data:
            path.write_bytes(data[:at] + bytes([data[at] ^ 0x41]) + data[at + 1 :])
        case "truncate" if data:
            path.write_bytes(data[:at])
        case "extend" if whole:
            path.write_bytes(data + b"more" * (1 + at % 7))
        case "swap" if whole and other.is_file() and not other.is_symlink():
            path.write_bytes(other.read_bytes())
            other.write_bytes(data)
        case "delete" if whole:
            path.unlink()
        case "duplicate" if whole:
            (path.parent / f"{path.name}.copy").write_bytes(data)
        case "link" if whole:
            aside = evidence.parent / f"aside-{act.file % len(names)}"
            path.rename(aside)
            path.symlink_to(aside)
        case "fifo" if whole:
            path.unlink()
            os.mkfifo(path)
        case "folder" if whole:
            path.unlink()
            path.mkdir()
        case "hole" if data:
            end = min(len(data), at + 64)
            path.write_bytes(data[:at] + bytes(end - at) + data[end:])
        case "older" if whole:
            if (old := made.earlier.get(names[act.file % len(names)])) is not None:
                path.write_bytes(old)
        case _:
            pass


def altered(made: Original, evidence: Path) -> dict[str, str]:
    """The files whose change matters, each with what became of it."""
    found: dict[str, str] = {}
    for name, data in made.files.items():
        path = evidence / name
        if path.is_symlink() or (path.exists() and not path.is_file()):
            found[name] = "irregular"
        elif not path.exists():
            if not _spare(made, name):
                found[name] = "gone"
        elif (now := path.read_bytes()) != data and _matters(made, name, data, now):
            found[name] = "changed"
    return found


def _spare(made: Original, name: str) -> bool:
    """A partial tile or bundle beside a longer one may be gone."""
    folder, _, width = name.rpartition("/")
    return folder.endswith(".p") and any(
        each.startswith(f"{folder}/") and int(each.rpartition("/")[2]) > int(width)
        for each in made.names
    )


def _matters(made: Original, name: str, was: bytes, now: bytes) -> bool:
    if name.endswith(".seg"):
        segment = name.removeprefix("segments/").removesuffix(".seg")
        used = max(at + size for each, at, size in made.log.places if each == segment)
        return now[:used] != was[:used]
    if name.startswith("wrapped/"):
        return _first_lines(now) != _first_lines(was) and not _more_only(was, now)
    if name.startswith("escrow/"):
        return not now.startswith(was)
    if name == "log.vkey":
        return [line for line in now.split(b"\n") if line] != [
            line for line in was.split(b"\n") if line
        ]
    return True


def _first_lines(data: bytes) -> list[bytes]:
    return [line for line in data.split(b"\n") if line]


def _more_only(was: bytes, now: bytes) -> bool:
    """Lines were added behind those that were there; what cannot be read of them means nothing."""
    lines = _first_lines(was)
    return _first_lines(now)[: len(lines)] == lines and now.startswith(was.rstrip(b"\n") + b"\n")


def copy(made: Original, evidence: Path) -> None:
    shutil.rmtree(evidence.parent, ignore_errors=True)
    for name, data in made.files.items():
        path = evidence / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
