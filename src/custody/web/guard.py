"""Checks every request before a handler reads it, and every answer on its way out.

Law: a request that is not ours (another Host, an odd path, too much, too often, too slow) never
reaches a handler; no answer may be stored, framed, sniffed or read by another site's script; the
log has the method, what is known here of the path, and the status: no query, no token.
"""

import asyncio
import logging
import re
import time
from collections.abc import Awaitable, Callable, Collection, Iterable
from email.utils import formatdate
from typing import Any, Final
from urllib.parse import urlsplit

from custody.web.errors import RequestRefusedError, refusal_body
from custody.web.quotas import AddressQuotas, QuotaHold
from custody.web.rate_limit import RateLimiter

BODY_BYTES: Final = 512 * 1024
"""A SAML response with its signature and certificates, in base64."""
BODY_S: Final = 10.0
ANSWER_S: Final = 45.0
"""The wait for its turn included."""
HEADERS_AT_MOST: Final = 100
QUERY_BYTES: Final = 8192
_METHODS: Final = frozenset({"GET", "POST", "DELETE"})
_PATH: Final = re.compile(rb"(?:/|(?:/(?!\.\.?(?:/|$))[A-Za-z0-9._~-]{1,128}){1,8})", re.ASCII)
"""One spelling for each path: no escapes, no empty or dotted segments, no slash at the end."""

