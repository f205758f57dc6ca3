"""A name in a stack trace is an address: it stands for one thing, and a thing has a noun.

A public class has its name to itself among the rooms (the top packages under the given folder). No
module has a gerund or a participle for its head, the last word of its name: ``reader``, not
``reading``; ``refused_logins``, not ``refused``. Run with the package; exits 1 and names offenders.
"""

import ast
import sys
from collections import defaultdict
from pathlib import Path

NOUNS = {
    "keyring": "a ring of keys",
    "masking": "the field's word for what the room does",
    "meaning": "what a statement means",
    "need": "what somebody needed",
    "recording": "the field's word for what the room does",
}
"""Nouns that end as a gerund or a participle does, each with its reason."""

PARTICLES = {"in", "out", "on", "off", "up", "by", "at"}
"""Behind a verb these are part of it: ``signing_in``."""


def ambiguous_classes(package: Path) -> list[str]:
    """Public classes whose name more than one room has, with their rooms."""
    rooms: defaultdict[str, set[str]] = defaultdict(set)
    for path in sorted(package.rglob("*.py")):
        room = path.relative_to(package).parts[0].removesuffix(".py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef) and not node.name.startswith("_"):
                rooms[node.name].add(room)
    return [
        f"class {name} stands in {', '.join(sorted(found))}: one name for one thing"
        for name, found in sorted(rooms.items())
        if len(found) > 1
    ]


def verbal_modules(package: Path) -> list[str]:
    """Modules and packages that are named by a form of a verb."""
    paths = sorted(package.rglob("*.py"))
    names = {path: path.parent.name if path.name == "__init__.py" else path.stem for path in paths}
    return [
        f"{path}: {name} is a form of a verb; name what the module holds"
        for path, name in names.items()
        if is_verbal(name)
    ]


def is_verbal(name: str) -> bool:
    words = name.strip("_").split("_")
    head = words[-2] if len(words) > 1 and words[-1] in PARTICLES else words[-1]
    return head.endswith(("ing", "ed")) and head not in NOUNS


if __name__ == "__main__":
    folders = [Path(name) for name in sys.argv[1:]]
    offenders = [
        found for each in folders for found in (*ambiguous_classes(each), *verbal_modules(each))
    ]
    for line in offenders:
        print(line)
    sys.exit(1 if offenders else 0)
