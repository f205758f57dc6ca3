"""The protocols that are built, each a folder here.

Law: a protocol is found by listing folders. Nothing of one is imported before it is asked for.
"""

import importlib
import importlib.util
import pkgutil
from typing import cast

from custody.model.config.protocol_settings import ProtocolSettings
from custody.model.errors import CustodyError
from custody.model.protocol import WireProtocol


def names() -> frozenset[str]:
    """As in ``[listen.NAME]`` and ``protocol = "NAME"``: the folders' names."""
    return frozenset(each.name for each in pkgutil.iter_modules(__path__) if each.ispkg)


def part(protocol: str, module: str, name: str) -> object | None:
    """What a module of a protocol's folder offers under that name; ``None``: no such module."""
    place = f"{__name__}.{protocol}.{module}"
    if protocol not in names() or importlib.util.find_spec(place) is None:
        return None
    offered: object = getattr(importlib.import_module(place), name)
    return offered


def settings_of(protocol: str) -> ProtocolSettings:
    """Its ``SETTINGS``; of one that has none, or is not built, no keys but the shared ones."""
    found = part(protocol, "settings", "SETTINGS")
    return ProtocolSettings() if found is None else cast("ProtocolSettings", found)


def find_protocol(name: str) -> WireProtocol:
    """Its ``PROTOCOL``. Raises ``CustodyError`` ``config.protocol``."""
    found = part(name, "protocol", "PROTOCOL")
    if found is None:
        known = ", ".join(sorted(names()))
        raise CustodyError(
            "config.protocol", f'There is no protocol "{name}".', f"Built are: {known}."
        )
    return cast("WireProtocol", found)