DEFAULT_POLICY: Final = (
    "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
)
_ALWAYS: Final[tuple[tuple[bytes, bytes], ...]] = (
    (b"cache-control", b"no-store"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-content-type-options", b"nosniff"),
    (b"x-frame-options", b"DENY"),
)
"""No Strict-Transport-Security: it would bind every other service of the host's name to TLS,
whatever its port (RFC 6797 §8.3); here, a cookie goes over TLS alone, and clear text is not
answered.
"""

Scope = dict[str, Any]
Message = dict[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Site = Callable[[Any, Any, Any], Awaitable[None]]
"""The three above, as each framework types them for itself."""

_log: Final = logging.getLogger("custody.web")


class Guard:
    """An ASGI application around the site. ``url`` is the one whose Host is ours; ``words`` are the
    parts of paths that may be logged.
    """

    def __init__(
        self, site: Site, url: str, words: Collection[str] = (), rates: RateLimiter | None = None
    ) -> None:
        self._site: Final = site
        self._hosts: Final = hosts_of(url)
        self._words: Final = frozenset(words)
        self._rates: Final = rates or RateLimiter()
        self._shares: Final = AddressQuotas()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            raise RuntimeError("only HTTP is served")
        answer = _Answer(scope, send)
        try:
            await self._serve(scope, receive, answer)
        except RequestRefusedError as refused:
            await answer.refuse(refused)
        except TimeoutError:
            await answer.refuse(
                RequestRefusedError("web.timeout", "It took too long.", "Try again.", status=503)
            )
        except Exception as error:  # noqa: BLE001 - one request's fault is never another's
            _log.error("a request failed with %s", type(error).__name__)
            await answer.refuse(
                RequestRefusedError(
                    "web.failed", "The request failed inside the gateway.", status=500
                )
            )
        finally:
            answer.note(self._words)

    async def _serve(self, scope: Scope, receive: Receive, answer: "_Answer") -> None:
        client = str((scope.get("client") or ("", 0))[0])
        if not self._rates.take(client, time.monotonic()):
            raise RequestRefusedError(
                "web.too-often", "This address asks too often.", "Wait a moment.", status=429
            )
        self._check(scope)
        async with self._shares.request(client) as taking:
            async with asyncio.timeout(BODY_S):
                body = await _body(scope, receive, taking) if scope["method"] == "POST" else b""
            async with asyncio.timeout(ANSWER_S), taking.turn():
                await self._site(scope, _whole(body, receive), answer.send)

    def _check(self, scope: Scope) -> None:
        headers: list[tuple[bytes, bytes]] = scope["headers"]
        if len(headers) > HEADERS_AT_MOST:
            raise RequestRefusedError("web.headers", "There are too many headers.", status=431)
        names = {name for name, _ in headers}
        if {b"content-length", b"transfer-encoding"} <= names:
            # RFC 9112 §6.1: whoever sends both hopes that two readers differ.
            raise RequestRefusedError("web.framing", "The request gives its length twice.")
        hosts = [value for name, value in headers if name == b"host"]
        if len(hosts) != 1 or hosts[0].lower() not in self._hosts:
            raise RequestRefusedError(
                "web.host",
                "This name is not the gateway's.",
                "Use the address in `url` of [listen.console].",
                status=421,
            )
        if not _PATH.fullmatch(scope["raw_path"]):
            raise RequestRefusedError("web.path", "There is nothing here.", status=404)
        if scope["method"] not in _METHODS:
            raise RequestRefusedError("web.method", "This method is not taken here.", status=405)
        if len(scope["query_string"]) > QUERY_BYTES:
            raise RequestRefusedError("web.query", "The address is too long.", status=414)


async def _body(scope: Scope, receive: Receive, taking: QuotaHold) -> bytes:
    """All of it, counted against what all requests may hold together."""
    announced = next((v for n, v in scope["headers"] if n == b"content-length"), b"0")
    if not announced.isdigit() or len(announced) > 9 or int(announced) > BODY_BYTES:
        raise _too_long()
    pieces: list[bytes] = []
    length = 0
    while True:
        message = await receive()
        if message["type"] != "http.request":
            raise RequestRefusedError("web.gone", "The request ended early.")
        piece: bytes = message.get("body", b"")
        length += len(piece)
        if length > BODY_BYTES:
            raise _too_long()
        taking.add_bytes(len(piece))
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


class _Answer:
    """The way out: adds what every answer has, and remembers what is logged."""

    def __init__(self, scope: Scope, send: Send) -> None:
        self._scope: Final = scope
        self._send: Final = send
        self._began: Final = time.monotonic()
        self._status = 0

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self._status = message["status"]
            message = {**message, "headers": _with_always(message.get("headers", ()))}
        await self._send(message)

    async def refuse(self, refused: RequestRefusedError) -> None:
        """A refusal of our own, if nothing was said yet. The connection ends with it: what else
        its peer is still sending is not read.
        """
        if self._status:
            return
        body = refusal_body(refused)
        headers = [
            (b"content-type", b"application/json"),
            (b"content-length", str(len(body)).encode()),
            (b"connection", b"close"),
        ]
        if refused.status == 429:
            headers.append((b"retry-after", b"1"))
        await self.send(
            {"type": "http.response.start", "status": refused.status, "headers": headers}
        )
        await self.send({"type": "http.response.body", "body": body})

    def note(self, words: Collection[str]) -> None:
        scope = self._scope
        client = str((scope.get("client") or ("-", 0))[0])
        method = scope["method"] if scope["method"] in _METHODS else "?"
        path = _loggable(scope["raw_path"], words)
        took = (time.monotonic() - self._began) * 1000
        _log.info("%s %s %s %d %.0f ms", client, method, path, self._status, took)


def _loggable(path: bytes, words: Collection[str]) -> str:
    """A secret in the wrong place is in no log either."""
    if not _PATH.fullmatch(path):
        return "?"
    return "/".join(part if part in words or not part else "*" for part in path.decode().split("/"))


def hosts_of(url: str) -> frozenset[bytes]:
    """How a Host header may spell the URL's place: its port may be left out where it is the
    scheme's own.
    """
    parts = urlsplit(url)
    place = parts.netloc.lower()
    spelled = {place}
    own = 443 if parts.scheme == "https" else 80
    if parts.port is None:
        spelled.add(f"{place}:{own}")
    elif parts.port == own:
        spelled.add(place.removesuffix(f":{own}"))
    return frozenset(name.encode() for name in spelled)


def _with_always(headers: Iterable[tuple[bytes, bytes]]) -> list[tuple[bytes, bytes]]:
    """What a handler says itself (its Content-Security-Policy) stands."""
    said = [(bytes(name), bytes(value)) for name, value in headers]
    names = {name.lower() for name, _ in said}
    added = [pair for pair in _ALWAYS if pair[0] not in names]
    if b"content-security-policy" not in names:
        added.append((b"content-security-policy", DEFAULT_POLICY.encode()))
    added.append((b"date", formatdate(usegmt=True).encode()))
    return [*said, *added]


def _whole(body: bytes, receive: Receive) -> Receive:
    given = False

    async def give() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return give


def _too_long() -> RequestRefusedError:
    return RequestRefusedError(
        "web.body", "The request is too long.", "512 KiB are taken at most.", status=413
    )
