"""Who may come in: minting tickets and recognising them.

Law: a ticket's secret is shown once, at its making; afterwards only its digest exists.
"""

from custody.identity.mint import (
    LOGIN_PREFIX,
    PREFIX,
    local_identity,
    mint_login_id,
    mint_loop,
    mint_loop_id,
    mint_secret,
    mint_ticket,
    secret_digest,
)
from custody.identity.ticket_authenticator import CachedTicketAuthenticator, TicketChanges

__all__ = [
    "LOGIN_PREFIX",
    "PREFIX",
    "CachedTicketAuthenticator",
    "TicketChanges",
    "local_identity",
    "mint_login_id",
    "mint_loop",
    "mint_loop_id",
    "mint_secret",
    "mint_ticket",
    "secret_digest",
]
