"""Who is behind a secret: the holder of a ticket, or of a provider's token.

Law: what has a token's shape is never looked at as a ticket. A token is weighed by its issuer's
checks alone; where none are set up for it, it is not known, like any other secret.
"""

import re
from typing import Final

from custody.gateway.services import ListenerSpec, SessionServices
from custody.model.identity import Admission, NotAdmitted
from custody.model.secret import Secret

UNKNOWN_TOKEN: Final = "token.unknown"  # noqa: S105 - a reason's name
_TOKEN: Final = re.compile(r"[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+")


def is_token(secret: Secret) -> bool:
    """Whether it is written as a JSON Web Signature is (RFC 7515 §7.1): three base64url parts. No
    ticket is: it has no dot.
    """
    return _TOKEN.fullmatch(secret.reveal()) is not None


async def authenticate(
    rooms: SessionServices, door: ListenerSpec, secret: Secret, client: str
) -> Admission | NotAdmitted:
    """The admission, or why not. Only a token's issuer may have to be waited for."""
    if door.bearer is not None:
        return await door.bearer.admit(secret, client, rooms.clock())
    if not is_token(secret):
        recognised = rooms.doorkeeper.recognise(secret, rooms.clock())
        return NotAdmitted(recognised) if isinstance(recognised, str) else recognised
    if rooms.tokens is None:
        return NotAdmitted(UNKNOWN_TOKEN)
    return await rooms.tokens.admit(secret, client, rooms.clock())
