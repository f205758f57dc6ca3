"""PostgreSQL: the wire, the meaning of its statements, and how its records are read.

Law: ``PROTOCOL`` is the one entry; whoever lists the protocol folders finds it by that name.
"""

from typing import Final

from custody.model.interfaces import Codec, Inquirer
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.inquirer import PostgresInquirer
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.understanding import Understanding


class PostgresProtocol:
    name: Final = "postgres"
    application_protocol: Final = "postgresql"
    """The ALPN name of direct TLS."""
    options: Final = PostgresOptions

    def __init__(self) -> None:
        self._understanding: Final = Understanding()

    def codec(self, options: PostgresOptions) -> Codec:
        """A codec for one connection. All share what was understood of statements before."""
        return PostgresCodec(options, words=self._understanding)

    def inquirer(self) -> Inquirer:
        """A connection of the gateway's own, for look-ups."""
        return PostgresInquirer()


PROTOCOL: Final = PostgresProtocol()
