"""The way of a statement, as CONTRIBUTING.md tells it, is the way that the code goes."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "CONTRIBUTING.md"
OTHERS = [ROOT / "docs" / "development.md", *sorted((ROOT / "docs" / "adr").glob("*.md"))]
TEXT = PAGE.read_text(encoding="utf-8")
NAMED = sorted(set(re.findall(r"`([\w/]+\.py):([\w.]+)`", TEXT)))
PLACE = re.compile(r"`((?:[a-z_]+/)*[a-z_]+(?:\.[a-z]+)?)(?::[\w.]+)?`")


def places() -> Iterator[object]:
    """What has a slash and no more than a path has; on other pages, modules alone."""
    for page in (PAGE, *OTHERS):
        for place in sorted(set(PLACE.findall(page.read_text(encoding="utf-8")))):
            if "/" in place and (page is PAGE or place.endswith(".py")):
                yield pytest.param(page, place, id=f"{page.name}-{place}")


def names_in(body: list[ast.stmt]) -> dict[str, list[ast.stmt]]:
    """What a module or a class names, each with what stands in it."""
    found: dict[str, list[ast.stmt]] = {}
    for node in body:
        match node:
            case ast.ClassDef(name=name, body=inner):
                found[name] = inner
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                found[name] = []
            case ast.AnnAssign(target=ast.Name(id=name)):
                found[name] = []
            case ast.Assign(targets=targets):
                found |= {each.id: [] for each in targets if isinstance(each, ast.Name)}
            case _:
                pass
    return found


def stands(name: str, source: str) -> bool:
    """Whether ``Class.method``, a function or a constant is there."""
    names = names_in(ast.parse(source).body)
    for part in name.split("."):
        if part not in names:
            return False
        names = names_in(names[part])
    return True


def test_there_is_something_to_check() -> None:
    assert len(NAMED) > 60


@pytest.mark.parametrize(("file", "name"), NAMED)
def test_a_name_is_where_it_is_said_to_be(file: str, name: str) -> None:
    assert stands(name, (ROOT / "src" / "custody" / file).read_text(encoding="utf-8"))


@pytest.mark.parametrize(("page", "place"), list(places()))
def test_a_place_is_there(page: Path, place: str) -> None:
    assert any((folder / place).exists() for folder in (ROOT / "src" / "custody", ROOT)), page


@pytest.mark.parametrize(
    ("name", "there"),
    [
        ("Gate.judge", True),
        ("Gate", True),
        ("LIMIT", True),
        ("Either", True),
        ("judge", False),
        ("Gate.refuse", False),
        ("Gate.judge.inner", False),
    ],
)
def test_a_method_is_found_in_its_class_alone(name: str, there: bool) -> None:  # noqa: FBT001 - a case's answer
    source = "LIMIT: int = 1\nEither = int | str\nclass Gate:\n    async def judge(self): ..."
    assert stands(name, source) is there
