"""Records that a gateway writes of itself: its log, its configuration, its operators and readers.

Law: as in ``record``: complete in memory, masked before they reach the log.
"""

import msgspec


class LogOpen(msgspec.Struct, frozen=True, tag="log.open"):
    """The first leaf of a log, and of every later start of a gateway on it."""

    version: str
    durability: str
    responses: str
    previous: str = ""
    """The final checkpoint of the year before, where there is one."""


class LogClose(msgspec.Struct, frozen=True, tag="log.close"):
    reason: str


class ConfigLoaded(msgspec.Struct, frozen=True, tag="config"):
    """Digests are SHA-256, hexadecimal."""

    policy: str
    """Of all that decides who may come in and what is allowed: grants, rules, logins, providers."""
    mask: str
    summary: str
    """What an investigator should know of it: names of targets, grants, rules; never a secret."""
    rules: str = ""
    """Of grants and rules alone: what verdicts carry."""


class AdminAct(msgspec.Struct, frozen=True, tag="admin"):
    act: str
    """Such as ``ticket.create``, ``ticket.revoke``, ``clock.confirm``."""
    actor: str
    subject: str
    detail: str = ""


class EvidenceRead(msgspec.Struct, frozen=True, tag="evidence.read"):
    """Somebody read evidence through the running gateway: one for a reader, a call and what it
    is about in ten minutes.
    """

    reader: str
    """The account on the gateway's host, as the kernel says it."""
    login_account: str
    """The account that had logged in there before it became ``reader``; empty where the host keeps
    no such word.
    """
    call: str
    """Such as ``show``, ``search``."""
    about: str
    """A loop, session or record by its id; a query as it was typed, masked; empty for a list."""


class EscrowCopy(msgspec.Struct, frozen=True):
    """A day's key, sealed for one recipient."""

    recipient: str
    key: str
    """The recipient's public key, as text."""
    outlives_retention: bool
    line: str
    """SHA-256, hexadecimal, of the line in the day's escrow file."""


class KeysEscrowed(msgspec.Struct, frozen=True, tag="keys"):
    """Who can open a day's contents without this gateway: at each opening of the log, and at each
    day's beginning. There is none where nobody can.
    """

    day: str
    copies: tuple[EscrowCopy, ...]


class AnchorAccepted(msgspec.Struct, frozen=True, tag="anchor.accepted"):
    """An operator went on with a log that its anchor contradicts, or that has lost its anchor."""

    signed: int | None
    """Records that the anchor knew to be signed; ``None`` where there was no anchor to ask."""
    size: int
    """Records that were found."""
    lost: int
    """Signed records that were given up: they are not here, or others are in their place."""


class ClockJump(msgspec.Struct, frozen=True, tag="clock"):
    offset_ms: int


class Recovery(msgspec.Struct, frozen=True, tag="recovery"):
    """A start after a crash: what was set aside, and which sessions it closes."""

    torn_bytes: int
    torn_hash: str
    size: int
    """Records found intact."""
    sessions: tuple[tuple[str, int], ...]
    """Sessions that were open, each with its last n."""
    lost: int | None = None
    """Signed records that were given up at this start (``AnchorAccepted``)."""


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat"):
    open: int
    digest: str
    """SHA-256, hex, of the sorted list of (session, n, last leaf hash)."""
