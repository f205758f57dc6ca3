"""Writes FORMAT.md and log.vkey into the evidence directory.

Law: a key that lies beside what it proves proves no more than that both agree; FORMAT.md says so.
"""

from importlib import resources
from pathlib import Path
from typing import Final

from custody.evidence.disk.files import Files, read_if_there, replace_file
from custody.evidence.keys.keyring import KeyService, log_key

FORMAT_FILE: Final = "FORMAT.md"
KEY_FILE: Final = "log.vkey"


def write_format(files: Files, evidence: Path) -> None:
    """Put this version's description of the format there."""
    text = resources.files("custody.evidence").joinpath(FORMAT_FILE).read_bytes()
    if read_if_there(files, evidence / FORMAT_FILE) != text:
        replace_file(files, evidence / FORMAT_FILE, text)


def write_log_description(files: Files, evidence: Path, keys: KeyService, origin: str) -> None:
    """See to it that log.vkey names this log's key."""
    line = f"{log_key(keys, origin).text}\n".encode()
    known = read_if_there(files, evidence / KEY_FILE) or b""
    if line not in known.splitlines(keepends=True):
        replace_file(files, evidence / KEY_FILE, known + line)
