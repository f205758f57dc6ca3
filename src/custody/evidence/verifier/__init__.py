"""The verifier: what an evidence directory proves, and what it does not.

Law: it trusts nothing that it reads. It hashes stored bytes before it parses them, never writes,
and asks only for the standard library and one Ed25519 and AES provider, so that an auditor can read
all of it. Begin with ``verify.py``: it holds the order of things; ``report.py`` holds the words.
``full_tiles.py`` and ``clean_runs.py`` pass quickly over tiles and records without a fault, which
is nearly all of a log, and report none. ``tree.py`` and ``records.py`` examine the rest and name
every fault.
"""

from custody.evidence.verifier.file_access import names, read_bytes
from custody.evidence.verifier.report import (
    Exit,
    FaultKind,
    LogSummary,
    PayloadState,
    Report,
    VerifyFault,
)
from custody.evidence.verifier.survey import refuse_irregular
from custody.evidence.verifier.verify import Progress, VerifyOptions, find_evidence, verify
from custody.evidence.verifier.worker_pool import PROCESS_ENDED, usable_processors

__all__ = [
    "PROCESS_ENDED",
    "Exit",
    "FaultKind",
    "LogSummary",
    "PayloadState",
    "Progress",
    "Report",
    "VerifyFault",
    "VerifyOptions",
    "find_evidence",
    "names",
    "read_bytes",
    "refuse_irregular",
    "usable_processors",
    "verify",
]
