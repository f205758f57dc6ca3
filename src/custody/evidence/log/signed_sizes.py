"""How many records exposed checkpoints speak of.

Law: what is read here is not proved; whose signature it is, is for ``verify`` to say.
"""

from pathlib import Path

from custody.evidence.disk.files import Files, read_if_there
from custody.evidence.tlog.checkpoint import CheckpointError, parse_body
from custody.evidence.tlog.tile import CHECKPOINT_PATH


def signed_size(files: Files, log: Path) -> int:
    """That of one tree, ``log/<year>``; 0 where none can be read."""
    try:
        note = read_if_there(files, log / CHECKPOINT_PATH) or b""
        return parse_body(note.partition(b"\n\n")[0].decode() + "\n").size
    except (OSError, CheckpointError, UnicodeDecodeError):
        return 0


def read_signed_sizes(files: Files, evidence: Path) -> dict[str, int]:
    """By year, where a checkpoint can be read."""
    logs = evidence / "log"
    years = {year: signed_size(files, logs / year) for year in files.names(logs)}
    return {year: size for year, size in years.items() if size}
