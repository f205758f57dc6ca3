"""The gateway's refusals in PostgreSQL's words.

Law: every refusal has one SQLSTATE ("PostgreSQL Error Codes", appendix A), and drivers act on its
class: 42 and 28 are not tried again, 53, 57 and 58 may be.
"""

from typing import Final

from custody.model.refusal import NativeCodes, Refusal, RefusalCode
from custody.wire.sql.syntax import Unreadable

SQLSTATES: Final[NativeCodes] = {
    RefusalCode.DENIED: "42501",  # insufficient_privilege
    RefusalCode.ASKED: "42501",
    RefusalCode.WITHDRAWN: "57014",  # query_canceled
    RefusalCode.NOT_RECORDED: "58030",  # io_error
    RefusalCode.LOG_FULL: "53100",  # disk_full
    RefusalCode.IDENTITY: "28P01",  # invalid_password
    RefusalCode.NOT_GRANTED: "28000",  # invalid_authorization_specification
    RefusalCode.UNCHECKED: "58000",  # system_error
    RefusalCode.LOOP_OVER: "57P01",  # admin_shutdown
    RefusalCode.IDLE: "57P05",  # idle_session_timeout
    RefusalCode.LATE: "57014",
    RefusalCode.OVERLOADED: "53300",  # too_many_connections
    RefusalCode.TARGET: "08001",  # sqlclient_unable_to_establish_sqlconnection
    RefusalCode.TARGET_LOST: "08006",  # connection_failure
    RefusalCode.PROTOCOL: "08P01",  # protocol_violation
    RefusalCode.INTERNAL: "XX000",  # internal_error
}
NOT_SUPPORTED: Final = "0A000"
LOGIN_REJECTED: Final = "08004"
"""What a client is told of a target that refuses the gateway: its own ticket was fine."""
LIMIT_EXCEEDED: Final = "54000"
SYNTAX_ERROR: Final = "42601"
STATEMENT_TOO_COMPLEX: Final = "54001"
INSUFFICIENT_RESOURCES: Final = "53000"
CHARACTER_NOT_IN_REPERTOIRE: Final = "22021"

_NOT_SENT: Final = "custody judges every statement, so what it cannot read goes nowhere."
_NEWER_GRAMMAR: Final = (
    "Where the server's own grammar is newer and would take it, an operator can grant `unknown`."
)


def sqlstate(refusal: Refusal) -> str:
    return refusal.native or SQLSTATES[refusal.code]


def unreadable(why: Unreadable) -> Refusal:
    """What the sender of a text is told that could not be read, where nothing allows such texts."""
    match why.reason:
        case "syntax":
            return Refusal(
                RefusalCode.DENIED,
                why.message or "syntax error",
                detail=_NOT_SENT,
                hint=_NEWER_GRAMMAR,
                position=why.position,
                native=SYNTAX_ERROR,
            )
        case "overload":
            return Refusal(
                RefusalCode.OVERLOADED,
                "custody: too busy to read this statement now",
                detail=_NOT_SENT,
                hint="Try again.",
                native=INSUFFICIENT_RESOURCES,
            )
        case "encoding":
            return Refusal(
                RefusalCode.DENIED,
                "custody: this statement is not valid text in its encoding, or the encoding may "
                "have changed before it in this pipeline",
                detail=_NOT_SENT,
                native=CHARACTER_NOT_IN_REPERTOIRE,
            )
        case _:
            return Refusal(
                RefusalCode.DENIED,
                f"custody: this statement is too complex to be read ({why.reason})",
                detail=_NOT_SENT,
                hint="Send it in parts, or its values as parameters.",
                native=STATEMENT_TOO_COMPLEX,
            )
