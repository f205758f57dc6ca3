"""What a login is told when it is refused.

Law: each sentence names the fault and the cure. "No such target" and "not yours" are one sentence.
"""

from typing import Final

from custody.model.command import Refusal

NOT_RECORDED: Final = Refusal(
    "58030", "custody cannot record this session now, so it is not open", fatal=True
)

NO_REPLICATION: Final = Refusal(
    "42501",
    "custody: no grant of this loop names replication",
    hint="Replication streams are opaque; a grant allows them with `replication = true`.",
    fatal=True,
)

TICKET_REFUSALS: Final = {
    "ticket.unchecked": Refusal(
        "58000",
        "custody: tickets cannot be checked now, so nobody is let in",
        hint="The gateway's operator sees why in its log; try again.",
        fatal=True,
    ),
    "ticket.unknown": Refusal(
        "28P01",
        "custody: this ticket is not known here",
        hint="Give a ticket (ct_…) as the password; `custody ticket create` makes one.",
        fatal=True,
    ),
    "ticket.expired": Refusal(
        "28P01",
        "custody: this ticket has expired",
        hint="Start a new loop, or ask the operator for a new ticket.",
        fatal=True,
    ),
    "ticket.revoked": Refusal(
        "28P01",
        "custody: this ticket was revoked",
        hint="Ask the operator why; a new loop needs a new ticket.",
        fatal=True,
    ),
}


def not_yours(target: str) -> Refusal:
    return Refusal(
        "28000",
        f'custody: there is no target "{target[:63]}" that this loop has a grant for',
        hint="The database name names the target: dbname=TARGET or dbname=TARGET/DATABASE.",
        fatal=True,
    )
