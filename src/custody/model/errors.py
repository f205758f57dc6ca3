"""Errors that people and scripts read.

Law: an error names the fault and the cure, carries a stable code, and never holds a secret.
"""

from typing import Final


class CustodyError(Exception):
    """A fault with a name and a cure.

    ``code`` is stable and dotted (``config.unknown-key``); ``fault`` and ``cure`` are sentences
    for a person. None of the three may contain a secret or text taken from a command.
    """

    def __init__(self, code: str, fault: str, cure: str = "") -> None:
        super().__init__(f"{fault} {cure}".strip())
        self.code: Final = code
        self.fault: Final = fault
        self.cure: Final = cure


class WireError(CustodyError):
    """The peer broke its protocol. ``blame`` says which one; the session ends.

    The only exception a codec may raise, whatever bytes it is given.
    """

    def __init__(self, code: str, fault: str, *, blame: str = "client") -> None:
        super().__init__(code, fault)
        self.blame: Final = blame


class LogFailureError(CustodyError):
    """The evidence log could not make a record durable. Nothing that depends on it may move."""
