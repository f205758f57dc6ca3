"""A start that does not succeed: one sentence, and nothing is left of it."""

import datetime as dt
import os
import socket
import subprocess
import sys
from pathlib import Path

from custody.operations.init import initialise

CONFIG = """
[gateway]
name = "gw1.example.com"
[listen.postgres]
address = "127.0.0.1:{port}"
[login]
local = true
"""


def test_a_taken_address_is_one_sentence_and_the_log_is_closed_and_signed(tmp_path: Path) -> None:
    made = initialise(tmp_path / "gw", "gw1.example.com", dt.datetime.now(dt.UTC), os.urandom)
    custody = [sys.executable, "-m", "custody"]
    with socket.create_server(("127.0.0.1", 0)) as taken:
        made.config.write_text(CONFIG.format(port=taken.getsockname()[1]))
        done = subprocess.run(
            [*custody, "serve", "-c", made.config],
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
    assert (done.returncode, done.stdout) == (1, "")
    said = done.stderr.splitlines()[-1]
    assert said.startswith("custody: [listen.postgres] cannot listen on 127.0.0.1:")
    assert said.endswith("Choose another address, or stop what listens there.")
    assert "Traceback" not in done.stderr
    data = tmp_path / "gw" / "data"
    assert list((data / "run").iterdir()) == []
    verified = subprocess.run(
        [*custody, "verify", data, "-c", made.config], capture_output=True, check=False, timeout=60
    )
    assert verified.returncode == 0, verified.stdout
