"""The key-holder: what it does, what it refuses, how it ends; in this process and in its own."""

import json
import os
import resource
import signal
import stat
import subprocess
import sys
import time
from pathlib import Path

import pytest
from tests.evidence.log.simulated_disk import SimulatedDisk
from tests.evidence.scenes import ANCHOR, NAME, Scene

from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.anchor import read_anchor
from custody.evidence.keys.keyclient import KeyholderProcess
from custody.evidence.keys.keyring import (
    Keyring,
    KeyService,
    create_keys,
    load_keyring,
    load_token_key,
    log_key,
)
from custody.evidence.record.seal import SealError
from custody.evidence.tlog.checkpoint import Checkpoint, open_checkpoint, sign_checkpoint
from custody.evidence.tlog.policy import parse_policy
from custody.model.errors import CustodyError, LogFailureError

ORIGIN = f"{NAME}/2026"


def body(size: int, root: bytes = b"r", origin: str = ORIGIN) -> bytes:
    return Checkpoint(origin, size, root * 32).body.encode()


def refused(keys: KeyService, request: bytes) -> str:
    with pytest.raises(LogFailureError) as caught:
        keys.sign(request)
    return caught.value.code


def converse(keys: KeyService) -> None:
    """What any key service must do, whoever holds the keys."""
    note = sign_checkpoint(Checkpoint(ORIGIN, 5, b"r" * 32), log_key(keys, ORIGIN), keys.sign)
    assert open_checkpoint(note, [log_key(keys, ORIGIN)]).checkpoint.size == 5
    assert keys.sign(body(5)) == keys.sign(body(5))
    assert refused(keys, body(4)) == "log.fork"
    assert refused(keys, body(5, b"x")) == "log.fork"
    assert refused(keys, body(9, origin="gw2.example.com/2026")) == "keys.other-log"
    assert refused(keys, body(9, origin=NAME)) == "keys.other-log"
    assert refused(keys, body(9, origin=f"{NAME}/year")) == "keys.other-log"
    assert refused(keys, b"pay to the bearer") == "keys.not-a-checkpoint"
    assert refused(keys, body(9) + b"extension\n") == "keys.not-a-checkpoint"
    keys.sign(body(1, origin=f"{NAME}/2027"))
    keys.sign(body(9))

    wrapped = keys.wrap("2026-03-01", b"D" * 32)
    assert keys.unwrap("2026-03-01", wrapped) == b"D" * 32
    for day, data in (("2026-03-02", wrapped), ("2026-03-01", wrapped[:-1])):
        with pytest.raises(CustodyError) as caught:
            keys.unwrap(day, data)
        assert caught.value.code == "evidence.wrapped-key"


def test_a_keyring_signs_its_own_logs_and_never_forks_them() -> None:
    converse(Scene().keys())


def test_without_an_anchor_nothing_is_signed() -> None:
    keyring = Keyring(NAME, b"L" * 32, b"K" * 32, None, bytes)
    assert refused(keyring, body(1)) == "keys.no-anchor"


def test_the_anchor_is_on_disk_before_the_signature_is_given() -> None:
    scene = Scene()
    scene.keys().sign(body(5))
    scene.disk.crash(0)
    assert read_anchor(scene.disk, ANCHOR)[ORIGIN].size == 5
    assert refused(scene.keys(), body(4)) == "log.fork"


def test_an_operator_may_accept_a_smaller_log_once() -> None:
    scene = Scene()
    scene.keys().sign(body(5))
    scene.keys().sign(body(3, origin=f"{NAME}/2027"))
    scene.accept_new_anchor = True
    accepting = scene.keys()
    accepting.sign(body(2))
    assert refused(accepting, body(1)) == "log.fork"
    assert {each.size for each in read_anchor(scene.disk, ANCHOR).values()} == {2, 3}


@pytest.fixture
def keys_directory(tmp_path: Path) -> Path:
    create_keys(DiskFiles(), tmp_path / "keys", NAME, 2026, os.urandom)
    return tmp_path / "keys"


def test_keys_are_for_their_owner_only_and_never_replaced(keys_directory: Path) -> None:
    assert stat.S_IMODE(keys_directory.stat().st_mode) == 0o700
    for path in keys_directory.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    with pytest.raises(CustodyError) as caught:
        create_keys(DiskFiles(), keys_directory, NAME, 2026, os.urandom)
    assert caught.value.code == "keys.exist"


def test_the_policy_vouches_for_this_log(keys_directory: Path) -> None:
    keyring = load_keyring(DiskFiles(), keys_directory, None, os.urandom)
    policy = parse_policy((keys_directory / "verifier.policy").read_bytes())
    assert policy.log_keys == (log_key(keyring, ORIGIN),)
    assert policy.satisfied_by(frozenset())


