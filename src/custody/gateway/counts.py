"""What a gateway counts for its operators' eyes.

Law: plain numbers under closed words: no identity, no session, no text is ever a key here.
"""

from collections import defaultdict
from typing import Final


class GatewayCounts:
    """Since the start of the process."""

    __slots__ = ("commands", "logins_refused", "refusals", "sessions")

    def __init__(self) -> None:
        self.commands: Final[defaultdict[tuple[str, str], int]] = defaultdict(int)
        """Judged and recorded, by protocol and verdict."""
        self.refusals: Final[defaultdict[str, int]] = defaultdict(int)
        """Messages that were not forwarded, by ``RefusalCode``."""
        self.sessions: Final[defaultdict[str, int]] = defaultdict(int)
        """Begun, by protocol."""
        self.logins_refused: Final[defaultdict[str, int]] = defaultdict(int)
        """By protocol, those included that got no record of their own."""
