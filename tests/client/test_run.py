"""A loop for as long as a command, whatever ends it."""

import os
import signal
import ssl
import threading
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from custody.client import trust
from custody.client.gateway import (
    GatewayDescription,
    ListenerDescription,
    LoopDescription,
    TargetDescription,
    TokenResponse,
)
from custody.client.run import LoopOptions, RunRequest, run
from custody.client.trust import authority_of
from custody.model.errors import CustodyError
from custody.model.secret import Secret

FACTS = GatewayDescription(
    "gw", "1", "LOCAL CA", (), (ListenerDescription("postgres", "gw.example", 6432),)
)
TARGETS = (TargetDescription("orders", "postgres", "shop"),)


class PlayedStarter:
    def __init__(self, targets: tuple[TargetDescription, ...] = TARGETS) -> None:
        self.targets = targets
        self.authority = ""
        self.found_by: Mapping[str, str] = {"CUSTODY_GATEWAY": "https://gw"}
        self.begun = self.ended = 0
        self.fails: CustodyError | None = None
        self.signal: int | None = None

    def describe(self) -> GatewayDescription:
        return FACTS

    def start(self, options: LoopOptions) -> TokenResponse:
        if self.signal is not None:
            # To this thread: test runners have others, which do not hold signals back.
            signal.pthread_kill(threading.get_ident(), self.signal)
        if self.fails is not None:
            raise self.fails
        self.begun += 1
        loop = LoopDescription("loop_a", "ada", "corp", "2026", targets=self.targets)
        return TokenResponse(Secret("ct_secret"), 60, loop)

    def end(self, ticket: Secret) -> None:
        assert ticket.reveal() == "ct_secret"
        self.ended += 1
        if self.signal == 0:
            raise CustodyError("client.unreachable", "…")


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "XDG_RUNTIME_DIR": str(tmp_path)}


def start(
    starter: PlayedStarter,
    environment: Mapping[str, str],
    *command: str,
    targets: tuple[str, ...] = (),
) -> tuple[int, list[str]]:
    said: list[str] = []
    asked = RunRequest(command, LoopOptions(targets=targets), quiet=True)
    return run(asked, starter, environment, said.append), said


