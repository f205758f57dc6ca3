"""Evidence: the tamper-evident log, the keys that sign and seal it, and its verifier.

Law: an acknowledged record is durable, and a signed one can be proved. ``verifier`` is a
face of its own: it trusts nothing here, and this face loads none of its modules before their use.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.evidence.disk.escrow_file import MAX_ESCROW_BYTES, parse_escrow
    from custody.evidence.disk.files import DiskFiles, replace_file
    from custody.evidence.disk.log_copy import copy_log, read_checkpoints
    from custody.evidence.keys.anchor import read_anchor
    from custody.evidence.keys.escrow import (
        EscrowKey,
        create_escrow_key,
        is_escrow_key,
        load_escrow_key,
        seal_for,
    )
    from custody.evidence.keys.escrow_opener import CautiousFiles, EscrowOpener
    from custody.evidence.keys.escrow_recipient import MOST_RECIPIENTS, EscrowRecipient
    from custody.evidence.keys.keyclient import KeyholderProcess
    from custody.evidence.keys.keyring import (
        KEY_ENCRYPTION_KEY,
        LOG_KEY,
        TOKEN_KEY,
        VERIFIER_POLICY,
        KeyService,
        create_keys,
        load_keyring,
        load_token_key,
        verifier_policy,
    )
    from custody.evidence.log.log import Log, LogOptions
    from custody.evidence.log.reader import DurableEnd, EvidenceReader, ReadRecord, RecordBatch
    from custody.evidence.log.signed_sizes import read_signed_sizes
    from custody.evidence.log.startup import open_log, system_environment
    from custody.evidence.record.seal import SealError
    from custody.evidence.tlog.policy import TlogPolicy, parse_policy

_NAMES: Final = {
    "disk.escrow_file": ("MAX_ESCROW_BYTES", "parse_escrow"),
    "disk.files": ("DiskFiles", "replace_file"),
    "disk.log_copy": ("copy_log", "read_checkpoints"),
    "keys.escrow": (
        "EscrowKey",
        "create_escrow_key",
        "is_escrow_key",
        "load_escrow_key",
        "seal_for",
    ),
    "keys.escrow_opener": ("CautiousFiles", "EscrowOpener"),
    "keys.escrow_recipient": ("EscrowRecipient", "MOST_RECIPIENTS"),
    "keys.keyclient": ("KeyholderProcess",),
    "keys.keyring": (
        "KEY_ENCRYPTION_KEY",
        "KeyService",
        "LOG_KEY",
        "TOKEN_KEY",
        "VERIFIER_POLICY",
        "create_keys",
        "load_keyring",
        "load_token_key",
        "verifier_policy",
    ),
    "keys.anchor": ("read_anchor",),
    "log.log": ("Log", "LogOptions"),
    "log.reader": ("DurableEnd", "EvidenceReader", "ReadRecord", "RecordBatch"),
    "log.signed_sizes": ("read_signed_sizes",),
    "log.startup": ("open_log", "system_environment"),
    "record.seal": ("SealError",),
    "tlog.policy": ("TlogPolicy", "parse_policy"),
}

__all__ = [
    "KEY_ENCRYPTION_KEY",
    "LOG_KEY",
    "MAX_ESCROW_BYTES",
    "MOST_RECIPIENTS",
    "TOKEN_KEY",
    "VERIFIER_POLICY",
    "CautiousFiles",
    "DiskFiles",
    "DurableEnd",
    "EscrowKey",
    "EscrowOpener",
    "EscrowRecipient",
    "EvidenceReader",
    "KeyService",
    "KeyholderProcess",
    "Log",
    "LogOptions",
    "ReadRecord",
    "RecordBatch",
    "SealError",
    "TlogPolicy",
    "copy_log",
    "create_escrow_key",
    "create_keys",
    "is_escrow_key",
    "load_escrow_key",
    "load_keyring",
    "load_token_key",
    "open_log",
    "parse_escrow",
    "parse_policy",
    "read_anchor",
    "read_checkpoints",
    "read_signed_sizes",
    "replace_file",
    "seal_for",
    "system_environment",
    "verifier_policy",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
