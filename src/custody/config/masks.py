"""Checks the rules of ``[[mask]]`` tables.

Law: masking alone knows which rules can work; here its faults get their place in the file.
"""

import re
from collections.abc import Sequence
from typing import Final

from custody.config.faults import ConfigFaults, KeyPath
from custody.masking import MaskRule
from custody.model.errors import CustodyError

_PLACE: Final = re.compile(r"mask\[\d+\](?:\.(\w+)(?:\[\d+\])?)? ?")


def check_masks(placed: Sequence[tuple[KeyPath, MaskRule]], faults: ConfigFaults) -> None:
    """Whether the rules can work, each and together."""
    # The detectors cost 40 ms of imports, which most commands need not pay.
    from custody.masking import check_rules, uncovered  # noqa: PLC0415 - see above

    for at, rule in placed:
        try:
            check_rules([rule])
        except CustodyError as error:
            _place(error, at, faults)
    if not faults.found:
        try:
            check_rules([rule for _, rule in placed])
            for sentence in uncovered([rule for _, rule in placed]):
                faults.warn(sentence)
        except CustodyError as error:  # what only all rules together break, such as their number
            faults.add(error.code, ("mask",), error.fault, error.cure)


def _place(error: CustodyError, at: KeyPath, faults: ConfigFaults) -> None:
    place = _PLACE.match(error.fault)
    if place is None:
        faults.add(error.code, at, error.fault, error.cure)
        return
    key = place.group(1)
    words = error.fault[place.end() :]
    faults.add(error.code, (*at, key) if key else at, f"It {words}", error.cure)
