"""A protocol is one folder: with it on the path, everything serves it, and nothing else changed.

Law: the gateway here is the real one, under its own commands; the folder is written by the test.
"""

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDER = '''
"""The toy protocol of lines."""

from tests.protocols.toys.line_codec import CODES, line_wire
from tests.protocols.toys.line_terminator import line_terminator


class ToyLines:
    name = "toylines"
    application_protocol = "toylines"
    codes = CODES
    inquirer = None
    read_alone = None

    def wire(self, options):
        return {face}()


PROTOCOL = ToyLines()
'''
SETTINGS = '''
"""Its own keys: a greeting, and a key that may stand in the place of a password."""

from typing import Annotated

import msgspec

from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.config.protocol_settings import ProtocolSettings
from custody.model.secret import SecretReference


class LineTarget(msgspec.Struct, frozen=True, kw_only=True):
    greeting: Annotated[str, ConfigKey(read.some_text, "What it is greeted with.")]
    key: Annotated[
        SecretReference | None, ConfigKey(read.secret_reference, "Where its key is.", "none")
    ] = None


SETTINGS = ProtocolSettings(
    target=LineTarget,
    target_lacks=frozenset({"tls", "ca", "database"}),
    listener_lacks=frozenset({"cert", "key", "cleartext", "oauth"}),
)
'''
COMMAND = (
    "import sys; from custody import protocols; protocols.__path__.append(sys.argv.pop(1)); "
    "from custody.cli.main import main; main()"
)
CONFIG = """
[gateway]
name = "gw1.example.com"

[listen.toylines]
address = "127.0.0.1:0"

[[target]]
name = "lines"
protocol = "toylines"
address = "127.0.0.1:{port}"
password = "plain:real-password"

[[grant]]
groups = ["agents"]
targets = ["lines"]
effects = ["read", "write"]

[[rule]]
name = "no-deletes"
when = "command.action == 'DELETE'"
then = "deny"
reason = "nothing is deleted here"

[login]
local = true
"""


class LineServer:
    """Answers every line with ``ok <line>``."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self._socket = socket.create_server(("127.0.0.1", 0))
        self.port: int = self._socket.getsockname()[1]
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._socket.accept()
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with connection, contextlib.suppress(OSError), connection.makefile("rwb") as file:
            for line in file:
                self.seen.append(line.decode().strip())
                file.write(b"ok " + line)
                file.flush()

    def close(self) -> None:
        self._socket.close()


class Installation:
    def __init__(self, folder: Path, face: str, port: int) -> None:
        package = folder / "protocols" / "toylines"
        package.mkdir(parents=True)
        (package / "__init__.py").write_text('"""Lines."""\n')
        (package / "protocol.py").write_text(FOLDER.replace("{face}", face))
        self.words = [sys.executable, "-c", COMMAND, str(folder / "protocols")]
        self.home = folder / "gw"
        self.environment = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
        self.custody("init", str(self.home), configured=False)
        (self.home / "custody.toml").write_text(CONFIG.format(port=port))

    def custody(self, *words: str, configured: bool = True) -> str:
        done = self.run(*words, configured=configured)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def run(self, *words: str, configured: bool = True) -> subprocess.CompletedProcess[str]:
        config = ("-c", str(self.home / "custody.toml")) if configured else ()
        return subprocess.run(
            [*self.words, *words, *config],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @contextlib.contextmanager
    def serving(self) -> Iterator[int]:
        """The port of its listener."""
        process = subprocess.Popen(
            [*self.words, "serve", "-c", str(self.home / "custody.toml")],
            env=self.environment,
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            port = 0
            for line in process.stdout:
                if line.startswith("listening toylines "):
                    port = int(line.rpartition(":")[2])
                if line == "ready\n":
                    break
            assert port
            yield port
        finally:
            process.terminate()
            process.communicate(timeout=30)
            assert process.returncode == 0


@pytest.mark.parametrize("face", ["line_wire", "line_terminator"])
def test_a_folder_is_a_protocol(face: str, tmp_path: Path) -> None:
    server = LineServer()
    installed = Installation(tmp_path, face, server.port)
    with installed.serving() as port:
        made = installed.custody(
            "ticket", "create", "--subject", "ada", "--group", "agents", "--ttl", "1h"
        )
        ticket = next(word for word in made.split() if word.startswith("ct_"))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as client,
            client.makefile("rwb") as file,
        ):
            file.write(f"LOGIN lines {ticket}\n".encode())
            file.flush()
            assert file.readline() == b"welcome\n"
            for sent, answer in (
                ("SELECT 1", "ok SELECT 1"),
                ("DELETE x", "!denied custody denied this command: nothing is deleted here"),
                ("SELECT 2", "ok SELECT 2"),
            ):
                file.write(sent.encode() + b"\n")
                file.flush()
                assert file.readline().decode().strip() == answer
    server.close()
    assert server.seen == ["hello real-password", "SELECT 1", "SELECT 2"]
    found = json.loads(installed.custody("search", "--json"))["items"]
    assert {(each["text"], each["verdict"], each["outcome"]) for each in found} == {
        ("SELECT 1", "allow", "ok"),
        ("DELETE x", "deny", "refused"),
        ("SELECT 2", "allow", "ok"),
    }
    assert "PROVED" in installed.custody("verify", str(installed.home / "data"))


def test_a_protocol_has_keys_of_its_own(tmp_path: Path) -> None:
    server = LineServer()
    installed = Installation(tmp_path, "line_terminator", server.port)
    folder = tmp_path / "protocols" / "toylines"
    (folder / "settings.py").write_text(SETTINGS)
    protocol = (folder / "protocol.py").read_text()
    without_tls = protocol.replace(
        'application_protocol = "toylines"', "application_protocol = None"
    )
    (folder / "protocol.py").write_text(without_tls)
    config = installed.home / "custody.toml"
    shared = config.read_text()
    refused = installed.run("policy", "check")
    assert refused.returncode == 3
    assert "target[0]: The key `greeting` is missing. What it is greeted with." in refused.stderr

    own = 'greeting = "good-day"\nkey = "plain:real-key"'
    config.write_text(shared.replace('password = "plain:real-password"', f'{own}\ntls = "off"'))
    refused = installed.run("policy", "check")
    assert refused.returncode == 3
    assert "target[0].tls: This key is not known." in refused.stderr

    config.write_text(shared.replace("[[grant]]", f"{own}\n\n[[grant]]", 1))
    refused = installed.run("policy", "check")
    assert refused.returncode == 3
    assert "target[0].key: It has a `password` and a `key`" in refused.stderr

    config.write_text(shared.replace('password = "plain:real-password"', own))
    with installed.serving() as port:
        made = installed.custody(
            "ticket", "create", "--subject", "ada", "--group", "agents", "--ttl", "1h"
        )
        ticket = next(word for word in made.split() if word.startswith("ct_"))
        with (
            socket.create_connection(("127.0.0.1", port), timeout=20) as client,
            client.makefile("rwb") as file,
        ):
            file.write(f"LOGIN lines {ticket}\n".encode())
            file.flush()
            assert file.readline() == b"welcome\n"
    server.close()
    assert server.seen == ["good-day real-key"]
