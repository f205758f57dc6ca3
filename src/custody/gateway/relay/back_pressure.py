"""How far ahead of the other side each side of a session is read.

Law: a side is read only while what waits of it is within its bound; the client's also has what was
taken of the loop's memory for the message that is coming.
"""

from typing import Final

from custody.gateway.connections.connection import Connection
from custody.gateway.connections.outbox import Outbox
from custody.gateway.memory import MemoryAccount
from custody.model.codec import Codec
from custody.model.words import Side

_CLIENT: Final = Side.CLIENT
_SERVER: Final = Side.SERVER


class BackPressure:
    def __init__(
        self,
        codec: Codec,
        sides: tuple[tuple[Connection, Outbox], tuple[Connection, Outbox]],
        memory: MemoryAccount,
        held_bytes: int,
    ) -> None:
        """``sides``: the client's and the server's connection, each with what waits to be written
        to it.
        """
        self._codec: Final = codec
        (self._client, self._to_client), (self._server, self._to_server) = sides
        self._memory: Final = memory
        self._bound: Final = held_bytes
        self._holding = False
        self._holding_server = False
        self._stuck = 0
        """Memory of messages that the server's connection has not taken yet."""

    def check(self) -> None:
        """After events were handled."""
        if not (self._holding or self._holding_server):
            # Nearly always nothing waits: then the sum is within the bound, and so is each side.
            buffered = self._codec.buffered
            waiting = self._to_server.waiting + self._to_client.waiting
            if waiting + buffered(_CLIENT) + buffered(_SERVER) <= self._bound:
                return
        self._update()

    def released(self) -> None:
        """Something in line left: a side that is not read may be read again."""
        if self._holding or self._holding_server:
            self._update()

    def sent(self, taken: int) -> None:
        """A message left for the server for which so much memory was taken."""
        if self._server.clogged:
            self._stuck += taken
        else:
            self._memory.give(taken)

    def server_flows(self) -> None:
        """The server takes what was written for it again."""
        stuck, self._stuck = self._stuck, 0
        self._memory.give(stuck)

    def _update(self) -> None:
        buffered, most = self._codec.buffered, self._bound
        if self._to_server.waiting + buffered(_CLIENT) > most + self._memory.taken:
            self._holding = True
            self._client.pause_reading("its commands wait")
        elif self._holding:
            self._holding = False
            self._client.resume_reading("its commands wait")
        if self._to_client.waiting + buffered(_SERVER) > most:
            self._holding_server = True
            self._server.pause_reading("its answers wait")
        elif self._holding_server:
            self._holding_server = False
            self._server.resume_reading("its answers wait")
