"""The one entry to PostgreSQL: what its folder offers to ``app.protocols``.

Law: ``PROTOCOL`` is found by that name, in a module of this name; the package itself imports
nothing, so that an agent's side can read ``client`` alone.
"""

from typing import Final

from custody.model.codec import CodecFaces, Inquirer
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.inquirer import PostgresInquirer
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.refusals import SQLSTATES
from custody.protocols.postgres.statements.meaning_cache import MeaningCache


class PostgresProtocol:
    name: Final = "postgres"
    application_protocol: Final = "postgresql"
    """The ALPN name of direct TLS."""
    options: Final = PostgresOptions

    def __init__(self) -> None:
        self._understanding: Final = MeaningCache()

    codes: Final = SQLSTATES

    def codec(self, options: PostgresOptions) -> CodecFaces:
        """One connection's protocol. All share what was understood of statements before."""
        codec = PostgresCodec(options, meanings=self._understanding)
        return CodecFaces(codec, codec, codec)

    def inquirer(self) -> Inquirer:
        """A connection of the gateway's own, for look-ups."""
        return PostgresInquirer()


PROTOCOL: Final = PostgresProtocol()
