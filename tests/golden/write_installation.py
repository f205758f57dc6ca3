"""Wrote ``installation-*``, once each, with the code of then, which is given as a folder:
``python -m tests.golden.write_installation FOLDER/src installation-N``.

Law: what it wrote is never written again; every later version must start from it as it is. Segments
are kept without the zeros behind their records, and without those that hold none: a gateway's files
are longer than what they hold, and a repository's need not be.
"""

import os
import shutil
import subprocess
import sys
import threading
import time
from pathlib import Path

import psycopg

from custody.demo.scratch_postgres import scratch_postgres

CONFIG = """
[gateway]
name = "gw1.example.com"
data = "data"

[listen.postgres]
address = "127.0.0.1:0"
cleartext = "loopback"

[[target]]
name = "orders"
protocol = "postgres"
address = "127.0.0.1:{port}"
tls = "off"
database = "postgres"
user = "postgres"
password = "env:TARGET_PASSWORD"

[[grant]]
groups = ["agents"]
targets = ["orders"]
effects = ["read"]
max_loop = "8760h"

[[mask]]
columns = ["*.password"]
[[mask]]
detect = ["card", "email", "secret"]
as = "token"
"""


def run(source: Path, folder: Path, *words: str) -> str:
    environment = {**os.environ, "PYTHONPATH": str(source), "TARGET_PASSWORD": "unused"}
    return subprocess.run(
        [sys.executable, "-m", "custody", *words],
        cwd=folder, env=environment, check=True, stdout=subprocess.PIPE, text=True,
    ).stdout.strip()  # fmt: skip


def write(source: Path, folder: Path) -> None:
    run(source, folder.parent, "init", str(folder), "--name", "gw1.example.com")
    with scratch_postgres() as server:
        (folder / "custody.toml").write_text(CONFIG.format(port=server.port))
        environment = {
            **os.environ, "PYTHONPATH": str(source), "TARGET_PASSWORD": server.password,
        }  # fmt: skip
        with (
            (folder / "out").open("wb") as out,
            subprocess.Popen(
                [sys.executable, "-m", "custody", "serve"], cwd=folder, env=environment, stdout=out
            ) as gateway,
        ):
            watchdog = threading.Timer(60, gateway.kill)
            watchdog.daemon = True
            watchdog.start()
            while "ready" not in (said := (folder / "out").read_text()).splitlines():
                time.sleep(0.1)
            port = said.partition("127.0.0.1:")[2].split()[0]
            create = ("ticket", "create", "--subject", "ada", "--group", "agents")
            ticket = run(source, folder, *create, "--ttl", "8760h", "--quiet")
            revoked = run(source, folder, *create, "--ttl", "1h", "--json")
            run(source, folder, "ticket", "revoke", _id(revoked))
            dsn = f"host=127.0.0.1 port={port} dbname=orders user=ada password={ticket}"
            with psycopg.connect(f"{dsn} sslmode=disable", autocommit=True) as connection:
                connection.execute("SELECT 'before the upgrade'")
                connection.execute("SELECT 'ada@example.com'")
            time.sleep(3)
            gateway.terminate()
    tidy(folder)


def _id(document: str) -> str:
    return "tkt_" + document.partition("tkt_")[2].partition('"')[0]


def tidy(folder: Path) -> None:
    (folder / "out").unlink()
    segments = folder / "data" / "evidence" / "segments"
    shutil.rmtree(folder / "data" / "run", ignore_errors=True)
    for path in [segments / "reserve", *segments.glob("*/*.seg")]:
        data = path.read_bytes().rstrip(b"\0")
        path.write_bytes(data)
        if not data:
            path.unlink()


if __name__ == "__main__":
    place = Path(__file__).with_name(sys.argv[2])
    if place.exists():
        sys.exit(f"{place} is there, and stays as it is")
    write(Path(sys.argv[1]), place)
