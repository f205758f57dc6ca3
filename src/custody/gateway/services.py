"""The services that every session uses, and what one listener is.

Law: values, which the wiring fills in; no default here switches a bound off. A reload puts
others in their place; who uses one asks for it at each use.
"""

import ssl
from collections.abc import Mapping
from typing import Protocol

import msgspec

from custody.gateway.gate import Clock, Gate
from custody.gateway.long_records import LongMasking
from custody.gateway.memory import MemoryShares
from custody.gateway.target import Target
from custody.model.codec import Advisor
from custody.model.errors import CustodyError
from custody.model.identity import Credential, Loop
from custody.model.interfaces import (
    EvidenceLog,
    Policy,
    TicketAuthenticator,
    TokenAuthenticator,
    Vault,
)
from custody.model.protocol import Wiring
from custody.model.refusal import NativeCodes
from custody.model.words import TargetName
from custody.recording.refusal_rate import RefusalRate


class AdvisorFactory(Protocol):
    def __call__(self, target: Target, database: str, loop: Loop) -> Advisor:
        """The advisor of that database; sessions of one database share what it knows."""
        ...


class SessionServices(msgspec.Struct):
    gate: Gate
    masking: LongMasking
    """Masks what is too long for the event loop."""
    policy: Policy
    log: EvidenceLog
    ticket_authenticator: TicketAuthenticator
    vault: Vault
    targets: Mapping[TargetName, Target]
    advisor: AdvisorFactory
    clock: Clock
    strict_responses: bool
    """Whether an answer's final frame waits for its record to be durable."""
    refusal_rate: RefusalRate
    """Which refused logins get a record of their own."""
    held_bytes: int
    """Bytes of one side that wait (for the disk, for an answer) at which it is no longer read."""
    memory: MemoryShares
    """What long messages take beyond that."""
    codec_generation: int = 0
    """Counts the reloads behind which codecs that were made before may serve nobody any more."""
    tokens: TokenAuthenticator | None = None
    """Takes a raw token given as a password; ``None`` where no issuer's tokens are taken so."""

    async def lease(self, loop: Loop, target: Target) -> Credential:
        """That target's credential. Raises as ``Vault.lease``, and ``target.moved`` where a reload
        has led its name elsewhere: what opens the new place is not shown to the old one.
        """
        credential = await self.vault.lease(loop, target.name)
        if self.targets.get(target.name) != target:
            raise CustodyError(
                "target.moved",
                f"The configuration has another {target.name} by now.",
                "Connect again: new sessions go to the new one.",
            )
        return credential


class ListenerSpec(msgspec.Struct, frozen=True):
    """The configuration of one listener: its protocol, TLS, target and bounds."""

    name: str
    protocol: str
    tls: ssl.SSLContext | None
    cleartext_loopback: bool
    """Accept tickets without TLS from loopback addresses."""
    target: TargetName | None
    """The one target behind this listener, if it has only one."""
    wire: Wiring
    """How its protocol is spoken."""
    application_protocol: str | None
    """ALPN name that direct TLS must agree on."""
    codes: NativeCodes
    """The protocol's own code of each refusal, for the record of what a client was told."""
    bearer: TokenAuthenticator | None
    """Where clients bring tokens of one issuer and nothing else: whoever checks these."""
    idle_timeout_s: float
    """0: none."""
    max_connections: int
    notice: str = ""
