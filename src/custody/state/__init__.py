"""What the gateway must remember between starts and may not lose: loops and tickets.

Law: no secret is kept here, only digests of secrets; and nothing here is evidence: what an
investigator must believe stands in the evidence log.
"""

from custody.state.store import State
from custody.state.thread import StateThread

__all__ = ["State", "StateThread"]
