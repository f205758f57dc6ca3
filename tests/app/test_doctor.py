"""`custody doctor` names what is wrong, with the cure, and shows no secret."""

import datetime as dt
import os
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from custody.app.doctor import Finding, Level, examine
from custody.app.init import initialise

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


@pytest.fixture
def target() -> Iterator[int]:
    """Something that answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as server:
        yield int(server.getsockname()[1])


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
                  "env:ORDERS_PASSWORD is there", "core dumps", "GiB free"):  # fmt: skip
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
    assert "`env:ORDERS_PASSWORD`, and that variable is not set" in missing


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
