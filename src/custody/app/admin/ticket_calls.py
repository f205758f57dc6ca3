"""The calls that make, list and withdraw tickets.

Law: a ticket's secret is in the answer to its making, and in no other.
"""

from collections.abc import Mapping
from typing import Final

from custody.access import TicketCreate, TicketList, TicketRevoke, TicketService
from custody.app.admin.documents import Document, document, typed

TICKET_CALLS: Final = frozenset({"ticket.create", "ticket.list", "ticket.revoke"})


class TicketCalls:
    def __init__(self, tickets: TicketService) -> None:
        self._tickets: Final = tickets

    def handles(self, call: str) -> bool:
        return call in TICKET_CALLS

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.arguments``, and as ``TicketService`` does."""
        match call:
            case "ticket.create":
                return document(await self._tickets.create(typed(arguments, TicketCreate)))
            case "ticket.list":
                return document(*await self._tickets.list(typed(arguments, TicketList)))
            case _:
                return document(await self._tickets.revoke(typed(arguments, TicketRevoke)))
