"""`custody run -- CMD`: one loop, for as long as one command.

Law: the loop begins before the command and ends with it, whatever ends it; what the command needs
lies in a folder that is gone afterwards; no secret is ever in an argument.
"""

import asyncio
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, Protocol

import msgspec

from custody.client.child import run_child, watching
from custody.client.forwarder import Forwarder, trust_for
from custody.client.gateway import GatewayFacts, Granted
from custody.client.outfitting import (
    AUTHORITY_FILE,
    TICKET_FILE,
    equip,
    outfitters,
    rewritten,
    ways_of,
)
from custody.client.private_folder import private_folder
from custody.model.equipment import Way
from custody.model.errors import CustodyError
from custody.model.secret import Secret

LOOP: Final = "CUSTODY_LOOP"
TICKET_AT: Final = "CUSTODY_TICKET_FILE"
"""Where a command inside finds the ticket, to start loops of sub-agents with."""
GATEWAY: Final = "CUSTODY_GATEWAY"
AUTHORITY: Final = "CUSTODY_CA"
_FORWARDING_S: Final = 5.0

Say = Callable[[str], None]


class LoopWish(msgspec.Struct, frozen=True):
    """What the loop is to be. ``None`` and empty: as the grants have it."""

    targets: Sequence[str] = ()
    purpose: str = ""
    effects: Sequence[str] = ()
    ttl_s: int | None = None


class Starter(Protocol):
    """Whoever can begin and end loops: a gateway's API, or the gateway on this host."""

    @property
    def url(self) -> str:
        """The API's address; empty where there is none."""
        ...

    def facts(self) -> GatewayFacts: ...
    def start(self, wish: LoopWish) -> Granted: ...
    def end(self, ticket: Secret) -> None: ...


class RunAsked(msgspec.Struct, frozen=True):
    command: Sequence[str]
    wish: LoopWish
    local: bool = False
    """Listen on loopback too, and lead the variables that hold URLs there."""
    chosen: Mapping[str, str] = {}
    """Which target a variable means, where its URL does not tell."""
    quiet: bool = False


def run(asked: RunAsked, starter: Starter, environment: Mapping[str, str], say: Say) -> int:
    """The command's exit code. Raises ``CustodyError`` where the command was not started."""
    facts = starter.facts()
    with watching() as mask, private_folder(environment) as folder:
        granted = starter.start(asked.wish)
        try:
            loop = granted.loop
            if loop is None:
                raise CustodyError("client.strange", "The gateway gave no loop.")
            ways = ways_of(facts, loop, asked.wish.targets)
            if not ways:
                raise CustodyError(
                    "run.nothing",
                    "This loop reaches no target.",
                    "Ask the gateway's operator for a grant.",
                )
            given = equip(ways, granted.secret, folder, facts.ca)
            ours = {
                **{name: value for name, value in environment.items() if name not in given.unset},
                **given.environment,
                **_about(loop.id, starter.url, folder),
            }
            if not asked.quiet:
                say(f"custody: {loop.id} ({loop.identity}) until {loop.expires}")
            with contextlib.ExitStack() as stack:
                if asked.local:
                    local = stack.enter_context(_forwarding(ways, facts.ca))
                    changed, unclear = rewritten(
                        environment, local, ways, asked.chosen, granted.secret
                    )
                    ours |= changed
                    _tell_unclear(unclear, say)
                return run_child(asked.command, ours, mask)
        finally:
            _end(starter, granted.secret, say)


def _about(loop: str, url: str, folder: Path) -> dict[str, str]:
    said = {
        LOOP: loop,
        TICKET_AT: str(folder / TICKET_FILE),
        AUTHORITY: str(folder / AUTHORITY_FILE),
    }
    return {**said, GATEWAY: url} if url else said


def _tell_unclear(names: Sequence[str], say: Say) -> None:
    for name in names:
        say(
            f"custody: {name} holds a URL of which it is not clear what target it means; it is "
            f"left as it is (--map {name}=TARGET says)"
        )


def _end(starter: Starter, ticket: Secret, say: Say) -> None:
    try:
        starter.end(ticket)
    except CustodyError as error:
        say(f"custody: the loop could not be ended, it ends when it expires: {error.code}")


@contextlib.contextmanager
def _forwarding(ways: Sequence[Way], authority: str) -> Iterator[Mapping[str, Way]]:
    """Listeners on loopback, in a thread of their own; their ways by target."""
    listening: dict[str, Way] = {}
    ready, done = threading.Event(), asyncio.Event()
    loop = asyncio.new_event_loop()

    async def forward() -> None:
        forwarders = []
        try:
            for way in ways:
                outfitter = outfitters()[way.protocol]
                forwarder = Forwarder(way, outfitter, trust_for(outfitter, authority))
                port = await forwarder.start()
                forwarders.append(forwarder)
                listening[way.target] = msgspec.structs.replace(way, host="127.0.0.1", port=port)
            ready.set()
            await done.wait()
        finally:
            for forwarder in forwarders:
                await forwarder.close()

    thread = threading.Thread(target=loop.run_until_complete, args=(forward(),), daemon=True)
    thread.start()
    if not ready.wait(_FORWARDING_S):
        raise CustodyError("run.local", "No loopback listener could be opened.", "")
    try:
        yield listening
    finally:
        loop.call_soon_threadsafe(done.set)
        thread.join(_FORWARDING_S)
