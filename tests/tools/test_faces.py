"""The check of faces: it finds what goes around one, and every face gives what it lists."""

import ast
import pkgutil
from importlib import import_module
from pathlib import Path

import pytest
from tools.faces import FACES, faces_of, main, ways_around

SOURCE = Path(__file__).resolve().parents[2] / "src"
THERE = faces_of(SOURCE)
LAZY = [face for face in THERE if hasattr(import_module(face), "_NAMES")]
PLAYED = {"custody.vault.aws": frozenset({"AwsStore"}), "custody.vault": frozenset({"Store"})}


def test_nothing_goes_around_a_face() -> None:
    assert main() == 0


@pytest.mark.parametrize("face", THERE)
def test_a_face_gives_every_name_that_it_lists(face: str) -> None:
    module = import_module(face)
    assert sorted(module.__all__) == sorted(set(module.__all__))
    for name in module.__all__:
        assert getattr(module, name) is not None
    assert face in FACES


@pytest.mark.parametrize("face", LAZY)
def test_a_lazy_face_and_its_types_agree(face: str) -> None:
    module = import_module(face)
    table = {f"{face}.{home}": set(names) for home, names in module._NAMES.items()}
    assert module.__file__ is not None
    tree = ast.parse(Path(module.__file__).read_text(encoding="utf-8"))
    typed = next(
        node
        for node in tree.body
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING"
    )
    imports = {
        node.module: {each.name for each in node.names}
        for node in typed.body
        if isinstance(node, ast.ImportFrom)
    }
    assert imports == table
    assert sorted(name for names in table.values() for name in names) == sorted(module.__all__)
    with pytest.raises(AttributeError, match="has no attribute 'Nonsense'"):
        _ = module.Nonsense


@pytest.mark.parametrize("face", LAZY)
def test_no_name_of_a_lazy_face_is_a_module_of_its_room(face: str) -> None:
    """Once that module is loaded, the name would be the module."""
    module = import_module(face)
    modules = {each.name for each in pkgutil.iter_modules(module.__path__)}
    assert not modules & set(module.__all__)


@pytest.mark.parametrize(
    ("line", "module", "found"),
    [
        ("from custody.vault.store import Store", "custody.app.stores", 1),
        ("from custody.vault.aws.client import AwsStore", "custody.app.stores", 1),
        ("def f():\n    from custody.vault.store import Store", "custody.cli.main", 1),
        ("from custody.vault import Store", "custody.app.stores", 0),
        ("from custody.vault.aws import AwsStore", "custody.app.stores", 0),
        ("from custody.vault.store import Store", "custody.vault.aws", 0),
        ("from custody.vaults.store import Store", "custody.app.stores", 0),
        ("import custody.vault.store", "custody.app.stores", 1),
        ("import custody.vault", "custody.app.stores", 0),
        ("from custody.vault import store", "custody.app.stores", 1),
        ("from custody.vault import aws", "custody.app.stores", 0),
    ],
)
def test_what_goes_around_a_face(line: str, module: str, found: int) -> None:
    assert len(list(ways_around(line, module, PLAYED))) == found


def test_a_benchmark_takes_by_the_face_what_it_gives() -> None:
    line = "from custody.vault.store import Store, inner"
    assert list(ways_around(line, "hot_path", PLAYED, given_only=True)) == [
        (1, "import Store from custody.vault, not from custody.vault.store")
    ]
    assert not list(
        ways_around("from custody.vault.store import inner", "x", PLAYED, given_only=True)
    )
