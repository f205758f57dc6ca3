"""Requests to the access services, and their results.

Law: this module holds values only and decides nothing. A ``Secret`` in a result is the only copy;
the caller that receives it shows it once.
"""

from typing import Final

import msgspec

from custody.model.identity import Budget, RememberedLogin, Ticket
from custody.model.secret import Secret
from custody.model.words import Effect, TargetName

ID_TOKEN: Final = "urn:ietf:params:oauth:token-type:id_token"  # noqa: S105 - a type's name, RFC 8693 §3
ACCESS_TOKEN: Final = "urn:ietf:params:oauth:token-type:access_token"  # noqa: S105 - as above
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"
LOGIN: Final = "urn:custody:token-type:login"
TICKET: Final = "urn:custody:token-type:ticket"


class LoopRequest(msgspec.Struct, frozen=True):
    """The wanted properties of a loop. A field that is ``None`` is as wide as the grants, or the
    parent, allow.

    ``client_host`` and ``on_behalf_of`` are claims of the requester.
    """

    purpose: str = ""
    targets: tuple[TargetName, ...] | None = None
    effects: frozenset[Effect] | None = None
    ttl_ms: int | None = None
    client_host: str = ""
    budget: Budget | None = None
    on_behalf_of: str = ""


class ReachableTarget(msgspec.Struct, frozen=True):
    """A target that a loop may use, by its grants and its scope."""

    target: TargetName
    protocol: str
    database: str
    effects: frozenset[Effect]


class StartedLoop(msgspec.Struct, frozen=True):
    """A loop that runs, with the only copy of its ticket's secret."""

    secret: Secret
    ticket: Ticket
    reachable: tuple[ReachableTarget, ...]


class StartedLogin(msgspec.Struct, frozen=True):
    """A login that holds, with the only copy of its secret."""

    secret: Secret
    login: RememberedLogin


class ExchangeRequest(msgspec.Struct, frozen=True):
    """RFC 8693 §2.1, typed. Types are the URNs above. ``actor`` is the token of the agent that acts
    for whom ``subject`` is about.
    """

    subject: Secret
    subject_type: str
    actor: Secret | None = None
    actor_type: str = ""
    requested_type: str = TICKET
    """``TICKET`` or ``LOGIN``."""
    loop_request: LoopRequest = LoopRequest()


ExchangeResult = StartedLoop | StartedLogin
