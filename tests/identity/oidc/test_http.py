"""The one place with a network: bounds, redirects, TLS and an environment that is not asked."""

import asyncio
import contextlib
import datetime as dt
import ssl
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from tests.identity.oidc.issuing import refusal, run

from custody.identity.oidc.fetch import MAX_ANSWER, FetchRequest, FetchResponse
from custody.identity.oidc.http import HttpFetch
from custody.model.errors import CustodyError


def reply(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers]
    return "\r\n".join([*lines, "", ""]).encode() + body


class Server:
    def __init__(self, says: bytes) -> None:
        self.says = says
        self.heard: list[bytes] = []
        self.port = 0

    async def handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            head = await reader.readuntil(b"\r\n\r\n")
            self.heard.append(head)
            writer.write(self.says)
            await writer.drain()
        writer.close()
        with contextlib.suppress(ConnectionError, ssl.SSLError):
            await writer.wait_closed()


@contextlib.asynccontextmanager
async def serving(says: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[Server]:
    server = Server(says)
    listener = await asyncio.start_server(server.handle, "127.0.0.1", 0, ssl=tls)
    server.port = listener.sockets[0].getsockname()[1]
    try:
        yield server
    finally:
        listener.close()
        await listener.wait_closed()


async def ask(says: bytes, **asked: object) -> tuple[FetchResponse, Server]:
    async with serving(says) as server:
        question = FetchRequest(f"http://127.0.0.1:{server.port}/x", **asked)  # type: ignore[arg-type]  # a test's own
        return await HttpFetch()(question), server


def test_a_question_and_its_answer() -> None:
    answered, server = run(ask(reply(b'{"a":1}')))
    assert answered == FetchResponse(200, b'{"a":1}')
    head = server.heard[0].lower()
    assert head.startswith(b"get /x ")
    assert b"accept-encoding: identity" in head
    assert b"authorization" not in head


def test_a_form_is_posted_with_its_authorization() -> None:
    _, server = run(ask(reply(), form=(("a", "1"),), authorization="Basic eA=="))
    head = server.heard[0]
    assert head.startswith(b"POST /x ")
    assert b"authorization: Basic eA==" in head.replace(b"Authorization", b"authorization")
    assert b"application/x-www-form-urlencoded" in head


def test_a_redirect_is_an_answer() -> None:
    answered, server = run(ask(reply(b"", "302 Found", "Location: /elsewhere")))
    assert answered.status == 302
    assert len(server.heard) == 1


def test_nothing_is_unfolded() -> None:
    answered, _ = run(ask(reply(b"\x1f\x8b", "200 OK", "Content-Encoding: gzip")))
    assert answered.body == b"\x1f\x8b"


@pytest.mark.parametrize(
    "says",
    [
        reply(b"x" * (MAX_ANSWER + 1)),
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffff\r\n" + b"x" * 0xFFFFF,
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\n" + b"X: y\r\n" * 100_000,
    ],
    ids=["large", "large in chunks", "another protocol", "nothing", "large headers"],
)  # fmt: skip
def test_what_is_no_answer_is_unreachable(says: bytes) -> None:
    assert refusal(ask(says)) == "identity.unreachable"


def test_a_provider_that_takes_for_ever_is_left(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("custody.identity.oidc.http.MAX_SECONDS", 0.2)

    async def wait() -> None:
        hold = asyncio.Event()

        async def drip(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n")
            with contextlib.suppress(ConnectionError):
                while not hold.is_set():
                    writer.write(b"x")
                    await writer.drain()
                    await asyncio.sleep(0.05)
            writer.close()

        listener = await asyncio.start_server(drip, "127.0.0.1", 0)
        port = listener.sockets[0].getsockname()[1]
        try:
            await HttpFetch()(FetchRequest(f"http://127.0.0.1:{port}/"))
        finally:
            hold.set()
            listener.close()
            await listener.wait_closed()
            await asyncio.sleep(0.1)

    assert refusal(wait()) == "identity.unreachable"


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "https://id.invalid/", "nonsense", "http://"]
)
def test_nobody_there(url: str) -> None:
    assert refusal(HttpFetch()(FetchRequest(url))) == "identity.unreachable"


def test_the_environment_chooses_neither_proxy_nor_credentials(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login a password b\n")
    monkeypatch.setenv("NETRC", str(netrc))
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:1")
    _, server = run(ask(reply()))
    assert b"authorization" not in server.heard[0].lower()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """A certificate for localhost that nobody but its own file vouches for."""
    folder = tmp_path_factory.mktemp("tls")
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = dt.datetime.now(dt.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - dt.timedelta(hours=1))
        .not_valid_after(now + dt.timedelta(hours=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .sign(key, hashes.SHA256())
    )
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return folder / "cert.pem", folder / "key.pem"


@pytest.mark.parametrize(
    ("host", "trusts", "code"),
    [
        ("localhost", True, "passed"),
        ("localhost", False, "identity.unreachable"),
        ("127.0.0.1", True, "identity.unreachable"),
    ],
    ids=["its authority", "no authority", "another name"],
)
def test_tls_is_verified(
    certificate: tuple[Path, Path], host: str, trusts: object, code: str
) -> None:
    cert, key = certificate
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(cert, key)

    async def over_tls() -> FetchResponse:
        async with serving(reply(), context) as server:
            fetch = HttpFetch(cert if trusts is True else None)
            return await fetch(FetchRequest(f"https://{host}:{server.port}/"))

    assert refusal(over_tls()) == code


def test_an_authority_that_is_not_there_is_refused_at_once(tmp_path: Path) -> None:
    empty = tmp_path / "ca.pem"
    for _ in range(2):
        with pytest.raises(CustodyError) as caught:
            HttpFetch(empty)
        assert caught.value.code == "identity.settings"
        empty.write_text("not a certificate")
