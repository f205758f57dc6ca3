"""The closed vocabularies and the identifiers.

Law: an identifier is minted by the gateway, never taken from a client. An enumeration here is
written into leaves of the evidence log, so a member may be added but never renamed or removed.
"""

import re
from enum import Enum, StrEnum
from typing import Final, NewType

LoopId = NewType("LoopId", str)
"""``loop_`` and 20 lower-case base32 characters."""
SessionId = NewType("SessionId", str)
"""``ses_`` and 20 lower-case base32 characters."""
TicketId = NewType("TicketId", str)
"""``tkt_`` and 12 lower-case base32 characters: names a ticket, opens nothing."""
LoginId = NewType("LoginId", str)
"""``login_`` and 20 lower-case base32 characters: names a login, opens nothing."""
TargetName = NewType("TargetName", str)
"""As the operator wrote it in ``[[target]] name``."""

NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")
"""The form of a name that an operator gives: of a target, a rule, a grant."""


class Effect(StrEnum):
    """What a command does, not how it is spelled. The empty set is allowed by any grant."""

    READ = "read"
    WRITE = "write"
    DEFINE = "define"
    GRANT = "grant"
    EXECUTE = "execute"
    UNKNOWN = "unknown"


class Decision(StrEnum):
    ALLOW = "allow"
    DENY = "deny"
    ASK = "ask"


class Ended(StrEnum):
    """How a transaction ended."""

    COMMITTED = "committed"
    ROLLED_BACK = "rolled-back"
    UNKNOWN = "unknown"
    """The connection was lost before anybody said, or it outlives the session."""


class Outcome(StrEnum):
    """How a command ended."""

    OK = "ok"
    ERROR = "error"
    """The target answered with an error."""
    REFUSED = "refused"
    """The gateway answered; the target never saw it."""
    SKIPPED = "skipped"
    """Forwarded, but the target ignored it: an earlier command of its pipeline had failed."""
    UNKNOWN = "unknown"
    """Forwarded, and no answer was seen before the connection or the gateway ended."""


class IdentityKind(StrEnum):
    HUMAN = "human"
    SERVICE = "service"
    AGENT = "agent"


class Method(StrEnum):
    """How an identity was proved."""

    LOCAL = "local"
    """The operator of the gateway vouched for it."""
    OIDC_CODE = "oidc.code"
    OIDC_DEVICE = "oidc.device"
    OIDC_CLIENT = "oidc.client"
    """A client's own credentials (RFC 6749 §4.4)."""
    OIDC_TOKEN = "oidc.token"  # noqa: S105 - a method's name
    """A token that its holder brought along."""
    WORKLOAD = "workload"
    SAML = "saml"


class Exceeded(StrEnum):
    """What happens to a loop that has used up its budget."""

    ASK = "ask"
    PAUSE = "pause"
    """Its commands are refused until an operator resumes it; its sessions live on."""
    END = "end"


class Side(Enum):
    """The two ends of a session, seen from the gateway."""

    CLIENT = "client"
    SERVER = "server"
