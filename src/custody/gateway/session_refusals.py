"""What the client of a session, or of one that would be, is told when it is refused.

Law: each sentence names the fault and the cure. "No such target" and "not yours" are one sentence;
and why a secret is not taken is told only where its holder has proved who they are, or where it
says nothing about the secret.
"""

from typing import Final

from custody.model.errors import CustodyError, LogFailureError, WireError
from custody.model.identity import Admission
from custody.model.refusal import Refusal, RefusalCode

NOT_RECORDED: Final = Refusal(
    RefusalCode.NOT_RECORDED,
    "custody cannot record this session now, so it is not open",
    fatal=True,
)

_LOG_FULL: Final = Refusal(
    RefusalCode.LOG_FULL,
    "custody: the evidence log has no room for what this session must record, so the session ends",
    hint="Nothing was forwarded that is not recorded. Connect again once the gateway's operator "
    "has freed space for the evidence.",
    fatal=True,
)
_LOG_FAILED: Final = Refusal(
    RefusalCode.NOT_RECORDED,
    "custody: the evidence log failed, so this session ends",
    hint="Nothing was forwarded that is not recorded.",
    fatal=True,
)

MASKS_CHANGED: Final = Refusal(
    RefusalCode.LOOP_OVER,
    "custody: columns are masked from now on, which this connection was opened too early for",
    hint="Connect again.",
    fatal=True,
)
IDLE: Final = Refusal(RefusalCode.IDLE, "custody: idle for too long", fatal=True)
SESSION_OVER: Final = Refusal(RefusalCode.LOOP_OVER, "custody: this session is over", fatal=True)
LOGIN_TOO_LONG: Final = Refusal(
    RefusalCode.LATE, "custody: the login took longer than 30 s", fatal=True
)
INTERNAL: Final = Refusal(
    RefusalCode.INTERNAL, "custody: this session failed inside the gateway", fatal=True
)
TOO_MANY_CONNECTIONS: Final = Refusal(
    RefusalCode.OVERLOADED, "custody: this listener has as many connections as it takes", fatal=True
)
TARGET_LEFT: Final = Refusal(
    RefusalCode.TARGET_LOST, "custody: the target closed the connection during login"
)
TARGET_BROKE_TLS: Final = Refusal(RefusalCode.PROTOCOL, "custody: the target broke the TLS request")

_TICKET_REFUSALS: Final = {
    "ticket.unchecked": Refusal(
        RefusalCode.UNCHECKED,
        "custody: tickets cannot be checked now, so nobody is let in",
        hint="The gateway's operator sees why in its log; try again.",
        fatal=True,
    ),
    "ticket.unknown": Refusal(
        RefusalCode.IDENTITY,
        "custody: this ticket is not known here",
        hint="Give a ticket (ct_…) as the password; `custody ticket create` makes one. Tokens of "
        "providers are taken where the gateway is set up for that.",
        fatal=True,
    ),
    "ticket.expired": Refusal(
        RefusalCode.IDENTITY,
        "custody: this ticket has expired",
        hint="Start a new loop, or ask the operator for a new ticket.",
        fatal=True,
    ),
    "ticket.revoked": Refusal(
        RefusalCode.IDENTITY,
        "custody: this ticket was revoked",
        hint="Ask the operator why; a new loop needs a new ticket.",
        fatal=True,
    ),
}

