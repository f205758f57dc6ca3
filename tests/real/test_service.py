"""The gateway as a service: it tells its supervisor, and needs no memory that is both written and
executed.
"""

import ctypes
import socket
import sys
from pathlib import Path

import psycopg
import pytest
from tests.real.configs import guarded
from tests.real.running import RunningGateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(120)]

_GET_MDWE = 66  # prctl(2), since Linux 6.3
_DENY = (
    "import ctypes,os,sys; "
    "sys.exit('no MDWE') if ctypes.CDLL(None).prctl(65, 1, 0, 0, 0) "
    "else os.execv(sys.argv[1], sys.argv[1:])"
)
"""What `MemoryDenyWriteExecute=yes` asks of the kernel; all children inherit it."""


def test_the_supervisor_hears_of_ready_and_of_the_end(tmp_path: Path) -> None:
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as supervisor:
        supervisor.bind(str(tmp_path / "notify"))
        supervisor.settimeout(30)
        environment = {"NOTIFY_SOCKET": str(tmp_path / "notify"), "WATCHDOG_USEC": "30000000"}
        gateway = RunningGateway(tmp_path / "gateway", "", environment)
        gateway.config.write_text(
            '[gateway]\nname = "gw"\n[listen.postgres]\naddress = "127.0.0.1:0"\n'
        )
        try:
            gateway.start()
            heard = {supervisor.recv(100) for _ in range(2)}
            assert heard == {b"WATCHDOG=1", b"READY=1"}
            gateway.stop()
            assert supervisor.recv(100) == b"STOPPING=1"
        finally:
            gateway.end()


@pytest.mark.skipif(
    ctypes.CDLL(None).prctl(_GET_MDWE, 0, 0, 0, 0) < 0, reason="this kernel has no PR_SET_MDWE"
)
def test_nothing_needs_memory_that_is_written_and_executed(
    postgres: ScratchPostgres, tmp_path: Path
) -> None:
    """Parsing, rules in CEL, detectors, TLS, sealing and the index, in all processes."""
    postgres.create_database("service")
    config = guarded(postgres, "service")
    gateway = RunningGateway(tmp_path / "gateway", config, {"TARGET_PASSWORD": postgres.password})
    try:
        gateway.start(wrapper=(sys.executable, "-c", _DENY))
        ticket = gateway.ticket()
        with psycopg.connect(gateway.tls_dsn(ticket, "orders"), autocommit=True) as connection:
            connection.execute("CREATE TABLE t (password text)")
            connection.execute("INSERT INTO t VALUES ('4111 1111 1111 1111')")
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                connection.execute("DELETE FROM t")
        found = [(item["text"], item["verdict"]) for item in gateway.commands()]
        assert ("DELETE FROM t", "deny") in found
        assert not [text for text, _ in found if "4111" in text]
        assert gateway.stop() == 0
        assert gateway.verify().returncode == 0
    finally:
        gateway.end()
