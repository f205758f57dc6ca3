"""The verifier: what an evidence directory proves, and what it does not.

Law: it trusts nothing that it reads. It hashes stored bytes before it parses them, never writes,
and asks only for the standard library and one Ed25519 and AES provider, so that an auditor can read
all of it. Begin with ``verify.py``: it holds the order of things; ``report.py`` holds the words.
Nearly all of a log is as it must be: ``full_tiles.py`` and ``clean_runs.py`` pass over that
and name no fault. What they leave is for ``tree.py`` and ``records.py``, which name every one.
"""

from custody.evidence.verifier.report import (
    Exit,
    FaultKind,
    LogSummary,
    PayloadState,
    Report,
    VerifyFault,
)
from custody.evidence.verifier.verify import VerifyOptions, find_evidence, verify

__all__ = [
    "Exit",
    "FaultKind",
    "LogSummary",
    "PayloadState",
    "Report",
    "VerifyFault",
    "VerifyOptions",
    "find_evidence",
    "verify",
]
