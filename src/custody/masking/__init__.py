"""Masking: nothing sensitive at rest.

Law: every record passes through a ``RecordMasker`` before it is kept; nothing here touches a
file, a clock or a socket. Importing this package alone costs nothing: who reads a configuration
needs its ``MaskRule`` and no detector.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.masking.coverage import uncovered
    from custody.masking.marks import MaskForm
    from custody.masking.mask_rule import MaskRule
    from custody.masking.masker import RecordMasker
    from custody.masking.rules import check_rules
    from custody.masking.truncation import CAPTURE_MARGIN, CaptureBounds

_NAMES: Final = {
    "coverage": ("uncovered",),
    "marks": ("MaskForm",),
    "masker": ("RecordMasker",),
    "mask_rule": ("MaskRule",),
    "rules": ("check_rules",),
    "truncation": ("CAPTURE_MARGIN", "CaptureBounds"),
}

__all__ = [
    "CAPTURE_MARGIN",
    "CaptureBounds",
    "MaskForm",
    "MaskRule",
    "RecordMasker",
    "check_rules",
    "uncovered",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
