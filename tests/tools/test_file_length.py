"""How long a file and how full a room may be."""

from pathlib import Path

from tools.file_length import FULLEST, LONGEST, main, too_full, too_long


def room(folder: Path, modules: int) -> Path:
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text('"""A room."""\n')
    for number in range(modules - 1):
        (folder / f"module_{number}.py").write_text("")
    return folder


def test_a_room_may_be_full_and_not_fuller(tmp_path: Path) -> None:
    room(tmp_path / "full", FULLEST)
    fuller = room(tmp_path / "full" / "fuller", FULLEST + 1)
    assert too_full([tmp_path]) == [(fuller, FULLEST + 1)]
    assert main([tmp_path]) == 1


def test_a_folder_that_is_no_package_holds_what_it_likes(tmp_path: Path) -> None:
    (room(tmp_path / "tests", FULLEST + 5) / "__init__.py").unlink()
    assert main([tmp_path]) == 0


def test_a_file_may_be_long_and_not_longer(tmp_path: Path) -> None:
    (tmp_path / "long.py").write_text("\n" * LONGEST)
    (tmp_path / "longer.py").write_text("\n" * (LONGEST + 1))
    assert too_long([tmp_path]) == [(tmp_path / "longer.py", LONGEST + 1)]
