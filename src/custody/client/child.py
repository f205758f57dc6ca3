"""Runs a command as its caller would run it directly.

Law: signals reach it once, whether the terminal sent them or a process did; stopping and going on
work; its exit code is passed on, and 128 and the signal's number where a signal ended it.
"""

import contextlib
import os
import signal
import sys
from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from custody.model.errors import CustodyError

_FROM_KERNEL: Final = 0x80  # SI_KERNEL of sigaction(2): the terminal, not a process
_OF_TERMINAL: Final = frozenset((signal.SIGINT, signal.SIGQUIT, signal.SIGTSTP))
_PASSED: Final = frozenset(
    (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGUSR1, signal.SIGUSR2,
     signal.SIGTSTP, signal.SIGCONT, signal.SIGALRM)
)  # fmt: skip
_LOOK_S: Final = 1.0
"""A thread that was there before ``watching`` may take the child's signal: it is looked at, too."""
_OF_ENDS: Final = {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT}
WATCHED: Final = _PASSED | {signal.SIGCHLD}


@contextlib.contextmanager
def watching() -> Iterator[set[signal.Signals]]:
    """Holds signals back for ``run_child``, in this thread and those that start inside; gives the
    mask as it was, which is the child's.
    """
    before = signal.pthread_sigmask(signal.SIG_BLOCK, WATCHED)
    try:
        yield {signal.Signals(number) for number in before}
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def interrupted() -> bool:
    """Whether somebody wanted an end before the command began. Inside ``watching``."""
    return bool(signal.sigpending() & _OF_ENDS)


def run_child(
    command: Sequence[str], environment: Mapping[str, str], mask: set[signal.Signals]
) -> int:
    """The exit code. Raises ``run.not-found``, ``run.not-executable``. Inside ``watching``, in the
    main thread.
    """
    return _wait_for(_start(command, environment, mask))


def _start(
    command: Sequence[str], environment: Mapping[str, str], mask: set[signal.Signals]
) -> int:
    try:
        return os.posix_spawnp(
            command[0], list(command), dict(environment), setsigmask=mask, setsigdef=WATCHED
        )
    except FileNotFoundError:
        raise CustodyError(
            "run.not-found",
            f"There is no command {command[0]!r}.",
            "Write it behind `--` as in a shell.",
        ) from None
    except OSError as error:
        raise CustodyError(
            "run.not-executable",
            f"{command[0]!r} cannot be started: {error.strerror}.",
            "Make it executable, or write its interpreter in front.",
        ) from None


def _wait_for(child: int) -> int:
    while True:
        number, by_terminal = _next_signal()
        if number in {0, signal.SIGCHLD}:
            code = _looked_at(child)
            if code is not None:
                return code
        elif not by_terminal:
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, number)


def _next_signal() -> tuple[int, bool]:
    """A signal, or 0 after a while without; and whether the terminal has sent it to the child
    already.
    """
    if hasattr(signal, "sigtimedwait"):
        told = signal.sigtimedwait(WATCHED, _LOOK_S)
        return (0, False) if told is None else (told.si_signo, told.si_code == _FROM_KERNEL)
    number = signal.sigwait(WATCHED)  # macOS does not say who sent it
    return number, number in _OF_TERMINAL and sys.stdin.isatty()


def _looked_at(child: int) -> int | None:
    """The exit code; ``None`` while it runs. A child that stopped stops its parent too."""
    while True:
        process, status = os.waitpid(child, os.WNOHANG | os.WUNTRACED)
        if not process:
            return None
        if os.WIFSTOPPED(status):
            os.kill(os.getpid(), signal.SIGSTOP)  # until the shell sends SIGCONT to the group
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGCONT)
            continue
        if os.WIFSIGNALED(status):
            return 128 + os.WTERMSIG(status)
        return os.WEXITSTATUS(status)
