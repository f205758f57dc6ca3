"""A day's escrow file: written, and synced, before anything is sealed under the day's key.

Law: each recipient has a line of its own for each day; no line is ever changed or taken out. A file
that was altered is added to, never mended: the leaves that commit to it would not fit what is made
of it, and ``verify`` says so.
"""

from collections.abc import Sequence
from pathlib import Path

from custody.evidence.disk.escrow_file import (
    EscrowDay,
    escrow_header,
    escrow_line,
    escrow_path,
    parse_escrow,
)
from custody.evidence.disk.files import (
    Files,
    make_durable_directory,
    read_if_there,
    replace_file,
)
from custody.evidence.keys.escrow_recipient import EscrowRecipient
from custody.model.errors import CustodyError, LogFailureError
from custody.model.gateway_records import EscrowCopy, KeysEscrowed


def write_escrow(  # noqa: PLR0917 - where, which key, and for whom
    files: Files,
    evidence: Path,
    origin: str,
    day: str,
    secret: bytes,
    recipients: Sequence[EscrowRecipient],
) -> EscrowDay:
    """The day's file, with a line for each recipient; nothing is made where there are none. Blocks.

    Raises ``LogFailureError`` where nothing can be sealed for a recipient, or the header is
    another.
    """
    path = escrow_path(evidence, day)
    data = read_if_there(files, path)
    known = parse_escrow(escrow_header(day) if data is None else data, day)
    if not known.header:
        raise LogFailureError(
            "log.key-file",
            f"The escrow file {path} was altered: its first line is not that day's.",
            "Run `custody verify` on the data directory before anything else.",
        )
    sealed = {(each.recipient, each.key, each.lasting) for each in known.lines if each.sealed}
    new = [each for each in recipients if _place(each) not in sealed]
    if new:
        lines = [_line(origin, day, secret, each) for each in new]
        before = escrow_header(day) if data is None else data
        gap = b"" if before.endswith(b"\n") else b"\n"
        data = before + gap + b"".join(lines)
        make_durable_directory(files, path.parent)
        replace_file(files, path, data)
        return parse_escrow(data, day)
    if data is not None:
        # A killed process may have named it and not synced the name: leaves commit to it from here.
        files.sync_directory(path.parent)
    return known


def escrow_record(escrow: EscrowDay) -> KeysEscrowed:
    """What the log says of it to those who read records."""
    copies = (
        EscrowCopy(each.recipient, each.key, each.lasting, each.hash) for each in escrow.lines
    )
    return KeysEscrowed(escrow.day, tuple(copies))


def _place(recipient: EscrowRecipient) -> tuple[str, str, bool]:
    return recipient.name, recipient.key, recipient.outlives_retention


def _line(origin: str, day: str, secret: bytes, recipient: EscrowRecipient) -> bytes:
    # A gateway without recipients needs no HPKE.
    from custody.evidence.keys.escrow import seal_day_key  # noqa: PLC0415

    try:
        sealed = seal_day_key(recipient.key, origin, day, secret)
    except CustodyError as error:
        raise LogFailureError(
            "log.escrow", f"Nothing can be sealed for {recipient.name}: {error.fault}", error.cure
        ) from None
    lasting = recipient.outlives_retention
    return escrow_line(day, recipient.name, recipient.key, sealed, lasting=lasting)
