"""Masking: nothing sensitive at rest.

Law: every record passes through a ``RecordMasker`` before it is kept; nothing here touches a
file, a clock or a socket.
"""

from custody.masking.marks import MaskForm
from custody.masking.masker import RecordMasker
from custody.masking.rules import MaskRule, check_rules
from custody.masking.truncation import CAPTURE_MARGIN, CaptureBounds

__all__ = [
    "CAPTURE_MARGIN",
    "CaptureBounds",
    "MaskForm",
    "MaskRule",
    "RecordMasker",
    "check_rules",
]
