"""The interface by which providers are asked over HTTP.

Law: an answer is bounded in size and in time, and a redirect is an answer, never followed.
"""

from typing import Final, Protocol

import msgspec

MAX_ANSWER: Final = 256 * 1024
"""Bytes of one answer. Documents, key sets and token answers are a few kilobytes."""

MAX_SECONDS: Final = 10
"""From the first byte of the question to the last byte of the answer."""


class FetchRequest(msgspec.Struct, frozen=True):
    """A GET; or a POST of a form, where there is one. Its repr shows the URL alone."""

    url: str
    form: tuple[tuple[str, str], ...] | None = None
    authorization: str = ""

    def __repr__(self) -> str:
        return f"Asked({self.url!r})"


class FetchResponse(msgspec.Struct, frozen=True):
    status: int
    body: bytes

    def __repr__(self) -> str:
        return f"Answered({self.status})"


class Fetcher(Protocol):
    async def __call__(self, asked: FetchRequest) -> FetchResponse:
        """Raises ``CustodyError`` ``identity.unreachable``, and nothing else."""
        ...
