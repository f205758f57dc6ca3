"""The toy protocol of lines, as one that owns its sockets: asyncio's streams stand for a library.

One line is one command. A client may send more before it has the answer of the first.
"""

import asyncio
import contextlib
import socket
from typing import Final

from tests.protocols.toys.line_codec import command

from custody.model.event import LoginRequest
from custody.model.protocol import TerminatedWire
from custody.model.record import Response
from custody.model.refusal import Refusal, RefusedError
from custody.model.secret import Secret
from custody.model.terminator import BoundSocket, Port, PortSession
from custody.model.words import Outcome


def line_terminator() -> TerminatedWire:
    return TerminatedWire(LineTerminator())


class LineTerminator:
    async def serve(self, listener: BoundSocket, port: Port) -> None:
        async with asyncio.TaskGroup() as tasks:

            def accept(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                tasks.create_task(Conversation(port, reader, writer).run())

            server = await asyncio.start_server(
                accept, sock=socket.socket(fileno=listener.detach())
            )
            stopped = asyncio.Event()
            port.when_stopped(stopped.set)
            try:
                await stopped.wait()
            finally:
                server.close()


class Conversation:
    """One client."""

    def __init__(
        self, port: Port, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._port: Final = port
        self._reader: Final = reader
        self._writer: Final = writer
        self._task: asyncio.Task[None] | None = None

    async def run(self) -> None:
        self._task = asyncio.current_task()
        try:
            session = self._port.connect(
                self._writer.get_extra_info("peername")[:2],
                tls="",
                ended=self._ended,
                tell=lambda text: self._say(f"? {text}"),
            )
        except RefusedError as error:
            self._refuse(error.refusal)
            self._writer.close()
            return
        try:
            await self._serve(session)
        except RefusedError as error:
            self._refuse(error.refusal)
        except (OSError, asyncio.CancelledError):
            pass
        finally:
            session.close("client.closed")
            self._writer.close()

    async def _serve(self, session: PortSession) -> None:
        _, target, secret = (await self._reader.readline()).decode().split()
        login = LoginRequest(target, "", "user", "app", ())
        await session.admit(Secret(secret), login)
        credential = await session.lease()
        there, up = await asyncio.open_connection(session.target.host, session.target.port)
        try:
            greeting = getattr(session.target.own, "greeting", "hello")
            up.write(f"{greeting} {credential.secret.reveal()}\n".encode())
            await there.readline()
            self._say("welcome")
            while line := await self._reader.readline():
                await self._run(session, line, there, up)
        finally:
            up.transport.abort()

    async def _run(
        self,
        session: PortSession,
        line: bytes,
        there: asyncio.StreamReader,
        up: asyncio.StreamWriter,
    ) -> None:
        permit = asyncio.ensure_future(session.permit(command(line.decode().strip())))  # noqa: TID251 - awaited below, beside the client's leaving
        left = asyncio.ensure_future(self._left())  # noqa: TID251 - as above
        await asyncio.wait((permit, left), return_when=asyncio.FIRST_COMPLETED)
        left.cancel()
        if not permit.done():
            permit.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await permit
            raise ConnectionResetError
        try:
            number = permit.result()
        except RefusedError as error:
            if error.refusal.fatal:
                raise
            self._refuse(error.refusal)
            return
        up.write(line)
        answer = await there.readline()
        session.moved(up=len(line), down=len(answer))
        await session.respond(
            Response(number, Outcome.OK, answer.decode().strip(), 1, len(answer), 0)
        )
        self._writer.write(answer)

    async def _left(self) -> None:
        while not self._reader.at_eof():  # noqa: ASYNC110 - a stream says so in no other way
            await asyncio.sleep(0.005)

    def _ended(self, refusal: Refusal) -> None:
        self._refuse(refusal)
        if self._task is not None:
            self._task.cancel()

    def _refuse(self, refusal: Refusal) -> None:
        self._say(f"!{refusal.code} {refusal.message}")

    def _say(self, text: str) -> None:
        self._writer.write(f"{text}\n".encode())
