"""Work done ahead by other processes, its results in order.

Law: results come in the order of the pieces of work. A worker process that ends early raises
``CustodyError``. Each worker holds at most one finished result, so memory does not grow with the
work.
"""

import contextlib
import os
import signal
from collections.abc import Callable, Generator, Sequence
from typing import TYPE_CHECKING, Any, Final, TypeVar

from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from multiprocessing.connection import Connection
    from multiprocessing.context import SpawnProcess

Piece = TypeVar("Piece")
Result = TypeVar("Result")

PROCESS_ENDED: Final = "verify.process-ended"
_WORTH: Final = 2
"""Fewer pieces for each process are done sooner than a process starts."""
_PROCESSES_AT_MOST: Final = 16
_END_SECONDS: Final = 5.0
_NICE: Final = 5
"""A gateway that runs on the same machine goes first."""


def map_in_order(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], processes: int
) -> Generator[Result, None, None]:
    """What ``work`` gives for each piece. With one process, each is done when it is asked for.

    ``work`` and the pieces go to the others through a pipe, and stay in their memory alone. Raises
    what ``work`` raises of ``CustodyError``, and ``CustodyError`` where a process ends early.
    """
    processes = min(processes, _PROCESSES_AT_MOST, len(pieces) // _WORTH)
    started = _start(work, pieces, processes) if processes > 1 else []
    if not started:
        yield from map(work, pieces)
        return
    try:
        for at in range(len(pieces)):
            yield _take(started[at % processes][1])
    finally:
        for process, connection in started:
            connection.close()
            process.terminate()
        for process, _ in started:
            process.join(_END_SECONDS)


def usable_processors() -> int:
    """How many this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _start(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], processes: int
) -> "list[tuple[SpawnProcess, Connection]]":
    """Each with its share of the pieces; none where this system lets us start none."""
    from multiprocessing import get_context  # noqa: PLC0415 - most logs need no other process

    started: "list[tuple[SpawnProcess, Connection]]" = []  # noqa: UP037 - for the type alone
    try:
        context = get_context("spawn")
        for number in range(processes):
            ours, theirs = context.Pipe(duplex=False)
            share = pieces[number::processes]
            process = context.Process(target=_run, args=(work, share, theirs), daemon=True)
            process.start()
            theirs.close()
            started.append((process, ours))
    except OSError:
        for process, connection in started:
            connection.close()
            process.terminate()
            process.join(_END_SECONDS)
        return []
    return started


def _take(connection: "Connection") -> Any:  # noqa: ANN401  # what ``work`` gave there
    try:
        done, result = connection.recv()
    except (EOFError, OSError):
        raise CustodyError(
            "verify.process-ended",
            "A process that read a part of the evidence ended early, so nothing is proved.",
            "Look for what ended it (memory, a limit, a signal), and run verify again.",
        ) from None
    if not done:
        raise CustodyError(*result)
    return result


def _run(
    work: Callable[[Piece], Result], pieces: Sequence[Piece], connection: "Connection"
) -> None:
    """In the other process. Who asked may leave at any time."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # it is for who asked to answer
    with contextlib.suppress(OSError):
        os.nice(_NICE)
    for piece in pieces:
        answer: tuple[bool, object]
        try:
            answer = (True, work(piece))
        except CustodyError as error:
            answer = (False, (error.code, error.fault, error.cure))
        try:
            connection.send(answer)
        except BrokenPipeError:
            return
