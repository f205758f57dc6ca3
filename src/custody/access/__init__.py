"""Who may come in, and for how long: loops, logins, tickets, the exchange of tokens.

Law: every decision about a beginning or an end is made here and recorded before it counts;
listeners ask, and nothing here knows a wire.
"""

from typing import TYPE_CHECKING, Final

from custody.lazy_face import lazy_face

if TYPE_CHECKING:
    from custody.access.exchange import Exchange, TokenIssuer
    from custody.access.leases import LeaseService
    from custody.access.login_request import AuthorizationRequest, parse_authorization_request
    from custody.access.logins import LoginService, Refresher
    from custody.access.loops import InStateThread, LoopService
    from custody.access.pending_logins import LOGIN_MS, PendingLogins
    from custody.access.refresh_tokens import RefreshTokenSealer, load_refresh_token_sealer
    from custody.access.requests import (
        ACCESS_TOKEN,
        ID_TOKEN,
        JWT,
        LOGIN,
        TICKET,
        ExchangeRequest,
        ExchangeResult,
        LoopRequest,
        ReachableTarget,
        StartedLogin,
        StartedLoop,
    )
    from custody.access.sign_in import DeviceStep, FailedStep, SignIn
    from custody.access.terms import LoopTerms
    from custody.access.tickets import TicketCreate, TicketList, TicketRevoke, TicketService
    from custody.access.token_passwords import TokenPasswords

_NAMES: Final = {
    "exchange": ("Exchange", "TokenIssuer"),
    "leases": ("LeaseService",),
    "login_request": ("AuthorizationRequest", "parse_authorization_request"),
    "logins": ("LoginService", "Refresher"),
    "loops": ("InStateThread", "LoopService"),
    "pending_logins": ("LOGIN_MS", "PendingLogins"),
    "refresh_tokens": ("RefreshTokenSealer", "load_refresh_token_sealer"),
    "requests": (
        "ACCESS_TOKEN",
        "ExchangeRequest",
        "ExchangeResult",
        "ID_TOKEN",
        "JWT",
        "LOGIN",
        "LoopRequest",
        "ReachableTarget",
        "StartedLogin",
        "StartedLoop",
        "TICKET",
    ),
    "sign_in": ("DeviceStep", "FailedStep", "SignIn"),
    "terms": ("LoopTerms",),
    "tickets": ("TicketCreate", "TicketList", "TicketRevoke", "TicketService"),
    "token_passwords": ("TokenPasswords",),
}

__all__ = [
    "ACCESS_TOKEN",
    "ID_TOKEN",
    "JWT",
    "LOGIN",
    "LOGIN_MS",
    "TICKET",
    "AuthorizationRequest",
    "DeviceStep",
    "Exchange",
    "ExchangeRequest",
    "ExchangeResult",
    "FailedStep",
    "InStateThread",
    "LeaseService",
    "LoginService",
    "LoopRequest",
    "LoopService",
    "LoopTerms",
    "PendingLogins",
    "ReachableTarget",
    "RefreshTokenSealer",
    "Refresher",
    "SignIn",
    "StartedLogin",
    "StartedLoop",
    "TicketCreate",
    "TicketList",
    "TicketRevoke",
    "TicketService",
    "TokenIssuer",
    "TokenPasswords",
    "load_refresh_token_sealer",
    "parse_authorization_request",
]

if not TYPE_CHECKING:
    __getattr__ = lazy_face(__name__, _NAMES)
