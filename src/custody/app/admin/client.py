"""How a command reaches the evidence: through the running gateway, or by itself.

Law: a command sends its call to the running gateway, which alone opens the data directory. If none
answers, the command opens the directory itself. Both return the same documents.
"""

import contextlib
import getpass
import os
import socket
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec

from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.config.tables import Config

ANSWER_SECONDS: Final = 150.0
LONGEST_ANSWER: Final = 256 * 1024 * 1024
MOST_ASKED: Final = 1000
"""Items of one call; more come in pages."""

Document = dict[str, Any]


class _Fault(msgspec.Struct):
    code: str
    message: str


class _Answer(msgspec.Struct):
    result: Document | None = None
    error: _Fault | None = None


BEGIN_SECONDS: Final = 30.0
"""How long a command waits for a gateway that has its log, and does not answer yet."""
AGAIN_SECONDS: Final = 0.25
_BEGINNING: Final = frozenset({"log.locked", "admin.starting"})


def socket_path(config: "Config") -> Path:
    return config.gateway.data / "run" / "admin.sock"


def actor() -> str:
    """Whom an act is recorded as: the account that runs the command."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"


def ask(config: "Config", call: str, arguments: Mapping[str, object]) -> Document:
    """One call, answered. A gateway that is just beginning is waited for. Raises ``CustodyError``,
    the gateway's own included.
    """
    until = time.monotonic() + BEGIN_SECONDS
    while True:
        try:
            answer = ask_gateway(socket_path(config), call, arguments)
            return _offline(config, call, arguments) if answer is None else answer
        except CustodyError as error:
            if error.code not in _BEGINNING or time.monotonic() >= until:
                raise
            time.sleep(AGAIN_SECONDS)


def _offline(config: "Config", call: str, arguments: Mapping[str, object]) -> Document:
    # What is needed without a gateway costs half a second of imports.
    import asyncio  # noqa: PLC0415 - see above

    from custody.app.admin.offline import answer_offline  # noqa: PLC0415 - see above

    return asyncio.run(answer_offline(config, call, arguments))


def pages(
    config: "Config", call: str, arguments: Mapping[str, object], *, most: int | None = None
) -> Iterator[Document]:
    """The documents of one question, page by page, until there are no more or ``most`` items came.

    A page may be short, even empty, and still not be the last.
    """
    left = most
    cursor = arguments.get("cursor")
    while left is None or left > 0:
        limit = min(left or MOST_ASKED, MOST_ASKED)
        document = ask(config, call, {**arguments, "cursor": cursor, "limit": limit})
        yield document
        cursor = document["next"]
        if cursor is None:
            return
        if left is not None:
            left -= len(document["items"])


def all_items(
    config: "Config", call: str, arguments: Mapping[str, object], *, most: int
) -> Document:
    """One document of up to ``most`` items; its ``next`` says how to go on."""
    items: list[Document] = []
    whole: Document = {}
    for document in pages(config, call, arguments, most=most):
        items.extend(document["items"])
        whole = {**document, **whole, "next": document["next"]}
    return {**whole, "items": items}


def ask_gateway(path: Path, call: str, arguments: Mapping[str, object]) -> Document | None:
    """The gateway's answer; ``None`` where no gateway listens."""
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as connection:
        connection.settimeout(ANSWER_SECONDS)
        try:
            connection.connect(str(path))
        except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError):
            return None
        except OSError as error:
            raise CustodyError(
                "admin.unreachable",
                f"The running gateway cannot be reached at {path}: {error.strerror or error}.",
                "Run the command as the gateway's own account.",
            ) from None
        try:
            connection.sendall(msgspec.json.encode({"call": call, "arguments": arguments}) + b"\n")
            answer = msgspec.json.decode(_line(connection), type=_Answer)
        except (OSError, msgspec.DecodeError):
            raise CustodyError(
                "admin.broken",
                "The running gateway ended the conversation before it answered.",
                "Look at its log, then try again.",
            ) from None
    if answer.error is not None:
        raise CustodyError(answer.error.code, answer.error.message)
    return answer.result or {"items": [], "next": None}


def _line(connection: socket.socket) -> bytes:
    parts: list[bytes] = []
    size = 0
    while not parts or not parts[-1].endswith(b"\n"):
        part = connection.recv(262_144)
        size += len(part)
        if not part or size > LONGEST_ANSWER:
            break
        parts.append(part)
    return b"".join(parts)
