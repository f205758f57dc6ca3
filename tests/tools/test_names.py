"""The check of names: it finds what it is for, and the source passes it."""

from pathlib import Path

import pytest
from tools.names import ambiguous_classes, is_verbal, verbal_modules

PAGE = "class Page: ..."
PACKAGE = Path(__file__).resolve().parents[2] / "src" / "custody"


def written(folder: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
    return folder


def test_the_source_has_one_name_for_one_thing() -> None:
    assert not ambiguous_classes(PACKAGE)
    assert not verbal_modules(PACKAGE)


def test_a_class_of_two_rooms_is_named_with_both(tmp_path: Path) -> None:
    package = written(tmp_path, {"index/day.py": PAGE, "web/render.py": PAGE})
    assert ambiguous_classes(package) == ["class Page stands in index, web: one name for one thing"]


@pytest.mark.parametrize(
    "files",
    [
        {"index/day.py": PAGE, "index/hour.py": PAGE},
        {"index/day.py": "class _Page: ...", "web/render.py": "class _Page: ..."},
        {"index/day.py": "class Page:\n    class Row: ...", "web/render.py": "class Row: ..."},
    ],
)
def test_only_public_classes_of_other_rooms_count(tmp_path: Path, files: dict[str, str]) -> None:
    assert not ambiguous_classes(written(tmp_path, files))


@pytest.mark.parametrize(
    ("name", "verbal"),
    [
        ("reading", True),
        ("asked", True),
        ("signing_in", True),
        ("log_reading", True),
        ("reader", False),
        ("refused_logins", False),
        ("expiring_map", False),
        ("built_in", False),
        ("keyring", False),
        ("need", False),
        ("__init__", False),
    ],
)
def test_a_module_is_a_noun(name: str, verbal: bool) -> None:  # noqa: FBT001 - a case's answer
    assert is_verbal(name) is verbal


def test_a_package_is_a_module_too(tmp_path: Path) -> None:
    (found,) = verbal_modules(written(tmp_path, {"web/reading/__init__.py": ""}))
    assert found.endswith("reading is a form of a verb; name what the module holds")
