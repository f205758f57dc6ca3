"""Logging in with a browser on another machine (RFC 8628).

Law: the gateway is polled no more often than it allows, and not at all once the code has expired.
"""

from collections.abc import Callable
from typing import Final

from custody.client.gateway import DEVICE_CODE, GatewayClient, PendingError, TokenResponse
from custody.model.errors import CustodyError
from custody.model.secret import Secret

SLOWER_S: Final = 5
"""RFC 8628 §3.5: by how much to ask less often after ``slow_down``."""


def log_in(
    gateway: GatewayClient,
    provider: str,
    say: Callable[[str], None],
    sleep: Callable[[float], None],
) -> TokenResponse:
    """Raises ``login.expired``, and whatever the gateway refuses with."""
    started = gateway.begin_device(provider)
    code = Secret(started.device_code)
    interval, left = max(started.interval, 1), started.expires_in
    say(f"open {started.verification_uri} and enter the code {started.user_code}")
    if started.verification_uri_complete:
        say(f"or open {started.verification_uri_complete}")
    while left > 0:
        sleep(interval)
        left -= interval
        try:
            return gateway.exchange({"grant_type": DEVICE_CODE}, secrets={"device_code": code})
        except PendingError as pending:
            if pending.reason == "slow_down":
                interval += SLOWER_S
        except CustodyError as error:
            if error.code != "client.unreachable":
                raise
            interval += (
                SLOWER_S  # RFC 8628 §3.5: a time-out is no answer, and a reason to slow down
            )
    raise CustodyError("login.expired", "The code was not entered in time.", "Try again.")
