"""Beginning loops at the gateway of this host, over its admin socket.

Law: a caller on the admin socket runs as the gateway's own account, which may vouch for local
subjects. Inside a running loop the loop's ticket counts instead, and a child of it is started.
"""

import socket
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custody.app.admin.client import ask_gateway, socket_path
from custody.client.gateway import GatewayDescription, LoopDescription, TokenResponse
from custody.client.remote_starter import parent_ticket
from custody.client.run import CONFIG, LoopOptions
from custody.model.errors import CustodyError
from custody.model.secret import Secret

if TYPE_CHECKING:
    from custody.config.tables import Config


class LocalStarter:
    """``LoopStarter`` of the gateway that a configuration is of. ``groups`` are those of the
    account unless given.
    """

    authority: Final = ""

    def __init__(
        self, config: "Config", environment: Mapping[str, str], groups: Sequence[str] = ()
    ) -> None:
        self._config: Final = config
        self._environment: Final = environment
        self._groups: Final = tuple(groups)

    @property
    def found_by(self) -> Mapping[str, str]:
        return {CONFIG: str(self._config.path.absolute())}

    def describe(self) -> GatewayDescription:
        return msgspec.convert(self._ask("gateway", {}), GatewayDescription)

    def start(self, options: LoopOptions) -> TokenResponse:
        """Raises ``loop.*``, ``login.local-off``, ``ticket.*``, ``run.parent``."""
        arguments: dict[str, object] = {
            "purpose": options.purpose,
            "targets": list(options.targets) or None,
            "effects": list(options.effects) or None,
            "ttl_ms": None if options.ttl_s is None else options.ttl_s * 1000,
            "client_host": socket.gethostname(),
        }
        parent = parent_ticket(self._environment)
        if parent is not None:
            arguments["ticket"] = parent.reveal()
        elif self._groups:
            arguments["groups"] = self._groups
        answer = self._ask("loop.start", arguments)
        loop = msgspec.convert(answer["loop"], LoopDescription)
        return TokenResponse(Secret(str(answer["access_token"])), int(answer["expires_in"]), loop)

    def end(self, ticket: Secret) -> None:
        self._ask("loop.end", {"token": ticket.reveal()})

    def _ask(self, call: str, arguments: Mapping[str, object]) -> dict[str, Any]:
        document = ask_gateway(socket_path(self._config), call, arguments)
        if document is None:
            raise CustodyError(
                "client.not-running",
                f"The gateway of {self._config.path} does not run.",
                "Start it with `custody serve`, or name another with --gateway.",
            )
        item: dict[str, Any] = document["items"][0]
        return item
