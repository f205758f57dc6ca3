"""The gateway's own addresses towards a provider, as far as a test of the provider needs them."""

import http.server
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final
from urllib.parse import parse_qs

BACK: Final = "http://127.0.0.1:9/login/corp/callback"
"""Where the browser is sent back to; nobody listens there, the test's browser stops before."""


class Logouts(http.server.BaseHTTPRequestHandler):
    """Takes logout tokens, as the gateway's own address for them will."""

    heard: Final[list[str]] = []

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.heard.append(parse_qs(body)["logout_token"][0])
        self.send_response(200)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
        pass


@contextmanager
def listening() -> Iterator[str]:
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Logouts)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/backchannel-logout"
    finally:
        server.shutdown()
        server.server_close()