def test_the_command_has_what_it_needs_and_not_what_proves_who_starts_loops(
    environment: dict[str, str], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    proofs = {
        "CUSTODY_ID_TOKEN": "proof", "CUSTODY_ID_TOKEN_FILE": "/proof",
        "CUSTODY_CLIENT_SECRET": "proof", "PGPASSWORD": "proof", "PGHOSTADDR": "proof",
        "CUSTODY_CA": "proof", "CUSTODY_GATEWAY": "proof",
    }  # fmt: skip
    starter = PlayedStarter()
    starter.authority = "API CA"
    before = {**environment, **proofs, "KEPT": "kept"}
    script = f"cat $CUSTODY_CA $PGSSLROOTCERT; env > {out}; exit 3"
    assert start(starter, before, "sh", "-c", script)[0] == 3
    told = dict(line.split("=", 1) for line in out.read_text().splitlines())
    assert "proof" not in out.read_text()
    assert "ct_secret" not in out.read_text()
    assert (told["KEPT"], told["PGHOST"], told["CUSTODY_LOOP"]) == ("kept", "gw.example", "loop_a")
    assert told["CUSTODY_GATEWAY"] == "https://gw"
    assert Path(told["CUSTODY_CA"]).name == "gateway-ca.pem"
    assert (starter.begun, starter.ended) == (1, 1)
    assert [each.name for each in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize(
    ("value", "warned"),
    [
        ("postgres://root:real@db.internal/orders", True),
        ("jdbc:postgresql://db/shop?user=root&password=real", True),
        ("postgres://db.internal/orders", False),
        ("https://me:pass@example.com", False),
        ("", False),
    ],
)
def test_a_url_that_leads_past_the_gateway_is_said_by_its_name_alone(
    value: str, *, warned: bool, environment: dict[str, str]
) -> None:
    code, said = start(PlayedStarter(), {**environment, "DATABASE_URL": value}, "true")
    assert code == 0
    assert any("DATABASE_URL" in line for line in said) == warned
    assert "real" not in "".join(said)


@pytest.mark.parametrize(
    ("command", "targets", "code"),
    [("no-such-command", (), "run.not-found"), ("/etc/passwd", (), "run.not-executable"),
     ("true", ("stock",), "run.target")],
)  # fmt: skip
def test_a_loop_whose_command_does_not_start_is_ended(
    environment: dict[str, str], command: str, targets: tuple[str, ...], code: str
) -> None:
    starter = PlayedStarter()
    with pytest.raises(CustodyError) as caught:
        start(starter, environment, command, targets=targets)
    assert caught.value.code == code
    assert (starter.begun, starter.ended) == (1, 1)


def test_a_refused_loop_runs_nothing(environment: dict[str, str], tmp_path: Path) -> None:
    starter = PlayedStarter()
    starter.fails = CustodyError("loop.no-grant", "…")
    with pytest.raises(CustodyError):
        start(starter, environment, "touch", str(tmp_path / "ran"))
    assert starter.ended == 0
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def interruptible() -> Iterator[None]:
    """Whoever started the tests in the background left interrupts ignored."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("interruptible")
def test_an_interrupt_before_the_command_began_keeps_it_from_beginning(
    environment: dict[str, str], tmp_path: Path
) -> None:
    starter = PlayedStarter()
    starter.signal = signal.SIGINT
    with pytest.raises(KeyboardInterrupt):
        start(starter, environment, "touch", str(tmp_path / "ran"))
    assert (starter.begun, starter.ended) == (1, 1)
    assert list(tmp_path.iterdir()) == []


def test_the_exit_code_stands_though_the_loop_could_not_be_ended(
    environment: dict[str, str],
) -> None:
    starter = PlayedStarter()
    starter.signal = 0
    code, said = start(starter, environment, "sh", "-c", "exit 5")
    assert code == 5
    assert said == [
        "custody: the loop could not be ended, it ends when it expires: client.unreachable"
    ]


def test_a_folder_that_cannot_be_made_is_said_before_anything_begins(
    environment: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(**_: object) -> str:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("tempfile.mkdtemp", full)
    starter = PlayedStarter()
    with pytest.raises(CustodyError, match="No space left on device") as caught:
        start(starter, environment, "true")
    assert caught.value.code == "run.folder"
    assert starter.begun == 0


def test_authorities_that_nobody_can_read_are_said_with_the_listeners(
    environment: dict[str, str],
) -> None:
    starter = PlayedStarter()
    asked = RunRequest(("true",), LoopOptions(), local=True, quiet=True)
    with pytest.raises(CustodyError) as caught:
        run(asked, starter, environment, lambda _: None)
    assert caught.value.code == "run.local"
    assert starter.ended == 1


OWN = (ListenerDescription("postgres", "gw", 1, own_certificate=True),)
LOCAL = (ListenerDescription("postgres", "gw", 1),)


@pytest.mark.parametrize(
    ("listeners", "ca", "named", "trusted"),
    [
        (LOCAL, "LOCAL", "", "LOCAL\n"),
        (LOCAL, "LOCAL", "NAMED", "LOCAL\n"),
        (OWN, "LOCAL", "", "LOCAL\nSYSTEM\n"),
        (OWN, "", "NAMED", "NAMED\nSYSTEM\n"),
        (OWN, "", "", "SYSTEM\n"),
    ],
)
def test_the_systems_authorities_count_only_for_certificates_of_their_own(
    listeners: tuple[ListenerDescription, ...],
    ca: str,
    named: str,
    trusted: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(trust, "system_authorities", lambda: "SYSTEM\n")
    assert authority_of(GatewayDescription("gw", "1", ca, (), listeners), named) == trusted


def test_the_systems_authorities_are_certificates(monkeypatch: pytest.MonkeyPatch) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=trust.system_authorities())
    assert context.cert_store_stats()["x509_ca"] > 10
    monkeypatch.setenv("SSL_CERT_FILE", "/nowhere")
    monkeypatch.setattr(trust, "_BUNDLES", ())
    with pytest.raises(CustodyError, match="Install the package ca-certificates"):
        trust.system_authorities()
