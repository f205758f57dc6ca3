"""What a server sends of its own accord (NOTIFY).

Law: total; a payload is bounded by the protocol's own bound on a message.
"""

from custody.model.event import Notified
from custody.model.record import Notification


def notification(body: bytes, size: int, encoding: str) -> Notified:
    """A NotificationResponse behind its process: channel and payload, each ended by a zero.
    ``size``: of the whole message.
    """
    channel, _, payload = body.partition(b"\0")
    text = payload.removesuffix(b"\0").decode(encoding, "replace")
    return Notified(Notification(1, size, ((channel.decode(encoding, "replace"), text),)))
