"""Who may come in: minting tickets and recognising them.

Law: a ticket's secret is shown once, at its making; afterwards only its digest exists.
"""

from custody.identity.doorkeeper import TicketBook, TicketDoorkeeper
from custody.identity.mint import local_identity, mint_loop, mint_ticket

__all__ = [
    "TicketBook",
    "TicketDoorkeeper",
    "local_identity",
    "mint_loop",
    "mint_ticket",
]
