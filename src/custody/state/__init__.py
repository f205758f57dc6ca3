"""The state that the gateway keeps between starts: logins, loops, tickets, budgets.

Law: no secret is kept here, only digests of secrets, and refresh tokens sealed under a key that
lies elsewhere; and nothing here is evidence: what an investigator must believe stands in the log.
"""

from custody.state.database_copy import copy_state
from custody.state.logins import DueLogin, EndedLogin, RevokedIdentity
from custody.state.loops import EndedLoop
from custody.state.store import State
from custody.state.thread import StateThread
from custody.state.tokens import NOT_KEPT, PresentedToken, TokenLoop

__all__ = [
    "NOT_KEPT",
    "DueLogin",
    "EndedLogin",
    "EndedLoop",
    "PresentedToken",
    "RevokedIdentity",
    "State",
    "StateThread",
    "TokenLoop",
    "copy_state",
]
