"""What a relay asks of the session that it is a stage of.

Law: the session owns its end; the relay asks for it.
"""

from typing import Protocol

from custody.gateway.connections.connection import Connection
from custody.model.refusal import Refusal
from custody.model.words import SessionId


class RelayHost(Protocol):
    id: SessionId
    client: Connection

    @property
    def left(self) -> bool: ...
    def end(self, reason: str) -> None: ...
    def kill(self, reason: str, refusal: Refusal) -> None: ...
    def failed(self, error: Exception) -> None: ...
