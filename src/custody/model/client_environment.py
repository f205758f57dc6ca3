"""What a standard client needs so that it goes through the gateway without a changed line.

Law: a secret is in a private file or in the environment, never in an argument. A protocol says what
its clients read (``custody.protocols.NAME.client``); the program that starts them writes it down.
"""

from collections.abc import Mapping, Sequence
from typing import Protocol

import msgspec

from custody.model.secret import Secret


class Route(msgspec.Struct, frozen=True):
    """How a target is reached: the gateway's listener, and what to ask for there."""

    target: str
    protocol: str
    host: str
    port: int
    database: str
    """What a client names as its database (or the protocol's like of it) to get this target."""
    own: str = ""
    """What the target itself calls the database that one gets without asking for another."""
    within: str = ""
    """What stands before another database of the target, where the client names the target."""
    subject: str = "agent"
    """Whose loop it is; what clients call themselves is a claim, this one is at least true."""


class ClientEnvironment(msgspec.Struct, frozen=True):
    """``environment`` is set, ``unset`` is taken out of what was there before, ``files`` are
    written, by their names inside the private folder.
    """

    environment: Mapping[str, str]
    files: Mapping[str, str] = {}
    unset: Sequence[str] = ()


class ClientSetup(Protocol):
    """What a protocol's ``client`` module offers as ``CLIENT``. Pure."""

    @property
    def schemes(self) -> frozenset[str]:
        """Schemes of URLs that name such a target: ``postgres``, ``postgresql``."""
        ...

    @property
    def default_port(self) -> int: ...

    @property
    def application_protocol(self) -> str:
        """The ALPN name with which the gateway's listener takes TLS at once."""
        ...

    @property
    def declined_openings(self) -> Mapping[bytes, bytes]:
        """What a client may open with that a listener in clear text declines, and how; all of the
        openings have the same length. Empty where clients begin to speak at once.
        """
        ...

    def environment_for(
        self, routes: Sequence[Route], secret: Secret, *, folder: str, authority: str
    ) -> ClientEnvironment:
        """For clients that read the environment. The first route is the default one.

        ``folder`` will hold the files, ``authority`` is the path of the PEM of whom the gateway's
        certificate is trusted by.
        """
        ...

    def rewrite(self, url: str, route: Route, secret: Secret) -> str:
        """The URL of the same database through a listener on this host (``route``), in clear text
        as far as that listener. What of its path and query still makes sense is kept, another
        database of the same target too. Raises ``ValueError`` where it cannot be read.
        """
        ...
