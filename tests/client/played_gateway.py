"""A gateway's API as a client sees it, on loopback: it says what it is told to, and notes what it
is asked.
"""

import http.server
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

LOGIN: Final = {
    "access_token": "cl_secret",
    "issued_token_type": "urn:custody:token-type:login",
    "token_type": "N_A",
    "expires_in": 3600,
}
FACTS: Final = {
    "name": "gw",
    "version": "1",
    "ca": "",
    "providers": [{"name": "corp", "kind": "oidc", "issuer": "", "flows": ["code", "device"]}],
    "listeners": [],
    "local": False,
    "added_later": {"by": "a newer gateway"},
}


class PlayedGateway:
    def __init__(self) -> None:
        self.url = ""
        self.facts: dict[str, Any] = {**FACTS}
        self.tokens: list[tuple[int, object]] = []
        """Answers of the token endpoint in turn; the last one again and again."""
        self.answers: dict[str, tuple[int, object]] = {}
        """By path, instead of the usual one; bytes go as they are."""
        self.asked: list[tuple[str, dict[str, str]]] = []
        self.denies = ""

    def asked_at(self, path: str) -> list[dict[str, str]]:
        return [form for place, form in self.asked if place == path]

    def answer(self, path: str, form: dict[str, str]) -> tuple[int, object]:
        self.asked.append((path, form))
        if path in self.answers:
            return self.answers[path]
        match path:
            case "/api/v1/gateway":
                return 200, self.facts
            case "/oauth/token":
                return self.tokens.pop(0) if len(self.tokens) > 1 else self.tokens[0]
            case "/oauth/device_authorization":
                return 200, {
                    "device_code": "the-device-code",
                    "user_code": "WDJB-MJHT",
                    "verification_uri": "https://id.example.com/device",
                    "expires_in": 30,
                    "interval": 1,
                }
            case "/oauth/revoke":
                return 200, {}
            case _:
                return 404, {"error": "not_found", "code": "web.not-found"}

    def after_login(self, query: dict[str, str]) -> str:
        """Where the browser goes in the end."""
        back = {"error": self.denies} if self.denies else {"code": "cc_once"}
        return f"{query['redirect_uri']}?{urlencode({**back, 'state': query['state']})}"


@contextmanager
def played_gateway() -> Iterator[PlayedGateway]:
    played = PlayedGateway()

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            parts = urlsplit(self.path)
            query = {name: values[0] for name, values in parse_qs(parts.query).items()}
            if parts.path.startswith("/login/"):
                played.asked.append((parts.path, query))
                self.send_response(303)
                self.send_header("Location", played.after_login(query))
                self.end_headers()
                return
            self._tell(*played.answer(parts.path, query))

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).decode()
            form = {name: values[0] for name, values in parse_qs(body).items()}
            self._tell(*played.answer(self.path, form))

        def _tell(self, status: int, document: object) -> None:
            body = document if isinstance(document, bytes) else json.dumps(document).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        played.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield played
        finally:
            server.shutdown()
            thread.join()
