"""What a client is told when it does not get its way.

Law: a refusal says why in the gateway's own words. Each protocol owns the one table from these to
its own codes, and nothing outside a protocol's folder knows one of them.
"""

from collections.abc import Mapping
from enum import StrEnum

import msgspec


class RefusalCode(StrEnum):
    """Why. A protocol has a code of its own for each."""

    DENIED = "denied"
    """A grant, a rule or a budget does not allow it."""
    ASKED = "asked"
    """It needed an approval, and has none."""
    WITHDRAWN = "withdrawn"
    """Its client cancelled it while it waited."""
    NOT_RECORDED = "not_recorded"
    """The evidence log did not take it."""
    LOG_FULL = "log_full"
    """The evidence log has no room."""
    IDENTITY = "identity"
    """The ticket or token was not taken."""
    NOT_GRANTED = "not_granted"
    """Whoever it is may not come in."""
    UNCHECKED = "unchecked"
    """The ticket or token cannot be checked now."""
    LOOP_OVER = "loop_over"
    """The loop, its ticket, the session or the gateway has ended."""
    IDLE = "idle"
    """Nothing was sent for too long."""
    LATE = "late"
    """The login took too long."""
    OVERLOADED = "overloaded"
    """A bound of the gateway's own is reached."""
    TARGET = "target"
    """The target cannot be reached, or not as the configuration demands."""
    TARGET_LOST = "target_lost"
    """The target went away."""
    PROTOCOL = "protocol"
    """One side broke the protocol."""
    INTERNAL = "internal"
    """The gateway failed."""


class Refusal(msgspec.Struct, frozen=True):
    """The texts name the fault and the cure; they never hold a secret or a command's text."""

    code: RefusalCode
    message: str
    detail: str = ""
    hint: str = ""
    fatal: bool = False
    """The session cannot live on."""
    position: int = 0
    """The character of the command's text that it is about, from 1; 0: none."""
    native: str = ""
    """A protocol's own code, where it refuses in its own words or repeats a target's; the gateway
    passes it on and never reads it."""


NativeCodes = Mapping[RefusalCode, str]
"""A protocol's own code for each ``RefusalCode``; total."""


class RefusedError(Exception):
    """What was asked for is refused; the caller tells its client, in its client's protocol."""

    def __init__(self, refusal: Refusal) -> None:
        super().__init__(refusal.code)
        self.refusal = refusal