_TOKEN_REFUSALS: Final = {
    "identity.expired": Refusal(
        RefusalCode.IDENTITY,
        "custody: this token has expired",
        hint="Get a fresh one from its issuer, and connect again.",
        fatal=True,
    ),
    "identity.not-yet": Refusal(
        RefusalCode.IDENTITY,
        "custody: this token does not hold yet",
        hint="Compare the clocks: 30 seconds between the issuer and the gateway are forgiven.",
        fatal=True,
    ),
    "identity.replayed": Refusal(
        RefusalCode.IDENTITY,
        "custody: this token was used before, and it opens one loop only",
        hint="Get a fresh one from its issuer.",
        fatal=True,
    ),
    "identity.revoked": Refusal(
        RefusalCode.NOT_GRANTED,
        "custody: this identity was revoked",
        hint="Ask the gateway's operator why.",
        fatal=True,
    ),
    "identity.unreachable": Refusal(
        RefusalCode.UNCHECKED,
        "custody: this token cannot be checked now",
        hint="The gateway's operator sees why in its log; try again.",
        fatal=True,
    ),
    "loop.no-grant": Refusal(
        RefusalCode.NOT_GRANTED,
        "custody: no grant lets this identity use any target now",
        hint="Ask the gateway's operator for a grant, or come back at its hours.",
        fatal=True,
    ),
    "loop.concurrency": Refusal(
        RefusalCode.OVERLOADED,
        "custody: as many loops of this identity run as its grant allows",
        hint="End one, or bring the token that one of them began with.",
        fatal=True,
    ),
    "loop.too-short": Refusal(
        RefusalCode.IDENTITY,
        "custody: this token is as good as expired",
        hint="Get a fresh one from its issuer, and connect again.",
        fatal=True,
    ),
}
"""What the holder of a genuine token may know, and what is true of every token."""

_TOKEN_UNKNOWN: Final = Refusal(
    RefusalCode.IDENTITY,
    "custody: this token is not taken here",
    hint="It must be a token of this listener's issuer, made for the gateway.",
    fatal=True,
)
_NOT_BEGUN: Final = Refusal(
    RefusalCode.UNCHECKED,
    "custody: no loop can begin for this token now",
    hint="The gateway's operator sees why in its log; try again.",
    fatal=True,
)
_BEGUN: Final = ("loop.", "log.", "state.")


def not_authenticated(reason: str, *, bearer: bool = False) -> Refusal:
    """For whoever brought a ticket or a token that was not taken. A token of which nothing may be
    told is refused as an unknown ticket is. ``bearer``: where nothing but tokens is taken.
    """
    refusal = _TICKET_REFUSALS.get(reason) or _TOKEN_REFUSALS.get(reason)
    if refusal is not None:
        return refusal
    if reason.startswith(_BEGUN):
        return _NOT_BEGUN
    return _TOKEN_UNKNOWN if bearer else _TICKET_REFUSALS["ticket.unknown"]


def not_yours(target: str) -> Refusal:
    return Refusal(
        RefusalCode.NOT_GRANTED,
        f'custody: there is no target "{target[:63]}" that this loop has a grant for',
        hint="The database name names the target: dbname=TARGET or dbname=TARGET/DATABASE. "
        "Without a grant for it there is no session.",
        fatal=True,
    )


def no_stream(stream: str) -> Refusal:
    return Refusal(
        RefusalCode.DENIED,
        f"custody: no grant of this loop names {stream}",
        hint=f"{stream.capitalize()} streams are opaque; a grant allows them with "
        f"`{stream} = true`.",
        fatal=True,
    )


def past_use(admission: Admission, now: int) -> Refusal:
    """The loop is over, or its ticket was revoked."""
    why = " (expired)" if now >= admission.loop.expires else ", or its ticket was revoked"
    return Refusal(RefusalCode.LOOP_OVER, f"custody: this loop has ended{why}", fatal=True)


def unreachable(error: CustodyError) -> Refusal:
    """The target, or its credential, is not to be had."""
    return Refusal(RefusalCode.TARGET, f"custody: {error.fault}", hint=error.cure)


def no_tls_there(target: str, mode: str) -> Refusal:
    return Refusal(
        RefusalCode.TARGET,
        f'custody: target "{target}" does not offer TLS, which its `tls = "{mode}"` demands',
    )


def broken_protocol(error: WireError) -> Refusal:
    return Refusal(RefusalCode.PROTOCOL, f"custody: {error.fault}", fatal=True)


def unrecorded_end(error: LogFailureError) -> Refusal:
    """A session of which something cannot be recorded ends; others, which record less, go on."""
    return _LOG_FULL if error.code == "log.full" else _LOG_FAILED