def test_the_token_key_is_none_of_the_others(keys_directory: Path) -> None:
    token = load_token_key(DiskFiles(), keys_directory)
    assert len(token) == 32
    texts = [path.read_text().split()[2] for path in keys_directory.glob("*.key")]
    assert len(set(texts)) == 3


@pytest.mark.parametrize("name", ["", "a b", "a/b", "a+b", "-x", "x" * 300])
def test_a_name_that_no_log_can_have_is_refused(name: str) -> None:
    with pytest.raises(CustodyError) as caught:
        create_keys(SimulatedDisk(), Path("/keys"), name, 2026, os.urandom)
    assert caught.value.code == "keys.name"


@pytest.mark.parametrize(
    ("content", "code"),
    [(None, "keys.unreadable"), (b"", "keys.malformed"), (b"custody-log-key/1 gw AAAA\n",
      "keys.malformed"), (b"custody-log-key/1 gw !\n", "keys.malformed")],
)  # fmt: skip
def test_a_key_file_that_cannot_be_used_is_named(
    keys_directory: Path, content: bytes | None, code: str
) -> None:
    path = keys_directory / "log.key"
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(CustodyError) as caught:
        load_keyring(DiskFiles(), keys_directory, None, os.urandom)
    assert caught.value.code == code
    assert str(path) in caught.value.fault


def test_the_process_does_the_same(keys_directory: Path, tmp_path: Path) -> None:
    with KeyholderProcess(keys_directory, tmp_path / "anchor") as keys:
        assert keys.name == NAME
        converse(keys)
        before = keys.pid
        keys.restart()
        assert keys.pid != before
        assert refused(keys, body(4)) == "log.fork"
        keys.sign(body(10))
    assert not keys.alive


def test_its_death_is_a_clear_fault_and_it_can_be_restarted(
    keys_directory: Path, tmp_path: Path
) -> None:
    with KeyholderProcess(keys_directory, tmp_path / "anchor") as keys:
        os.kill(keys.pid, signal.SIGKILL)
        assert refused(keys, body(1)) == "keys.keyholder-gone"
        assert refused(keys, body(1)) == "keys.keyholder-gone"
        keys.restart()
        keys.sign(body(1))


def test_it_says_why_it_cannot_start(tmp_path: Path) -> None:
    with pytest.raises(LogFailureError) as caught:
        KeyholderProcess(tmp_path / "nowhere")
    assert caught.value.code == "keys.unreadable"


def test_signals_for_the_group_do_not_end_it(keys_directory: Path, tmp_path: Path) -> None:
    with KeyholderProcess(keys_directory, tmp_path / "anchor") as keys:
        for ignored in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            os.kill(keys.pid, ignored)
        keys.sign(body(1))


@pytest.mark.skipif(not Path("/proc/self/limits").exists(), reason="reads Linux's /proc")
def test_it_leaves_no_core_dump(keys_directory: Path) -> None:
    with KeyholderProcess(keys_directory) as keys:
        assert resource.prlimit(keys.pid, resource.RLIMIT_CORE) == (0, 0)


@pytest.mark.skipif(
    not Path("/proc/self/environ").exists() or os.geteuid() != 0,
    reason="another process's environment is read in Linux's /proc, by root",
)
def test_it_has_nothing_of_the_gateways_environment(
    keys_directory: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TARGET_PASSWORD", "planted-secret")
    with KeyholderProcess(keys_directory) as keys:
        assert b"planted-secret" not in Path(f"/proc/{keys.pid}/environ").read_bytes()


PARENT = """
import json, os, sys
from pathlib import Path
from custody.evidence.keys.keyclient import KeyholderProcess
keys = KeyholderProcess(Path(sys.argv[1]))
print(json.dumps(keys.pid), flush=True)
sys.stdin.read()
"""


def test_it_ends_when_its_parent_is_killed(keys_directory: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-c", PARENT, str(keys_directory)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as parent:
        assert parent.stdout is not None
        pid = json.loads(parent.stdout.readline())
        parent.kill()
        parent.wait()
    for _ in range(200):
        if not running(pid):
            return
        time.sleep(0.02)
    raise AssertionError("the key-holder outlived its parent")


def running(pid: int) -> bool:
    """A zombie that nobody reaped yet has ended."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return False


def test_a_refusal_is_no_seal_error_across_processes() -> None:
    with pytest.raises(SealError):
        Scene().keys().unwrap("2026-03-01", b"x" * 60)
