"""The protocols that are built, found by listing their folders.

Law: a protocol is a folder under `custody.protocols` whose module `protocol` offers ``PROTOCOL``;
adding one touches nothing here.
"""

import functools
import importlib
import pkgutil

from custody import protocols
from custody.model.errors import CustodyError
from custody.model.protocol import WireProtocol


@functools.cache
def built_protocols() -> dict[str, WireProtocol]:
    """Every protocol that is built, by name."""
    found: dict[str, WireProtocol] = {}
    for module in pkgutil.iter_modules(protocols.__path__):
        place = f"{protocols.__name__}.{module.name}.protocol"
        protocol = importlib.import_module(place).PROTOCOL
        found[protocol.name] = protocol
    return found


def find_protocol(name: str) -> WireProtocol:
    """Raises ``CustodyError`` ``config.protocol``."""
    protocol = built_protocols().get(name)
    if protocol is None:
        known = ", ".join(sorted(built_protocols()))
        raise CustodyError(
            "config.protocol", f'There is no protocol "{name}".', f"Built are: {known}."
        )
    return protocol
