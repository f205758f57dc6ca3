"""What a side's reader says where it took in a message that is no event."""

from enum import Enum
from typing import Final


class Again(Enum):
    """Progress was made without an event."""

    AGAIN = "again"


AGAIN: Final = Again.AGAIN
