"""Stays beside a scratch PostgreSQL and ends it.

Law: this file uses the standard library alone and is run as a script. Its standard input is a pipe
that nobody writes to: when it closes, for whatever reason (the parent stopped, or was killed),
PostgreSQL is shut down and its data removed. So nothing outlives the process that started it.
"""

import os
import selectors
import shutil
import signal
import subprocess
import sys
from pathlib import Path

_GRACE_SECONDS = 10.0


def keep(room: Path, removed_at_end: Path, user: int, group: int, command: list[str]) -> int:
    """Run ``command`` until it ends by itself, or until standard input closes; only then is
    ``removed_at_end`` removed. A ``user`` below 0 means the one that runs this.
    """
    with (room / "postgres.log").open("ab") as log:
        server = subprocess.Popen(  # noqa: S603  # the parent chose the program
            command,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            cwd=room,
            start_new_session=True,
            user=None if user < 0 else user,
            group=None if user < 0 else group,
            extra_groups=None if user < 0 else [],
        )
    with selectors.DefaultSelector() as waiting:
        waiting.register(sys.stdin.fileno(), selectors.EVENT_READ)
        # A pipe that is readable has closed, since nobody writes to it.
        while not waiting.select(timeout=0.2):
            if server.poll() is not None:
                return server.returncode
    _end(server)
    shutil.rmtree(removed_at_end, ignore_errors=True)
    return 0


def _end(server: "subprocess.Popen[bytes]") -> None:
    """SIGQUIT is PostgreSQL's immediate shutdown: right for data that nobody wants to keep."""
    if server.poll() is not None:
        return
    server.send_signal(signal.SIGQUIT)
    try:
        server.wait(_GRACE_SECONDS)
    except subprocess.TimeoutExpired:
        # It leads a session of its own, so its family goes with it.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


if __name__ == "__main__":
    where, what, uid, gid, *program = sys.argv[1:]
    sys.exit(keep(Path(where), Path(what), int(uid), int(gid), program))
