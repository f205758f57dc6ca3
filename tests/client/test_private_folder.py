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


def test_what_is_just_being_made_and_what_only_looks_like_ours_stays(tmp_path: Path) -> None:
    young = tmp_path / f"{PREFIX}young"
    young.mkdir()
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (tmp_path / f"{PREFIX}link").symlink_to(elsewhere)
    (tmp_path / f"{PREFIX}file").touch()
    old = tmp_path / f"{PREFIX}old"
    old.mkdir()
    os.utime(old, (0, 0))
    with private_folder({"XDG_RUNTIME_DIR": str(tmp_path)}):
        assert young.is_dir()
        assert elsewhere.is_dir()
        assert not old.exists()


def test_a_command_inside_does_not_hold_the_folder(tmp_path: Path) -> None:
    environment = {"XDG_RUNTIME_DIR": str(tmp_path)}
    killed = (
        "import os\n"
        "from custody.client.private_folder import private_folder\n"
        "with private_folder(os.environ):\n"
        "    os.posix_spawnp('sleep', ['sleep', '3'], os.environ)\n"
        "    os.kill(os.getpid(), 9)\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", killed],
        env={**os.environ, **environment},
        check=False,
        start_new_session=True,
    )
    assert process.returncode == -9
    (left,) = tmp_path.glob(f"{PREFIX}*")
    with private_folder(environment):
        assert not left.exists()
