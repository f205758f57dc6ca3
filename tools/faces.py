"""A room with a face is entered through it: other rooms import from the package, not from inside.

A face is a package in ``FACES`` whose ``__init__`` has an ``__all__``. Its own room's modules
import each other directly. Benchmarks reach inside what they measure, but take by the face what it
gives; tests go where they like. Exits 1 and names each import that goes around a face.
"""

import ast
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

FACES = (
    "custody.access",
    "custody.evidence",
    "custody.evidence.verifier",
    "custody.gateway",
    "custody.identity",
    "custody.identity.oidc",
    "custody.identity.saml",
    "custody.index",
    "custody.masking",
    "custody.policy",
    "custody.state",
    "custody.vault",
)


def names_of(init: Path) -> frozenset[str]:
    """What ``__all__`` of the file lists; empty where it has none, or is not there."""
    if not init.exists():
        return frozenset()
    for node in ast.parse(init.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "__all__":
            return frozenset(ast.literal_eval(node.value))
    return frozenset()


def faces_of(source: Path) -> dict[str, frozenset[str]]:
    """The faces that are there, innermost first, with the names that they give."""
    found = {face: names_of(source / face.replace(".", "/") / "__init__.py") for face in FACES}
    return {face: found[face] for face in sorted(found, reverse=True) if found[face]}


def ways_around(
    source: str, module: str, faces: Mapping[str, frozenset[str]], *, given_only: bool = False
) -> Iterator[tuple[int, str]]:
    """Lines of the module's text that go around a face. ``given_only``: where the face gives it."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            inner = [each.name for each in node.names if _face(each.name, faces) != each.name]
            for name in inner:
                face = _face(name, faces)
                if face and _room(module) != _room(face) and not given_only:
                    yield node.lineno, f"import from {face}, not {name}"
        if not isinstance(node, ast.ImportFrom) or node.module is None:
            continue
        face = _face(node.module, faces)
        if not face or _room(module) == _room(face):
            continue
        names = [each.name for each in node.names]
        if node.module == face:
            names = [each for each in names if not _is_given(each, face, faces)]
        if given_only:
            names = [each for each in names if each in faces[face]]
        if names:
            yield node.lineno, f"import {', '.join(names)} from {face}, not from {node.module}"


def _face(module: str, faces: Mapping[str, frozenset[str]]) -> str:
    """The innermost face that the module is behind, or is; empty where there is none."""
    return next((each for each in faces if f"{module}.".startswith(f"{each}.")), "")


def _is_given(name: str, face: str, faces: Mapping[str, frozenset[str]]) -> bool:
    return name in faces[face] or f"{face}.{name}" in faces


def _room(module: str) -> str:
    return ".".join(module.split(".")[:2])


def main() -> int:
    faces = faces_of(ROOT / "src")
    offenders = 0
    for folder, given_only in (("src", False), ("tools", False), ("bench", True)):
        for path in sorted((ROOT / folder).rglob("*.py")):
            module = ".".join(path.relative_to(ROOT / folder).with_suffix("").parts)
            text = path.read_text(encoding="utf-8")
            for line, what in ways_around(text, module, faces, given_only=given_only):
                print(f"{path.relative_to(ROOT)}:{line}: {what}")
                offenders += 1
    return 1 if offenders else 0


if __name__ == "__main__":
    sys.exit(main())
