"""The calls that the command line makes, by name: on the admin socket, or in its own process.

Law: each call has one handler; whoever asks gets an answer or a ``CustodyError``.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from custody.app.admin.documents import Document
from custody.model.errors import CustodyError


class CallHandler(Protocol):
    """Calls of one kind: the modules of this folder that end in ``calls``."""

    def handles(self, call: str) -> bool: ...

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """One of those that it knows. Raises ``admin.arguments``, and whatever the call raises."""
        ...


class CallDispatcher:
    """``dispatch`` fits the admin socket."""

    def __init__(self, *handlers: CallHandler) -> None:
        self._handlers: Final = handlers

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.unknown-call``, and as the call's handler does."""
        for handler in self._handlers:
            if handler.handles(call):
                return await handler.dispatch(call, arguments)
        raise CustodyError(
            "admin.unknown-call",
            "The running gateway does not know this call.",
            "Is the command of another version than the gateway? Restart the older one.",
        )
