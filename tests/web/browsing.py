"""A browser of few words: it asks an ASGI application, and keeps its cookies."""

import asyncio
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

import msgspec

HOST: Final = "gw.example.com:8443"
FORM: Final = "application/x-www-form-urlencoded"


class Answer(msgspec.Struct, frozen=True):
    status: int
    headers: list[tuple[str, str]]
    body: bytes

    def header(self, name: str) -> str:
        return next((value for key, value in self.headers if key == name), "")

    @property
    def json(self) -> Any:
        return msgspec.json.decode(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def location(self) -> str:
        return self.header("location")

    def told(self, name: str) -> str:
        """A parameter of the address that the browser is sent to."""
        return parse_qs(urlsplit(self.location).query).get(name, [""])[0]


class Browser:
    """Asks, and keeps cookies as a browser does. ``site`` is an ASGI application."""

    def __init__(self, site: Any, runner: asyncio.Runner, address: str = "192.0.2.7") -> None:
        self._site = site
        self._runner = runner
        self._address = address
        self.jar: dict[str, str] = {}

    def get(self, target: str, **headers: str) -> Answer:
        return self.ask("GET", target, headers=headers)

    def post(self, target: str, form: Any, **headers: str) -> Answer:
        """A form; a list of pairs where a name comes twice."""
        body = urlencode(form).encode()
        return self.ask("POST", target, body=body, headers={"content_type": FORM, **headers})

    def ask(
        self,
        method: str,
        target: str,
        *,
        body: bytes = b"",
        headers: dict[str, str] | None = None,
        host: str = HOST,
        cookies: bool = True,
    ) -> Answer:
        path, _, query = target.partition("?")
        said = {"host": host, "content-length": str(len(body))}
        if self.jar and cookies:
            said["cookie"] = "; ".join(f"{name}={value}" for name, value in self.jar.items())
        said |= {name.replace("_", "-"): value for name, value in (headers or {}).items()}
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "server": ("127.0.0.1", 8443),
            "client": (self._address, 50_000),
            "scheme": "https",
            "method": method,
            "root_path": "",
            "path": path,
            "raw_path": path.encode(),
            "query_string": query.encode(),
            "headers": [(name.encode(), value.encode()) for name, value in said.items()],
            "state": {},
        }
        answer = self._runner.run(self._call(scope, body))
        self._keep(answer)
        return answer

    async def _call(self, scope: Any, body: bytes) -> Answer:
        sent: list[Any] = []

        async def receive() -> Any:
            return {"type": "http.request", "body": body, "more_body": False}

        async def send(message: Any) -> None:
            sent.append(message)

        await self._site(scope, receive, send)
        head = sent[0]
        headers = [(name.decode().lower(), value.decode()) for name, value in head["headers"]]
        return Answer(
            head["status"], headers, b"".join(message.get("body", b"") for message in sent[1:])
        )

    def _keep(self, answer: Answer) -> None:
        for name, value in answer.headers:
            if name == "set-cookie":
                key, _, what = value.partition(";")[0].partition("=")
                if what:
                    self.jar[key] = what
                else:
                    self.jar.pop(key, None)


def field(text: str, name: str) -> str:
    """The hidden field of a page."""
    return text.split(f'name="{name}" value="')[1].split('"', maxsplit=1)[0]
