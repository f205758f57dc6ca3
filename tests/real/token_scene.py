"""A gateway whose PostgreSQL listener takes an issuer's tokens, and clients that bring them.

Law: the issuer is a key of the test's own, and its tokens are made here; the gateway knows of it
what `custody.toml` says.
"""

import json
import socket
import ssl
import struct
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

ISSUER = "https://ci.example.com"
WORKLOAD = """
[[workload]]
name = "{name}"
issuer = "{issuer}"
audience = ["custody"]
jwks = "keys.json"
groups = ["agents"]
require = {{ ref = "refs/heads/main" }}
password = {password}
"""


class TokenScene:
    def __init__(self, gateway: RunningGateway, key: ECKey) -> None:
        self.gateway = gateway
        self.key = key

    def token(self, key: ECKey | None = None, **changed: Any) -> str:
        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": "custody",
            "sub": "job-7",
            "ref": "refs/heads/main",
            "iat": now - 5,
            "exp": now + 600,
            "jti": str(time.time_ns()),
            **changed,
        }
        signer = key or self.key
        return jwt.encode({"alg": "ES256", "kid": self.key.kid}, claims, signer)

    def loops(self) -> list[dict[str, Any]]:
        return self.gateway.items("loops")

    def on_disk(self, secret: str) -> list[Path]:
        """The files that hold it, the log of the process included."""
        wanted = secret.encode()
        files = [path for path in self.gateway.folder.rglob("*") if path.is_file()]
        return [path for path in files if wanted in path.read_bytes()]


@contextmanager
def token_scene(postgres: ScratchPostgres, folder: Path, *, oauth: bool) -> Iterator[TokenScene]:
    name = f"tokens_{'oauth' if oauth else 'password'}"
    postgres.create_database(name)
    head = HEAD.replace('cleartext = "loopback"\n', 'oauth = "ci"\n' if oauth else "")
    config = head + target(postgres, name)
    config += WORKLOAD.format(name="ci", issuer=ISSUER, password="false" if oauth else "true")
    config += WORKLOAD.format(name="other", issuer=f"{ISSUER}/other", password="false")
    key = ECKey.generate_key("P-256", parameters={"alg": "ES256", "use": "sig"}, auto_kid=True)
    (folder / "keys.json").write_text(json.dumps(KeySet([key]).as_dict(private=False)))
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as gateway:
        yield TokenScene(gateway, key)


class BearerClient:
    """The smallest client that speaks OAUTHBEARER, in TLS."""

    def __init__(self, gateway: RunningGateway, database: str = "orders") -> None:
        plain = socket.create_connection(("127.0.0.1", gateway.port), timeout=20)
        plain.sendall(struct.pack(">II", 8, 80_877_103))
        assert plain.recv(1) == b"S"
        trusted = ssl.create_default_context(cafile=str(gateway.authority))
        self._socket = trusted.wrap_socket(plain, server_hostname="127.0.0.1")
        body = struct.pack(">I", 196_610) + f"user\0ada\0database\0{database}\0\0".encode()
        self._socket.sendall(struct.pack(">I", len(body) + 4) + body)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def receive(self) -> tuple[str, bytes]:
        """The next message; an empty kind where the gateway has closed."""
        head = self._exactly(5)
        if not head:
            return "", b""
        return chr(head[0]), self._exactly(struct.unpack(">I", head[1:])[0] - 4)

    def send(self, kind: str, body: bytes) -> None:
        self._socket.sendall(kind.encode() + struct.pack(">I", len(body) + 4) + body)

    def bring(self, authorization: str) -> None:
        response = f"n,,\1auth={authorization}\1\1".encode()
        self.send("p", b"OAUTHBEARER\0" + struct.pack(">I", len(response)) + response)

    def value(self, query: str) -> str:
        """The one value that a query gives."""
        self.send("Q", query.encode() + b"\0")
        found = ""
        while True:
            kind, body = self.receive()
            assert kind not in {"", "E"}, body
            if kind == "D":
                found = body[6:].decode()
            if kind == "Z":
                return found

    def _exactly(self, count: int) -> bytes:
        found = b""
        while len(found) < count:
            piece = self._socket.recv(count - len(found))
            if not piece:
                return b""
            found += piece
        return found
