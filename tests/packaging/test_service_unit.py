"""The unit file: what it takes away from the gateway, and that it starts what there is."""

import shutil
import subprocess
from pathlib import Path

import pytest

UNIT = Path(__file__).parents[2] / "packaging" / "custody.service"
THRESHOLD = "15"
"""Of `systemd-analyze security`, in tenths: 1.5 of 10, where 10 is exposed."""

REQUIRED = {
    "Type=notify",
    "WatchdogSec=60s",
    "User=custody",
    "StateDirectoryMode=0700",
    "UMask=0077",
    "LimitCORE=0",
    "NoNewPrivileges=yes",
    "CapabilityBoundingSet=",
    "ProtectSystem=strict",
    "ProtectHome=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
    "MemoryDenyWriteExecute=yes",
    "SystemCallFilter=@system-service",
}


def lines() -> list[str]:
    return [line.strip() for line in UNIT.read_text().splitlines() if line[:1] not in {"", "#"}]


def test_it_says_what_must_be_said() -> None:
    assert set(lines()) >= REQUIRED


def test_no_secret_is_given_through_the_environment() -> None:
    assert not [line for line in lines() if line.startswith(("Environment", "PassEnvironment"))]


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="needs systemd-analyze")
def test_it_leaves_little_exposed() -> None:
    words = ("systemd-analyze", "security", "--offline=true", f"--threshold={THRESHOLD}", str(UNIT))
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
