"""A real gateway in a process of its own, as an operator would run it.

Law: everything goes through the contract that operators have: `custody init`, `custody.toml`,
`custody serve` until it prints `ready`, `custody ticket create`. Nothing reaches inside.
"""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

START_SECONDS = 30.0
STOP_SECONDS = 20.0
INDEXED_SECONDS = 60.0
PAGE = "20000"


class GatewayDiedError(AssertionError):
    """The gateway ended, or did not come up; the text holds its last words."""


class RunningGateway:
    """One gateway's folder, and its process while it runs."""

    def __init__(self, folder: Path, config: str, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.config = folder / "custody.toml"
        self.inside: tuple[str, ...] = ()
        """Words before every command, where the gateway sees disks that we do not."""
        self.ports: dict[str, int] = {}
        """By listener name: ``postgres``, and ``postgres.NAME`` where a target has its own."""
        self._environment = {**_clean_environment(), **environment}
        self._process: subprocess.Popen[bytes] | None = None
        self._read = 0
        self._known: set[tuple[int, str]] = set()
        self.custody("init", str(folder), configured=False)
        self.config.write_text(config)

    @property
    def out(self) -> Path:
        return self.folder / "serve.out"

    @property
    def errors(self) -> Path:
        return self.folder / "serve.err"

    @property
    def data(self) -> Path:
        return self.folder / "data"

    @property
    def port(self) -> int:
        return self.ports["postgres"]

    @property
    def authority(self) -> Path:
        """The certificate authority that clients verify the gateway with."""
        return self.data / "ca.pem"

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def start(self, *more: str, wrapper: Sequence[str] = ()) -> None:
        """Start and wait for `ready`."""
        self.launch(*more, wrapper=wrapper)
        self.wait_ready()

    def launch(self, *more: str, wrapper: Sequence[str] = ()) -> None:
        """Start, wait for nothing; output is appended to ``serve.out`` and ``serve.err``."""
        self._read = self.out.stat().st_size if self.out.exists() else 0
        with self.out.open("ab") as out, self.errors.open("ab") as errors:
            self._process = subprocess.Popen(
                [*wrapper, *_command("serve", "-c", str(self.config), *more)],
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=errors,
                cwd=self.folder,
                env=self._environment,
                start_new_session=True,
            )

    def wait_ready(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while time.monotonic() < deadline:
            if self._is_ready():
                return
            if not self.alive:
                raise GatewayDiedError(self.last_words())
            time.sleep(0.02)
        self.kill()
        raise GatewayDiedError(f"not ready after {START_SECONDS} s: {self.last_words()}")

    def stop(self) -> int:
        """SIGTERM, as an operator stops it; its exit code."""
        assert self._process is not None
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
        try:
            return self._process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            self.kill()
            raise GatewayDiedError(f"did not drain: {self.last_words()}") from None

    def kill(self) -> None:
        """SIGKILL for the main process, at once. Its children must end by themselves."""
        assert self._process is not None
        self.family()
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        self._process.wait(STOP_SECONDS)

    def end(self) -> None:
        """Whatever state it is in: leave no process behind."""
        if self._process is None:
            return
        for pid in self.family():
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self._process.wait(STOP_SECONDS)

    def custody(
        self, *words: str, expect: int | None = 0, configured: bool = True
    ) -> "subprocess.CompletedProcess[str]":
        """Run the command line beside the gateway. ``expect=None`` takes any exit code."""
        environment = dict(self._environment)
        if configured:
            environment["CUSTODY_CONFIG"] = str(self.config)
        done = subprocess.run(
            [*self.inside, *_command(*words)],
            env=environment,
            cwd=self.folder.parent,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        if expect is not None:
            assert done.returncode == expect, (words, done.returncode, done.stdout, done.stderr)
        return done

    def items(self, *words: str) -> list[dict[str, Any]]:
        """The items of one of the commands that print ``--json``, page by page, once the index has
        caught up with the log.
        """
        found: list[dict[str, Any]] = []
        cursor: tuple[str, ...] = ()
        deadline = time.monotonic() + INDEXED_SECONDS
        while True:
            page = self.custody(*words, "--json", "--limit", PAGE, *cursor).stdout
            document = json.loads(page)
            if document.get("behind"):
                assert time.monotonic() < deadline, "the index does not catch up with the log"
                continue
            found += document["items"]
            if document["next"] is None:
                return found
            cursor = ("--cursor", str(document["next"]))

    def commands(self) -> list[dict[str, Any]]:
        """Every command in the evidence, the oldest first."""
        return self.items("search", "--oldest")

    def family(self) -> list[int]:
        """The gateway's processes that still run, those included whose parent has died."""
        if self._process is None:
            return []
        alive = _processes()
        grown = {self.pid} if self.pid in alive else set()
        while more := {pid for pid, (parent, _) in alive.items() if parent in grown} - grown:
            grown |= more
        self._known |= {(pid, alive[pid][1]) for pid in grown}
        # A number may be given to another process: its start tells.
        return sorted(pid for pid, born in self._known if pid in alive and alive[pid][1] == born)

    def ticket(self, subject: str = "ada", group: str = "agents", ttl: str = "1h") -> str:
        words = ("ticket", "create", "--subject", subject, "--group", group, "--ttl", ttl)
        return self.custody(*words, "--quiet").stdout.strip()

    def verify(self, *more: str) -> "subprocess.CompletedProcess[str]":
        """Against the gateway's own policy, unless another is named."""
        return self.custody("verify", str(self.data), "-c", str(self.config), *more, expect=None)

    def dsn(
        self, ticket: str, database: str, *, listener: str = "postgres", user: str = "anything"
    ) -> str:
        """In clear text on loopback, which the test's config allows; add TLS words as needed."""
        return (
            f"host=127.0.0.1 port={self.ports[listener]} dbname={database} user={user}"
            f" password={ticket} sslmode=disable"
        )

    def tls_dsn(self, ticket: str, database: str, *, user: str = "anything") -> str:
        return (
            f"host=127.0.0.1 port={self.port} dbname={database} user={user} password={ticket}"
            f" sslmode=verify-full sslrootcert={self.authority}"
        )

    def output(self) -> bytes:
        """All that the gateway's process has said so far, over every start."""
        return b"".join(path.read_bytes() for path in (self.out, self.errors) if path.exists())

    def last_words(self) -> str:
        return self.output().decode(errors="replace")[-3000:]

    def _is_ready(self) -> bool:
        with self.out.open("rb") as file:
            file.seek(self._read)
            lines = file.read().decode(errors="replace").splitlines()
        for line in lines:
            match line.split():
                case ["listening", name, address]:
                    self.ports[name] = int(address.rpartition(":")[2])
                case _:
                    pass
        return "ready" in lines


@contextlib.contextmanager
def running_gateway(
    folder: Path, config: str, environment: Mapping[str, str] | None = None
) -> Iterator[RunningGateway]:
    """A gateway that is ready, and is gone afterwards."""
    gateway = RunningGateway(folder, config, environment or {})
    try:
        gateway.start()
        yield gateway
    finally:
        gateway.end()


def _processes() -> dict[int, tuple[int, str]]:
    """Each live process with its parent and its start (proc(5), fields 4 and 22 of ``stat``)."""
    found: dict[int, tuple[int, str]] = {}
    for entry in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            # The name stands in parentheses and may hold anything.
            fields = entry.read_text().rpartition(")")[2].split()
            if fields[0] != "Z":
                found[int(entry.parent.name)] = int(fields[1]), fields[19]
    return found


def _command(*words: str) -> list[str]:
    # Beside the Python that runs this, so that its environment need not be active.
    return [str(Path(sys.executable).with_name("custody")), *words]


def _clean_environment() -> dict[str, str]:
    """Without libpq's variables and our own, which would bend what is tested."""
    return {
        key: value
        for key, value in os.environ.items()
        if not key.startswith(("PG", "CUSTODY_", "PYTEST_"))
    }
