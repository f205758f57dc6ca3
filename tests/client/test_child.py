"""A command runs as if nobody stood between it and its caller."""

import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import pytest

RUNNER = """
import os, sys
from custody.client.child import run_child, watching
with watching() as mask:
    sys.exit(run_child(sys.argv[1:], os.environ, mask))
"""


def start(*command: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", RUNNER, *command], stdout=subprocess.PIPE, text=True
    )


def code_of(process: subprocess.Popen[str]) -> int:
    with process:
        return process.wait(10)


def script(text: str) -> tuple[str, ...]:
    return (sys.executable, "-u", "-c", textwrap.dedent(text))


def said(process: subprocess.Popen[str], line: str) -> None:
    assert process.stdout is not None
    assert process.stdout.readline() == f"{line}\n"


@pytest.mark.parametrize("code", [0, 1, 42, 255])
def test_the_exit_code_is_passed_on(code: int) -> None:
    assert code_of(start("sh", "-c", f"exit {code}")) == code


def test_an_end_that_another_thread_was_told_of_is_seen() -> None:
    taken = RUNNER.replace(
        "with watching",
        "import signal, threading, time\n"
        "threading.Thread(target=lambda: time.sleep(60), daemon=True).start()\n"
        "with watching",
    ).replace(
        "    sys.exit",
        "    from custody.client import child\n"
        "    begin = child._start\n"
        "    child._start = lambda *asked: (begin(*asked), time.sleep(0.3))[0]\n"
        "    sys.exit",
    )
    with subprocess.Popen([sys.executable, "-c", taken, "sh", "-c", "exit 3"]) as process:
        try:
            assert process.wait(10) == 3
        finally:
            process.kill()


def test_death_by_a_signal_is_told_as_shells_do() -> None:
    assert code_of(start("sh", "-c", "kill -TERM $$")) == 128 + signal.SIGTERM


@pytest.mark.parametrize(
    "number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1]
)
def test_a_signal_reaches_the_command_once(number: int) -> None:
    process = start(
        *script(f"""
        import signal, time
        seen = []
        signal.signal({int(number)}, lambda *_: seen.append(1))
        print("ready")
        while not seen:
            time.sleep(0.01)
        time.sleep(0.2)
        raise SystemExit(len(seen) + 6)
        """)
    )
    said(process, "ready")
    process.send_signal(number)
    assert code_of(process) == 7


def test_the_terminals_interrupt_reaches_the_command_once() -> None:
    """As Ctrl-C does: the kernel signals the whole foreground group of the terminal."""
    leader, follower = os.openpty()
    inner = script("""
        import signal, time
        seen = []
        signal.signal(signal.SIGINT, lambda *_: seen.append(1))
        print("ready", flush=True)
        until = time.monotonic() + 5
        while not seen and time.monotonic() < until:
            time.sleep(0.01)
        time.sleep(0.3)
        raise SystemExit(len(seen) + 6)
        """)
    process = subprocess.Popen(
        [sys.executable, "-c", _IN_SESSION, RUNNER, *inner],
        stdin=follower,
        stdout=follower,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    os.close(follower)
    heard = b""
    while b"ready" not in heard:
        heard += os.read(leader, 1024)
    os.write(leader, b"\x03")
    assert process.wait(10) == 7
    os.close(leader)


_IN_SESSION = """
import fcntl, sys, termios
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
runner = sys.argv[1]
sys.argv = ["run", *sys.argv[2:]]
exec(runner)
"""


def test_a_stopped_command_stops_its_parent_and_both_go_on() -> None:
    process = start("sh", "-c", "kill -STOP $$; exit 5")
    deadline = time.monotonic() + 10
    while _state(process.pid) != "T":
        assert time.monotonic() < deadline
        time.sleep(0.02)
    process.send_signal(signal.SIGCONT)
    assert code_of(process) == 5


def _state(process: int) -> str:
    return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0]


def test_a_command_that_does_not_exist_is_named() -> None:
    process = subprocess.run(
        [sys.executable, "-c", RUNNER, "no-such-command"],
        capture_output=True,
        text=True,
        check=False,
    )
    assert process.returncode == 1
    assert "There is no command 'no-such-command'." in process.stderr
