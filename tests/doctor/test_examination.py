"""`custody doctor` names what is wrong, with the cure, and shows no secret."""

import datetime as dt
import os
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import NamedTuple

import pytest

from custody.doctor import targets
from custody.doctor.examination import examine
from custody.doctor.findings import Finding, Level
from custody.operations.init import initialise

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


ERROR = b'SFATAL\0VFATAL\0C%s\0Mno "secret words" here\0\0'


def message(kind: bytes, body: bytes) -> bytes:
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def refusal(code: bytes) -> bytes:
    return message(b"E", ERROR % code)


WELCOME = message(b"R", bytes(4)) + message(b"Z", b"I")


class Impostor:
    """Answers as a PostgreSQL server would, with what it was told to."""

    def __init__(self) -> None:
        self.tls = b"N"
        self.answer: bytes | None = WELCOME
        self.server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self.server.getsockname()[1])

    def run(self) -> None:
        while True:
            try:
                client, _ = self.server.accept()
            except OSError:
                return
            with closing(client):
                client.settimeout(5)
                with suppress(OSError):
                    self._greet(client)

    def _greet(self, client: socket.socket) -> None:
        asked = client.recv(8)
        if asked[4:] == (80877103).to_bytes(4, "big"):
            client.sendall(self.tls)
            asked = client.recv(4096)
        if asked and self.answer is not None:
            client.sendall(self.answer)
        while asked:
            asked = client.recv(4096)
            if asked[:1] == b"Q":  # what a look-up connection sets before it asks anything
                client.sendall(message(b"C", b"SET\0") + message(b"Z", b"I"))


@pytest.fixture
def impostor() -> Iterator[Impostor]:
    one = Impostor()
    thread = threading.Thread(target=one.run)
    thread.start()
    yield one
    one.server.shutdown(socket.SHUT_RDWR)
    one.server.close()
    thread.join()


@pytest.fixture
def target(impostor: Impostor) -> int:
    return impostor.port


@pytest.fixture
def folder(tmp_path: Path, target: int) -> Path:
    initialise(tmp_path, "gw.test", NOW, os.urandom)
    change(tmp_path, "127.0.0.1:5432", f"127.0.0.1:{target}")
    change(tmp_path, "127.0.0.1:6432", "127.0.0.1:0")
    return tmp_path


def change(folder: Path, old: str, new: str) -> None:
    path = folder / "custody.toml"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def findings(folder: Path, *, days: int = 0, password: str = "hunter2") -> list[Finding]:
    found = list(
        examine(
            folder / "custody.toml",
            {"ORDERS_PASSWORD": password} if password else {},
            NOW + dt.timedelta(days=days),
        )
    )
    assert not any("hunter2" in str(finding) for finding in found)
    return found


def faults(found: list[Finding]) -> list[str]:
    return [finding.what for finding in found if finding.level is Level.FAULT]


def test_a_sound_installation_has_no_fault(folder: Path) -> None:
    found = findings(folder)
    assert faults(found) == []
    said = "\n".join(finding.what for finding in found)
    for words in ("is sound", "there and private", "valid for", "is free to listen on", "answers",
                  "env:ORDERS_PASSWORD is there", "login as user app at database orders works",
                  "core dumps", "GiB free"):  # fmt: skip
        assert words in said


def spoil_mode(name: str, mode: int) -> Callable[[Path], None]:
    return lambda folder: (folder / name).chmod(mode)


@pytest.mark.parametrize(
    ("spoil", "said", "cure"),
    [
        (spoil_mode("keys/log.key", 0o640), "log.key has mode 0640", "chmod 0600"),
        (spoil_mode("keys", 0o755), "keys has mode 0755", "chmod 0700"),
        (spoil_mode("data", 0o750), "data has mode 0750", "chmod 0700"),
        (lambda folder: (folder / "keys/log.key").unlink(), "No such file", "custody init"),
        (lambda folder: (folder / "keys/log.key").write_text("x"), "is no key file", "backup"),
        (lambda folder: change(folder, "[[grant]]", "[[grants]]"), "not known", "grant"),
        (lambda folder: (folder / "data/ca.pem").unlink(), "cannot be read", "custody init"),
    ],
)
def test_each_fault_has_a_cure(
    folder: Path, spoil: Callable[[Path], object], said: str, cure: str
) -> None:
    spoil(folder)
    found = [one for one in findings(folder) if one.level is Level.FAULT]
    assert any(said in one.what and cure in one.cure for one in found), found


