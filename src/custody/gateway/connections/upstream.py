"""Reaching a target.

Law: every wait has an end, and what went wrong is said without a secret.
"""

import asyncio
import ssl
from typing import Final

from custody.gateway.connections.connection import Connection, ConnectionOwner
from custody.gateway.target import Target
from custody.model.errors import CustodyError

CONNECT_TIMEOUT_S: Final = 10.0
TLS_TIMEOUT_S: Final = 10.0


async def connect(target: Target, owner: ConnectionOwner) -> Connection:
    """A TCP connection to the target. Raises ``CustodyError`` ``target.unreachable``."""
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            _, connection = await loop.create_connection(
                lambda: Connection(owner), target.host, target.port
            )
    except (OSError, TimeoutError) as error:
        reason = "no answer in 10 s" if isinstance(error, TimeoutError) else "connection failed"
        raise CustodyError(
            "target.unreachable",
            f'Target "{target.name}" cannot be reached: {reason}.',
            "Check its address in the configuration, and that the target is up.",
        ) from error
    return connection


async def secure(target: Target, connection: Connection) -> bytes | None:
    """TLS towards the target; its channel binding data. Raises ``CustodyError`` ``target.tls``."""
    try:
        async with asyncio.timeout(TLS_TIMEOUT_S):
            tls = await connection.start_tls(
                target.tls_context(), server_side=False, server_hostname=target.host
            )
    except ssl.SSLCertVerificationError as error:
        raise CustodyError(
            "target.tls",
            f'The certificate of target "{target.name}" was not accepted: {error.verify_message}.',
            "Set `ca` to the authority that signed it, or correct the target's address.",
        ) from error
    except (OSError, TimeoutError) as error:
        raise CustodyError(
            "target.tls",
            f'TLS with target "{target.name}" failed.',
            "Check the target's TLS settings, or this target's `tls` mode.",
        ) from error
    return tls.channel_binding()


class _Nobody:
    """Owns a connection whose answers do not matter."""

    def __init__(self) -> None:
        self.gone: Final = asyncio.Event()

    def opened(self, connection: Connection) -> None:
        del connection

    def received(self, connection: Connection, data: bytes) -> None:
        del connection, data

    def ended(self, connection: Connection) -> None:
        connection.close()

    def lost(self, connection: Connection) -> None:
        del connection
        self.gone.set()

    def writing_blocked(self, connection: Connection, clogged: bool) -> None:  # noqa: FBT001 - an edge
        del connection, clogged


async def send_once(target: Target, data: bytes) -> None:
    """Send a cancel request on a connection of its own, and wait until the target closes it.

    In clear text, as libpq before 17 does: the key that it holds can cancel, and nothing else.
    A target that cannot be reached is not an error; a cancel is a wish.
    """
    nobody = _Nobody()
    try:
        connection = await connect(target, nobody)
    except CustodyError:
        return
    connection.write(data)
    try:
        async with asyncio.timeout(CONNECT_TIMEOUT_S):
            await nobody.gone.wait()
    except TimeoutError:
        connection.abort()
