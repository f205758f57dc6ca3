"""Questions about a catalogue that changes while they are answered."""

import asyncio
from collections.abc import Hashable

from custody.gateway.lookups.catalogue import Lookups
from custody.gateway.target import Target
from custody.model.codec import UpstreamLogin
from custody.model.identity import Credential, Loop
from custody.model.secret import Secret
from custody.model.words import TargetName


class Catalogue:
    """A target that says ``<question> <what it is now>``, a line for a line, when it is let."""

    def __init__(self) -> None:
        self.now = "old"
        self.asked: list[str] = []
        self.heard = asyncio.Event()
        self.let = asyncio.Event()

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            self.asked.append(line.decode().strip())
            self.heard.set()
            said = f"{line.decode().strip()} {self.now}\n"
            await self.let.wait()
            writer.write(said.encode())
        writer.close()


class LineInquirer:
    """Asks in lines; there is nothing to log in to."""

    tls_answer: bool | None = None
    ready = True

    def __init__(self) -> None:
        self._heard = b""

    def begin(self, upstream: UpstreamLogin) -> bytes:
        del upstream
        return b""

    def start(self, *, tls: bool, channel_binding: bytes | None) -> bytes:
        del tls, channel_binding
        return b""

    def ask(self, question: Hashable) -> bytes:
        return f"{question}\n".encode()

    def receive(self, data: bytes) -> bytes:
        self._heard += data
        return b""

    @property
    def answered(self) -> bool:
        return b"\n" in self._heard

    def take_answer(self) -> object:
        answer, _, self._heard = self._heard.partition(b"\n")
        return answer.decode()


async def lease(loop: Loop, target: Target) -> Credential:
    del loop, target
    return Credential(Secret("hunter2"))


def test_an_answer_of_before_a_change_is_given_to_nobody_who_asks_behind_it() -> None:
    async def scenario() -> None:
        catalogue = Catalogue()
        server = await asyncio.start_server(catalogue.serve, "127.0.0.1", 0)
        port = server.sockets[0].getsockname()[1]
        place = Target(TargetName("orders"), "toy", "127.0.0.1", port, "off", None, "db", "app")
        async with server, asyncio.TaskGroup() as tasks, asyncio.timeout(5):
            runs: list[asyncio.Task[None]] = []
            lookups = Lookups(
                place,
                "db",
                lease,
                LineInquirer,
                lambda one: runs.append(tasks.create_task(one.run())),
            )
            before = tasks.create_task(lookups.find("f"))
            await catalogue.heard.wait()
            lookups.unsettle()
            lookups.settle()  # another session's change is in force
            catalogue.now = "new"
            behind = tasks.create_task(lookups.find("f"))
            await asyncio.sleep(0)
            catalogue.let.set()
            assert await before == "f old"
            assert await behind == "f new"
            assert lookups.recall("f") == "f new"
            assert catalogue.asked == ["f", "f"]
            for each in runs:
                each.cancel()

    asyncio.run(scenario())
