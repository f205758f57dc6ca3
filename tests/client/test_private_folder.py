"""The folder of a run: private, gone afterwards, and cleared away after a kill -9."""

import os
import subprocess
import sys
from pathlib import Path

from custody.client.private_folder import PREFIX, private_folder, write_private


def test_it_is_private_and_gone_afterwards(tmp_path: Path) -> None:
    with private_folder({"XDG_RUNTIME_DIR": str(tmp_path)}) as folder:
        assert folder.parent == tmp_path
        assert folder.stat().st_mode & 0o777 == 0o700
        write_private(folder / "ticket", "x")
        assert (folder / "ticket").stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == []


def test_what_a_kill_left_behind_is_cleared_by_the_next_start(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    killed = (
        "import os\n"
        "from custody.client.private_folder import private_folder\n"
        "with private_folder(os.environ):\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    subprocess.run([sys.executable, "-c", killed], env={**os.environ, **environment}, check=False)
    (left,) = tmp_path.glob(f"{PREFIX}*")
    with private_folder(environment):
        assert not left.exists()


def test_the_folder_of_a_run_that_goes_on_stays(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    with private_folder(environment) as first, private_folder(environment) as second:
        assert first != second
        assert first.is_dir()
