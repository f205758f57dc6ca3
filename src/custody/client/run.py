"""`custody run -- CMD`: one loop, for as long as one command.

Law: the loop begins before the command and ends with it, for any reason; what the command needs
lies in a folder that is gone afterwards; no secret is ever in an argument.
"""

import contextlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from custody.client.child import interrupted, run_child, watching
from custody.client.environment import (
    TICKET_FILE,
    rewrite_urls,
    routes_of,
    urls_with_credentials,
    write_environment,
)
from custody.client.gateway import GatewayDescription, TokenResponse
from custody.client.private_folder import private_folder, write_private
from custody.client.service import CLIENT_SECRET
from custody.client.trust import authority_of
from custody.client.workload import OURS
from custody.model.client_environment import ClientEnvironment, Route
from custody.model.errors import CustodyError
from custody.model.secret import Secret

LOOP: Final = "CUSTODY_LOOP"
TICKET_AT: Final = "CUSTODY_TICKET_FILE"
"""Where a command inside finds the ticket, to start loops of sub-agents with."""
GATEWAY: Final = "CUSTODY_GATEWAY"
AUTHORITY: Final = "CUSTODY_CA"
CONFIG: Final = "CUSTODY_CONFIG"
_KEPT_BACK: Final = frozenset((*OURS, CLIENT_SECRET))
"""What proves who starts loops is not the command's."""
_API_AUTHORITY_FILE: Final = "gateway-ca.pem"
_INTERRUPTED: Final = 130

Say = Callable[[str], None]


class LoopOptions(msgspec.Struct, frozen=True):
    """What the loop is to be. ``None`` and empty: as the grants have it."""

    targets: Sequence[str] = ()
    purpose: str = ""
    effects: Sequence[str] = ()
    ttl_s: int | None = None


class LoopStarter(Protocol):
    """Begins and ends loops: at a gateway's API, or at the gateway on this host."""

    @property
    def authority(self) -> str:
        """Whom its API is trusted by, PEM; empty for the system's authorities."""
        ...

    @property
    def found_by(self) -> Mapping[str, str]:
        """Variables by which a `custody run` inside the command finds the same gateway."""
        ...

    def describe(self) -> GatewayDescription: ...
    def start(self, options: LoopOptions) -> TokenResponse: ...
    def end(self, ticket: Secret) -> None: ...


class RunRequest(msgspec.Struct, frozen=True):
    command: Sequence[str]
    loop: LoopOptions
    local: bool = False
    """Listen on loopback too, and lead the variables that hold URLs there."""
    chosen: Mapping[str, str] = {}
    """Which target a variable means, where its URL does not tell."""
    quiet: bool = False


def run(asked: RunRequest, starter: LoopStarter, environment: Mapping[str, str], say: Say) -> int:
    """The command's exit code. Raises ``CustodyError`` where the command was not started."""
    gateway = starter.describe()
    trusted = authority_of(gateway, starter.authority)
    with watching() as mask, _folder(environment) as folder:
        granted = starter.start(asked.loop)
        try:
            loop = granted.loop
            if loop is None:
                raise CustodyError("client.strange", "The gateway gave no loop.")
            routes = routes_of(gateway, loop, asked.loop.targets)
            given = write_environment(routes, granted.secret, folder, trusted, environment)
            own = _environment(environment, given, _about(loop.id, starter, folder))
            if not asked.quiet:
                say(f"custody: {loop.id} ({loop.identity}) until {loop.expires}")
            with contextlib.ExitStack() as stack:
                if asked.local:
                    # Loaded for this alone: asyncio takes longer than all the rest.
                    from custody.client.forwarder import open_forwarders  # noqa: PLC0415 - see above

                    local = stack.enter_context(open_forwarders(routes, trusted))
                    own |= _led(asked, environment, routes, local, granted.secret, say)
                else:
                    _warn_of_urls(environment, routes, say)
                return _INTERRUPTED if interrupted() else run_child(asked.command, own, mask)
        finally:
            _end(starter, granted.secret, say)


@contextlib.contextmanager
def _folder(environment: Mapping[str, str]) -> Iterator[Path]:
    try:
        with private_folder(environment) as folder:
            yield folder
    except OSError as error:
        raise CustodyError(
            "run.folder",
            f"The folder of this run cannot be written: {error.strerror or error}.",
            "Check XDG_RUNTIME_DIR, else the temporary directory.",
        ) from error


def _environment(
    before: Mapping[str, str], given: ClientEnvironment, about: Mapping[str, str]
) -> dict[str, str]:
    away = {*given.unset, *_KEPT_BACK, GATEWAY, AUTHORITY}
    kept = {name: value for name, value in before.items() if name not in away}
    return {**kept, **given.environment, **about}


def _about(loop: str, starter: LoopStarter, folder: Path) -> dict[str, str]:
    said = {LOOP: loop, TICKET_AT: str(folder / TICKET_FILE), **starter.found_by}
    if not starter.authority:
        return said
    place = folder / _API_AUTHORITY_FILE
    write_private(place, starter.authority)
    return {**said, AUTHORITY: str(place)}


def _warn_of_urls(environment: Mapping[str, str], routes: Sequence[Route], say: Say) -> None:
    for name in urls_with_credentials(environment, routes):
        say(
            f"custody: {name} holds a URL with a credential of its own, and the command gets it as "
            "it is: what uses it goes past the gateway (--local leads it there; or unset it)"
        )


def _led(  # noqa: PLR0917 - what leads where
    asked: RunRequest,
    environment: Mapping[str, str],
    routes: Sequence[Route],
    local: Mapping[str, Route],
    ticket: Secret,
    say: Say,
) -> dict[str, str]:
    """Variables that hold URLs, led through the listeners on this host."""
    changed, unclear = rewrite_urls(environment, local, routes, asked.chosen, ticket)
    for name in unclear:
        say(
            f"custody: {name} holds a URL of which it is not clear what target it means; it is "
            f"left as it is (--map {name}=TARGET says; targets: {', '.join(sorted(local))})"
        )
    for name in asked.chosen.keys() - changed.keys() - set(unclear):
        say(f"custody: --map {name}: there is no such variable that holds a target's URL")
    if not changed and not unclear:
        say("custody: --local found no variable with a target's URL")
    return changed


def _end(starter: LoopStarter, ticket: Secret, say: Say) -> None:
    try:
        starter.end(ticket)
    except CustodyError as error:
        say(f"custody: the loop could not be ended, it ends when it expires: {error.code}")
