"""One request over HTTP, by the standard library: it loads in a fraction of a client library's
time, which every start of a command pays.

Law: TLS is always checked; clear text goes to this host alone; no redirect is followed, an answer
is bounded, and a secret stands in a body or a header, never in a URL.
"""

import base64
import http.client
import json
import ssl
from collections.abc import Mapping, Sequence
from typing import Any, Final
from urllib.parse import SplitResult, unquote, urlencode, urlsplit

import msgspec

TIMEOUT_S: Final = 30.0
"""For each wait; a gateway may itself have to ask a provider for its keys."""
LONGEST_ANSWER: Final = 1024 * 1024
LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))

Form = Mapping[str, str | Sequence[str]]


class HttpError(Exception):
    """No answer, or none that may be read; its text says why, and holds nothing of the request."""


class HttpResponse(msgspec.Struct, frozen=True):
    status: int
    body: bytes

    def document(self) -> dict[str, Any]:
        """The JSON object that was answered. Raises ``HttpError``."""
        try:
            found = json.loads(self.body) if self.body else {}
        except ValueError:  # UnicodeDecodeError is one
            raise HttpError("it did not answer with JSON") from None
        if not isinstance(found, dict):
            raise HttpError("it did not answer with a JSON object")
        return found


def allowed(url: str) -> bool:
    """Whether a secret may go there: by https, or to this host."""
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        return False
    clear = parts.scheme == "http" and parts.hostname in LOOPBACK
    return bool(parts.hostname) and port != 0 and (parts.scheme == "https" or clear)


def ask(
    method: str,
    url: str,
    *,
    form: Form | None = None,
    headers: Mapping[str, str] | None = None,
    trust: ssl.SSLContext | None = None,
    proxied: bool = False,
) -> HttpResponse:
    """Raises ``HttpError``. ``trust`` is the system's unless given. ``proxied``: by the proxy that
    the environment names, for what is outside (a gateway is not).
    """
    if not allowed(url):
        raise HttpError("it is not an https URL")
    parts = urlsplit(url)
    told = {"Accept": "application/json", "User-Agent": "custody", **(headers or {})}
    body = None
    if form is not None:
        body = urlencode(form, doseq=True).encode()
        told["Content-Type"] = "application/x-www-form-urlencoded"
    connection = _connection(parts, trust, proxied=proxied)
    try:
        connection.request(
            method, (parts.path or "/") + (f"?{parts.query}" if parts.query else ""), body, told
        )
        answer = connection.getresponse()
        read = answer.read(LONGEST_ANSWER + 1)
    except ssl.SSLCertVerificationError as error:
        raise HttpError(f"its certificate is not trusted ({error.verify_message})") from None
    except OSError as error:
        raise HttpError(error.strerror or str(error) or type(error).__name__) from None
    except (http.client.HTTPException, ValueError) as error:
        raise HttpError(f"it does not speak HTTP as expected ({type(error).__name__})") from None
    finally:
        connection.close()
    if len(read) > LONGEST_ANSWER:
        raise HttpError("its answer is too long")
    return HttpResponse(answer.status, read)


def _connection(
    parts: SplitResult, trust: ssl.SSLContext | None, *, proxied: bool
) -> http.client.HTTPConnection:
    host, port = parts.hostname or "", parts.port
    if parts.scheme == "http":
        return http.client.HTTPConnection(host, port, timeout=TIMEOUT_S)
    context = trust or ssl.create_default_context()
    proxy = _proxy(host) if proxied else None
    if proxy is None:
        return http.client.HTTPSConnection(host, port, timeout=TIMEOUT_S, context=context)
    connection = http.client.HTTPSConnection(
        proxy.hostname or "", proxy.port or 8080, timeout=TIMEOUT_S, context=context
    )
    told = {}
    if proxy.username:
        pair = f"{unquote(proxy.username)}:{unquote(proxy.password or '')}"
        told["Proxy-Authorization"] = f"Basic {base64.b64encode(pair.encode()).decode()}"
    connection.set_tunnel(host, port or 443, told)
    return connection


def _proxy(host: str) -> SplitResult | None:
    import urllib.request  # noqa: PLC0415 - seldom needed, and long to load

    named = urllib.request.getproxies().get("https", "")
    if not named or urllib.request.proxy_bypass(host):
        return None
    return urlsplit(named if "://" in named else f"http://{named}")
