"""The anchor: what was signed last, kept outside the data so that an old copy of it is noticed.

Law: the anchor is durable before the signature that it remembers leaves the key-holder, and it
only grows. Data and anchor restored together cannot be told from the truth without an outside
party; the documents say so.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from custody.evidence.disk.files import Files, make_durable_directory, read_if_there, replace_file
from custody.evidence.tlog.checkpoint import Checkpoint, CheckpointError, parse_body
from custody.evidence.tlog.note import encode_base64
from custody.model.errors import LogFailureError

VERSION: Final = "custody-anchor/1"


def read_anchor(files: Files, path: Path) -> Mapping[str, Checkpoint]:
    """The last signed checkpoint of each origin; empty where nothing was ever signed."""
    data = read_if_there(files, path)
    if data is None:
        return {}
    lines = data.decode("utf-8", "replace").split("\n")
    fault = LogFailureError(
        "log.anchor-unreadable",
        f"The anchor file {path} is damaged.",
        "Restore it from where it was; if it is lost, start once with --accept-new-anchor.",
    )
    if lines[0] != VERSION or lines[-1]:
        raise fault
    anchors: dict[str, Checkpoint] = {}
    for line in lines[1:-1]:
        try:
            checkpoint = parse_body(line.replace(" ", "\n") + "\n")
        except CheckpointError:
            raise fault from None
        anchors[checkpoint.origin] = checkpoint
    return anchors


def write_anchor(files: Files, path: Path, anchors: Mapping[str, Checkpoint]) -> None:
    """Replace the file, synced."""
    lines = [VERSION]
    for origin in sorted(anchors):
        signed = anchors[origin]
        lines.append(f"{origin} {signed.size} {encode_base64(signed.root)}")
    make_durable_directory(files, path.parent)
    replace_file(files, path, ("\n".join(lines) + "\n").encode())


class Anchor:
    """The memory of one signer: refuses what would fork or shrink a log."""

    def __init__(self, files: Files, path: Path, *, accept_new: bool = False) -> None:
        """``accept_new``: the operator accepts, once for each origin, what disagrees with it."""
        self._files = files
        self._path = path
        self._signed = dict(
            read_anchor_if_whole(files, path) if accept_new else read_anchor(files, path)
        )
        self._unaccepted = set(self._signed) if accept_new else set()

    def remember(self, checkpoint: Checkpoint) -> None:
        """Before a signature is given out. Raises ``LogFailureError`` for a fork."""
        last = self._signed.get(checkpoint.origin)
        if last == checkpoint:
            return
        if last is not None and checkpoint.origin not in self._unaccepted:
            shrinks = checkpoint.size < last.size
            if shrinks or (checkpoint.size == last.size and checkpoint.root != last.root):
                raise LogFailureError(
                    "log.fork",
                    f"A checkpoint of {last.size} records was signed before; "
                    f"this one of {checkpoint.size} contradicts it.",
                    "Run `custody verify`; do not remove the anchor.",
                )
        signed = {**self._signed, checkpoint.origin: checkpoint}
        write_anchor(self._files, self._path, signed)
        self._signed = signed
        self._unaccepted.discard(checkpoint.origin)


def read_anchor_if_whole(files: Files, path: Path) -> Mapping[str, Checkpoint]:
    """As ``read_anchor``; nothing where it cannot be read."""
    try:
        return read_anchor(files, path)
    except LogFailureError:
        return {}
