"""A gateway around fakes, a toy server behind it, clients in front of it, over real sockets."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

from tests.gateway.fakes import (
    UNMETERED,
    DenyDeletes,
    HandLog,
    NoAdvice,
    NoMask,
    OneSecret,
    OneTicket,
    clock,
)
from tests.protocols.toys.line_codec import CODES, LineCodec, line_wire

from custody.gateway.budget.meter import UsageCounter
from custody.gateway.gate import Gate
from custody.gateway.listener import make_listener
from custody.gateway.long_records import LongMasking
from custody.gateway.memory import MemoryShares
from custody.gateway.registry import Registry
from custody.gateway.services import ListenerSpec, SessionServices
from custody.gateway.target import Target
from custody.model.approval import Approvals, NoApprovals
from custody.model.interfaces import Masker, Policy, TokenAuthenticator, Vault
from custody.model.protocol import Wiring
from custody.model.refusal import Refusal, RefusalCode
from custody.model.words import TargetName
from custody.recording.refusal_rate import RefusalRate


class ToyServer:
    """Answers the login with a line, and every other line with ``ok <line>``."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.port = 0
        self.silent = False
        self.writers: list[asyncio.StreamWriter] = []

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.append(writer)
        while line := await reader.readline():
            self.seen.append(line.decode().strip())
            if not self.silent:
                writer.write(b"ok " + line)
                await writer.drain()
        writer.close()

    def drop(self) -> None:
        for writer in self.writers:
            writer.transport.abort()


class Bench:
    """A gateway around fakes, a toy server behind it, and clients."""

    services: SessionServices

    def __init__(self, log: HandLog) -> None:
        self.log = log
        self.server = ToyServer()
        self.registry = Registry()
        self.tickets = OneTicket()
        self.port = 0
        self.writers: list[asyncio.StreamWriter] = []

    async def close(self) -> None:
        for writer in self.writers + self.server.writers:
            writer.transport.abort()
            with suppress(OSError):
                await writer.wait_closed()

    async def connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        return reader, writer

    async def login(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        reader, writer = await self.connect()
        writer.write(b"LOGIN orders ct_good\n")
        assert await line(reader) == "welcome"
        return reader, writer


async def line(reader: asyncio.StreamReader) -> str:
    async with asyncio.timeout(5):
        return (await reader.readline()).decode().strip()


async def until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(5):
        while not condition():  # noqa: ASYNC110  # what is waited for has no event
            await asyncio.sleep(0.005)


@asynccontextmanager
async def bench(
    *,
    by_hand: bool = False,
    strict: bool = False,
    masker: Masker | None = None,
    codec: Callable[[], LineCodec] = LineCodec,
    wire: Wiring | None = None,
    policy: Policy | None = None,
    max_connections: int = 2000,
    idle_timeout_s: float = 0,
    held_bytes: int = 4 * 1024 * 1024,
    memory: MemoryShares | None = None,
    vault: Vault | None = None,
    tokens: TokenAuthenticator | None = None,
    bearer: TokenAuthenticator | None = None,
    meter: UsageCounter = UNMETERED,
    approvals: Approvals | None = None,
) -> AsyncIterator[Bench]:
    log = HandLog(by_hand=by_hand)
    approvals = approvals or NoApprovals()
    setup = Bench(log)
    upstream = await asyncio.start_server(setup.server.serve, "127.0.0.1", 0)
    setup.server.port = upstream.sockets[0].getsockname()[1]
    policy = policy or DenyDeletes()
    orders = Target(
        TargetName("orders"), "toy", "127.0.0.1", setup.server.port, "off", None, "db", "app"
    )
    hidden = Target(
        TargetName("secret-target"), "toy", "127.0.0.1", setup.server.port, "off", None, "db", "a"
    )
    masking = LongMasking(masker or NoMask())
    services = SessionServices(
        gate=Gate(policy, masking, log, clock, meter=meter, approvals=approvals, contact="us"),
        masking=masking,
        policy=policy,
        log=log,
        ticket_authenticator=setup.tickets,
        vault=vault or OneSecret(),
        targets={orders.name: orders, hidden.name: hidden},
        advisor=lambda target, database, loop: NoAdvice(),
        clock=clock,
        strict_responses=strict,
        refusal_rate=RefusalRate(),
        held_bytes=held_bytes,
        memory=memory or MemoryShares(2**30, 2**30),
        tokens=tokens,
    )
    setup.services = services
    spec = ListenerSpec(
        "toy",
        "toy",
        None,
        True,
        None,
        wire or line_wire(codec),
        "toy",
        CODES,
        bearer=bearer,
        max_connections=max_connections,
        idle_timeout_s=idle_timeout_s,
    )
    async with asyncio.TaskGroup() as tasks:
        listener = make_listener(spec, services, setup.registry, tasks)
        _, setup.port = await listener.bind("127.0.0.1", 0)
        yield setup
        log.by_hand = False
        log.sync()
        listener.close()
        for session in setup.registry.all():
            session.kill("test", Refusal(RefusalCode.LOOP_OVER, "over"))
        await setup.close()
        upstream.close()


def run(scenario: Callable[[], Awaitable[None]]) -> None:
    async def main() -> None:
        await scenario()

    asyncio.run(main())


def kinds(log: HandLog) -> list[str]:
    return [type(body).__name__ for body in log.bodies()]