def test_a_target_that_does_not_answer_and_a_password_that_is_not_there(
    folder: Path, target: int
) -> None:
    with closing(socket.socket()) as unused:
        unused.bind(("127.0.0.1", 0))
        free = unused.getsockname()[1]
    change(folder, f"127.0.0.1:{target}", f"127.0.0.1:{free}")
    refused, missing = faults(findings(folder, password=""))
    assert "connection refused" in refused
    assert "'orders' cannot be had: `env:ORDERS_PASSWORD` is not set" in missing


def silent(server: Impostor) -> None:
    server.answer = None


def no_tls(server: Impostor) -> None:
    server.tls = b"N"


def broken_tls(server: Impostor) -> None:
    server.tls = b"S"


def answers(data: bytes) -> Callable[[Impostor], None]:
    def prepare(server: Impostor) -> None:
        server.answer = data

    return prepare


class Wrong(NamedTuple):
    """What a target does, the ``tls`` that is asked of it, and what is said of it."""

    prepare: Callable[[Impostor], None]
    tls: str
    said: str
    cure: str = ""


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong(answers(refusal(b"28P01")), "prefer", "refused the gateway's credential", "`user`"),
        Wrong(answers(refusal(b"28000")), "off", "does not let the gateway in", "pg_hba.conf"),
        Wrong(answers(refusal(b"3D000")), "off", "has no such database", "another database"),
        Wrong(answers(b"HTTP/1.1 400 Bad Request"), "off", "login as user app at database orders:"),
        Wrong(answers(b""), "off", "no answer within", "own port"),
        Wrong(silent, "prefer", "no answer within", "own port"),
        Wrong(no_tls, "require", "orders: TLS: The target does not offer TLS"),
        Wrong(broken_tls, "require", "orders: TLS: TLS with target", "TLS settings"),
    ],
)
def test_what_is_wrong_with_a_login_is_told_apart(
    folder: Path, impostor: Impostor, wrong: Wrong, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(targets, "LOGIN_S", 0.5)
    wrong.prepare(impostor)
    change(folder, '# tls = "verify-full"', f'tls = "{wrong.tls}"')
    found = findings(folder)
    assert not any("secret words" in str(each) for each in found)
    (fault,) = [each for each in found if each.level is Level.FAULT]
    assert wrong.said in fault.what
    assert fault.cure
    assert wrong.cure in fault.cure


def test_a_door_that_is_taken(folder: Path, target: int) -> None:
    change(folder, "127.0.0.1:0", f"127.0.0.1:{target}")
    assert any(
        "cannot be listened on: Address already in use" in one for one in faults(findings(folder))
    )


@pytest.mark.parametrize(
    ("days", "level"), [(0, Level.OK), (3640, Level.WARN), (3700, Level.FAULT)]
)
def test_the_authority_s_last_days(folder: Path, days: int, level: Level) -> None:
    found = [one for one in findings(folder, days=days) if "ca.pem" in one.what]
    assert [one.level for one in found] == [level]


def test_a_cure_is_said_once(folder: Path) -> None:
    (folder / "custody.toml").unlink()
    (fault,) = findings(folder)
    assert "custody init" in fault.cure
    assert fault.cure not in fault.what


def test_warnings_are_told(folder: Path) -> None:
    change(folder, "env:ORDERS_PASSWORD", "plain:hunter2")
    change(folder, "[capture]", "[hub]\n[capture]")
    warned = [one.what for one in findings(folder) if one.level is Level.WARN]
    assert any("[hub] belongs to a part" in one for one in warned)
    assert any("stands in the configuration" in one for one in warned)
