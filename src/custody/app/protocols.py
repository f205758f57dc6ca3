"""The protocols that are built, found by listing their folders.

Law: a protocol is a folder under `custody.protocols` whose module `protocol` offers ``PROTOCOL``;
adding one touches nothing here.
"""

from typing import cast

from custody import protocols
from custody.model.errors import CustodyError
from custody.model.protocol import WireProtocol


def find_protocol(name: str) -> WireProtocol:
    """Raises ``CustodyError`` ``config.protocol``."""
    found = protocols.part(name, "protocol", "PROTOCOL")
    if found is None:
        known = ", ".join(sorted(protocols.names()))
        raise CustodyError(
            "config.protocol", f'There is no protocol "{name}".', f"Built are: {known}."
        )
    return cast("WireProtocol", found)
