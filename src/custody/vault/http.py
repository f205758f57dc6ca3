"""Asking a store over HTTPS.

Law: certificates are checked, no redirect is followed, answers and waits are bounded, and an error
tells a status and never a body: what a store answers may be, or may quote, a secret.
"""

import asyncio
import ssl
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self
from urllib.parse import urlsplit

import msgspec

from custody.model.errors import CustodyError
from custody.vault.store import READ_SECONDS

LONGEST_ANSWER: Final = 256 * 1024
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})


class StatusError(Exception):
    """The store answered, and not with what was asked for."""

    def __init__(self, status: int) -> None:
        super().__init__(status)
        self.status: Final = status


class StoreClient:
    """One store's address. ``name`` is what messages call it."""

    def __init__(self, name: str, address: str, ca: Path | None) -> None:
        """Raises ``vault.address`` where the way there would not be private, ``vault.ca``."""
        import httpx  # noqa: PLC0415 - 0.1 s, which reading a configuration need not take

        parts = urlsplit(address)
        clear = parts.scheme == "http" and parts.hostname in _LOOPBACK
        if not parts.hostname or not (parts.scheme == "https" or clear):
            raise CustodyError(
                "vault.address",
                f"The address of `{name}` is not an https address.",
                "Write https://HOST:PORT; http is for loopback alone.",
            )
        self.name: Final = name
        self._failures: Final = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
        self._client: Final = httpx.AsyncClient(
            base_url=address,
            verify=_trust(name, ca),
            timeout=READ_SECONDS,
            follow_redirects=False,
            trust_env=False,
            limits=httpx.Limits(max_connections=16),
        )

    async def ask(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str],
        body: object | None = None,
    ) -> dict[str, Any]:
        """The answer's JSON object; empty for one without content. Raises ``StatusError`` and
        ``vault.unreachable``.
        """
        content = None if body is None else msgspec.json.encode(body)
        try:
            # Of all of it: the client's own time-out is of each wait, and a drip has no end.
            async with (
                asyncio.timeout(READ_SECONDS),
                self._client.stream(method, path, headers=headers, content=content) as answer,
            ):
                if not answer.is_success:
                    raise StatusError(answer.status_code)
                data = b""
                async for piece in answer.aiter_bytes():
                    data += piece
                    if len(data) > LONGEST_ANSWER:
                        raise self._unreachable("its answer is too long")
        except (*self._failures, TimeoutError, OSError, ValueError) as error:
            # A text that no header can carry is quoted by the library: its kind is enough.
            raise self._unreachable(type(error).__name__) from None
        try:
            decoded = msgspec.json.decode(data) if data else {}
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            raise self._unreachable("its answer is not JSON") from None
        if not isinstance(decoded, dict):
            raise self._unreachable("its answer is not an object")
        return decoded

    async def close(self) -> None:
        await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _t: TracebackType | None,
    ) -> None:
        await self.close()

    def _unreachable(self, why: str) -> CustodyError:
        return CustodyError(
            "vault.unreachable",
            f"`{self.name}` did not answer as a store of secrets does: {why}.",
            "Check its address, its certificate (`ca`) and that it is unsealed; "
            "`custody doctor` tries again.",
        )


def _trust(name: str, ca: Path | None) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cafile=ca)
    except (OSError, ssl.SSLError):
        raise CustodyError(
            "vault.ca",
            f"The `ca` of `{name}` cannot be read as certificates.",
            "Write the path of a PEM file with the authority's certificate.",
        ) from None
