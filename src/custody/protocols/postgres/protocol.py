"""The one entry to PostgreSQL: what its folder offers to ``custody.protocols``.

Law: ``PROTOCOL`` is found by that name, in a module of this name; the package itself imports
nothing, so that an agent's side can read ``client`` alone.
"""

from collections.abc import Callable
from typing import Final

from custody.model.codec import CodecFaces, Inquirer
from custody.model.identity import Session
from custody.model.protocol import ListenerOptions, ReadAlone, RelayedWire
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.inquirer import PostgresInquirer
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.refusals import SQLSTATES
from custody.protocols.postgres.statements.meaning_cache import MeaningCache
from custody.protocols.postgres.trial import read_alone


class PostgresProtocol:
    name: Final = "postgres"
    application_protocol: Final = "postgresql"
    """The ALPN name of direct TLS."""
    codes: Final = SQLSTATES

    def __init__(self) -> None:
        self._meanings: Final = MeaningCache()

    def wire(self, options: ListenerOptions) -> RelayedWire:
        """All connections share what was understood of statements before."""
        known = {clear: _options(options, cleartext=clear) for clear in (False, True)}
        return RelayedWire(lambda clear: self._faces(known[clear]))

    @property
    def inquirer(self) -> Callable[[], Inquirer]:
        return PostgresInquirer

    @property
    def read_alone(self) -> Callable[[str, Session], ReadAlone]:
        return read_alone

    def _faces(self, options: PostgresOptions) -> CodecFaces:
        codec = PostgresCodec(options, meanings=self._meanings)
        return CodecFaces(codec, codec, codec, codec)


def _options(options: ListenerOptions, *, cleartext: bool) -> PostgresOptions:
    return PostgresOptions(
        cleartext=cleartext,
        database_is_free=options.target_bound,
        capture_bytes=options.capture_bytes,
        command_bytes=options.command_bytes,
        resolve_origins=options.resolve_origins,
        oauth_issuer=options.oauth_issuer,
        oauth_scope=options.oauth_scope or PostgresOptions().oauth_scope,
    )


PROTOCOL: Final = PostgresProtocol()
