"""Logging in with the browser of this machine: the gateway sends it back to a loopback address.

Law: one answer is taken, on a port of 127.0.0.1 that was picked for it, and only with the state
that was sent; the code in it is worthless without the verifier, which never leaves this process.
(RFC 8252 §7.3, RFC 7636.)
"""

import base64
import hashlib
import html
import http.server
import re
import secrets
import threading
import urllib.parse
from typing import Final

import msgspec

from custody.model.errors import CustodyError
from custody.model.secret import Secret

PATIENCE_S: Final = 600.0
_DONE: Final = (
    "<!doctype html><meta charset=utf-8><title>Custody</title>"
    "<body style='font:1.1rem system-ui;margin:4rem auto;max-width:32rem'>"
    "<h1>{title}</h1><p>{said}</p>"
)


_CODE: Final = re.compile(r"[a-z0-9-]{1,32}(?:\.[a-z0-9-]{1,48}){1,3}", re.ASCII)


class BrowserReturn(msgspec.Struct, frozen=True):
    """What the browser brought back."""

    code: Secret
    verifier: Secret


class BrowserLogin:
    """Listens from its making until ``close``."""

    def __init__(self) -> None:
        self._state: Final = secrets.token_urlsafe(32)
        self._verifier: Final = secrets.token_urlsafe(48)
        self._answer: dict[str, str] = {}
        self._answered: Final = threading.Event()
        self._server: Final = http.server.ThreadingHTTPServer(("127.0.0.1", 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.1,), daemon=True).start()

    def url(self, gateway: str, provider: str) -> str:
        """Where the browser is to go."""
        query = {
            "redirect_uri": f"http://127.0.0.1:{self._server.server_port}/done",
            "state": self._state,
            "code_challenge": self._challenge,
            "code_challenge_method": "S256",
        }
        name = urllib.parse.quote(provider, safe="")
        return f"{gateway}/login/{name}?{urllib.parse.urlencode(query)}"

    @property
    def check(self) -> str:
        """What the gateway's confirmation page shows too, so that one sees that it is this login's
        (``docs/api.md``).
        """
        digest = hashlib.sha256(b"custody check\n" + self._challenge.encode()).digest()
        text = base64.b32encode(digest).decode()[:6]
        return f"{text[:3]}-{text[3:]}"

    @property
    def _challenge(self) -> str:
        digest = hashlib.sha256(self._verifier.encode()).digest()
        return base64.urlsafe_b64encode(digest).decode().rstrip("=")

    def wait(self) -> BrowserReturn:
        """Raises ``login.denied``, ``login.patience``."""
        if not self._answered.wait(PATIENCE_S):
            raise CustodyError(
                "login.patience",
                "The browser did not come back within ten minutes.",
                "Try again, or use --device on a machine without a browser.",
            )
        if "code" not in self._answer:
            said = self._answer.get("error_description") or self._answer.get("error", "no code")
            code = self._answer.get("error_code", "")
            raise CustodyError(
                code if _CODE.fullmatch(code) else "login.denied",
                f"The login was refused: {_plain(said)}",
            )
        return BrowserReturn(Secret(self._answer["code"]), Secret(self._verifier))

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        login = self

        class Handler(http.server.BaseHTTPRequestHandler):
            timeout = 10

            def do_GET(self) -> None:
                parts = urllib.parse.urlsplit(self.path)
                query = dict(urllib.parse.parse_qsl(parts.query))
                right = secrets.compare_digest(
                    query.get("state", "").encode(), login._state.encode()
                )
                if parts.path != "/done" or not right or login._answered.is_set():
                    self.send_error(404)
                    return
                login._answer = query
                denied = query.get("error", "")
                title = "Not logged in" if denied else "Logged in"
                said = html.escape(denied) or "You can close this page and go on in the terminal."
                page = _DONE.format(title=title, said=said).encode()
                self.send_response(200)
                self.send_header("Content-Type", "text/html; charset=utf-8")
                self.send_header("Content-Length", str(len(page)))
                self.send_header(
                    "Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'"
                )
                self.send_header("Referrer-Policy", "no-referrer")
                self.send_header("Cache-Control", "no-store")
                self.end_headers()
                self.wfile.write(page)
                login._answered.set()

            def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the parent's name for it
                del format, arguments  # a request's line holds the code

        return Handler


def _plain(text: str) -> str:
    """A sentence that came through a browser, as a terminal may see it."""
    return "".join(letter if letter.isprintable() else " " for letter in text[:300])
