"""What a protocol's folder offers to the gateway, and what it is told in return.

Law: a protocol is one folder. Its module ``protocol`` has a ``PROTOCOL`` of this face; nothing else
in the gateway is written for one protocol.
"""

from collections.abc import Callable, Generator, Hashable, Sequence
from typing import Protocol

import msgspec

from custody.model.codec import CodecFaces, Inquirer
from custody.model.command import Command
from custody.model.config.protocol_settings import NoSettings
from custody.model.identity import Session
from custody.model.refusal import NativeCodes
from custody.model.terminator import Terminator


class ListenerOptions(msgspec.Struct, frozen=True, kw_only=True):
    """What a listener's configuration says to its protocol. Bounds are in bytes."""

    own: msgspec.Struct = NoSettings()
    """The keys that the protocol declares for ``[listen.NAME]``."""

    target_bound: bool
    """The listener has one target, so a client's login need not name it."""
    capture_bytes: int
    """Of each response, kept for the record."""
    command_bytes: int
    """A longer command is refused without being held."""
    resolve_origins: bool
    """Masking by column is configured: say which columns a result's columns are."""
    oauth_issuer: str = ""
    """Whose tokens clients bring, and in no other way; empty: tickets."""
    oauth_scope: str = ""


class RelayedWire(msgspec.Struct, frozen=True):
    """The gateway owns the sockets and relays byte for byte."""

    faces: Callable[[bool], CodecFaces]
    """One connection's; the argument says whether a ticket may be asked for in clear text."""


class TerminatedWire(msgspec.Struct, frozen=True):
    """The protocol owns the sockets."""

    terminator: Terminator


ReadAlone = Generator[Hashable, object, Sequence[Command]]
"""Yields questions as ``Inquiry`` holds them, is sent their answers (``None``: not known), and
returns the commands.
"""
Wiring = RelayedWire | TerminatedWire


class WireProtocol(Protocol):
    @property
    def name(self) -> str:
        """As in ``[listen.NAME]`` and ``protocol = "NAME"``."""
        ...

    @property
    def application_protocol(self) -> str | None:
        """Its ALPN name; ``None``: its listeners have neither TLS nor a certificate."""
        ...

    @property
    def codes(self) -> NativeCodes:
        """Its own code of each refusal."""
        ...

    def wire(self, options: ListenerOptions) -> Wiring: ...

    @property
    def inquirer(self) -> Callable[[], Inquirer] | None:
        """Makes a connection of the gateway's own to a target, for look-ups; ``None``: it asks no
        target anything.
        """
        ...

    @property
    def read_alone(self) -> Callable[[str, Session], ReadAlone] | None:
        """What a text means to a session that begins with it, with no target to ask; ``None``: its
        commands cannot be typed.
        """
        ...
