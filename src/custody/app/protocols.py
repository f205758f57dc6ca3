"""The protocols that are built, found by listing their folders.

Law: a protocol is a folder under `custody.protocols` whose module `protocol` offers ``PROTOCOL``;
adding one touches nothing here.
"""

import functools
import importlib
import pkgutil
from collections.abc import Callable
from typing import Any, Protocol

from custody import protocols
from custody.model.codec import CodecFaces, Inquirer
from custody.model.errors import CustodyError
from custody.model.refusal import NativeCodes


class BuiltProtocol(Protocol):
    """What a protocol's folder offers."""

    @property
    def name(self) -> str: ...
    @property
    def application_protocol(self) -> str:
        """Its ALPN name."""
        ...

    @property
    def codes(self) -> NativeCodes:
        """Its own code of each refusal."""
        ...

    @property
    def options(self) -> Callable[..., Any]:
        """The type of its options."""
        ...

    def codec(self, options: Any) -> CodecFaces: ...  # noqa: ANN401 - each protocol's own type
    def inquirer(self) -> Inquirer: ...


@functools.cache
def built_protocols() -> dict[str, BuiltProtocol]:
    """Every protocol that is built, by name."""
    found: dict[str, BuiltProtocol] = {}
    for module in pkgutil.iter_modules(protocols.__path__):
        place = f"{protocols.__name__}.{module.name}.protocol"
        protocol = importlib.import_module(place).PROTOCOL
        found[protocol.name] = protocol
    return found


def find_protocol(name: str) -> BuiltProtocol:
    """Raises ``CustodyError`` ``config.protocol``."""
    protocol = built_protocols().get(name)
    if protocol is None:
        known = ", ".join(sorted(built_protocols()))
        raise CustodyError(
            "config.protocol", f'There is no protocol "{name}".', f"Built are: {known}."
        )
    return protocol
