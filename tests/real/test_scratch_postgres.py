"""The throwaway server itself: every test and the demo stand on it."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import psycopg
import pytest

from custody.demo import postgres_installation
from custody.demo.postgres_installation import ProgramSource, find_installation
from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres
from custody.model.errors import CustodyError

pytestmark = pytest.mark.real

BOTH = [ProgramSource.MACHINE, ProgramSource.WHEEL]


def needs(source: ProgramSource) -> None:
    try:
        find_installation(source)
    except CustodyError as error:
        pytest.skip(error.fault)


def cluster_owner(server: ScratchPostgres) -> int:
    return (server.directory / "cluster" / "postmaster.pid").stat().st_uid


@pytest.mark.parametrize("source", BOTH)
def test_serves_asks_for_passwords_and_leaves_nothing(source: ProgramSource) -> None:
    needs(source)
    with scratch_postgres(source=source) as server:
        server.create_role('o\'app "x"', "it's a \\ word")
        server.create_database('or"ders', owner='o\'app "x"')
        dsn = server.dsn('or"ders', user='o\'app "x"', password="it's a \\ word")
        with psycopg.connect(dsn) as connection:
            answer = connection.execute("SELECT current_user, current_database()").fetchone()
            assert answer == ('o\'app "x"', 'or"ders')
        with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
            psycopg.connect(server.dsn(password="wrong"))
        assert cluster_owner(server) != 0
        assert server.execute("SHOW password_encryption") == "scram-sha-256\n"
    assert not server.directory.exists()
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        psycopg.connect(server.dsn())


def test_tls_is_verified_where_the_server_has_it() -> None:
    needs(ProgramSource.MACHINE)
    with scratch_postgres(source=ProgramSource.MACHINE, tls=True) as server:
        dsn = f"{server.dsn()} sslmode=verify-full sslrootcert={server.certificate}"
        with psycopg.connect(dsn) as connection:
            query = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()"
            assert connection.execute(query).fetchone() == (True,)


def test_a_given_folder_stays_and_its_data_goes(tmp_path: Path) -> None:
    for folder in (tmp_path, *tmp_path.parents):
        if folder.name.startswith(("test_", "popen-", "pytest-")):
            folder.chmod(0o711)
    with scratch_postgres(tmp_path / "room") as server:
        assert server.directory == (tmp_path / "room").resolve()
    assert [path.name for path in (tmp_path / "room").iterdir()] == ["postgres.log"]


def test_dies_with_its_parent() -> None:
    script = """
import os, signal
from custody.demo.scratch_postgres import scratch_postgres
with scratch_postgres() as server:
    print(server.directory, server.port, flush=True)
    os.kill(os.getpid(), signal.SIGKILL)
"""
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=False
    )
    assert done.returncode == -signal.SIGKILL
    directory, port = done.stdout.split()
    deadline = time.monotonic() + 20
    while Path(directory).exists() and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not Path(directory).exists()
    with pytest.raises(psycopg.OperationalError, match="Connection refused"):
        psycopg.connect(host="127.0.0.1", port=int(port), user="postgres", password="x")


@pytest.mark.skipif(os.geteuid() != 0, reason="only root's programs can be out of others' reach")
def test_programs_out_of_reach_are_copied(monkeypatch: pytest.MonkeyPatch) -> None:
    needs(ProgramSource.WHEEL)
    reach = postgres_installation.within_reach
    monkeypatch.setattr(
        postgres_installation,
        "within_reach",
        lambda path: "site-packages" not in str(path) and reach(path),
    )
    with scratch_postgres(source=ProgramSource.WHEEL) as server:
        assert server.programs.is_relative_to(server.directory)
        assert server.execute("SELECT 1") == "1\n"


def test_what_the_server_refuses_is_said() -> None:
    with (
        pytest.raises(CustodyError, match="unrecognized configuration parameter"),
        scratch_postgres(settings={"no_such_setting": "1"}),
    ):
        pass
