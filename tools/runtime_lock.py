"""The lock of the container: of what requirements-dev.lock names, all that a gateway with a console
imports, and nothing else.

Law: it is worked out from the packages that are installed in .venv at the lock's versions, for
every Python that the lock is for; no index is asked.

    python -m tools.runtime_lock check    whether packaging/requirements.lock is what it would write
    python -m tools.runtime_lock write    writes it (`make lock` does, behind the other)
"""

import re
import sys
import tomllib
from importlib import metadata

from packaging.requirements import Requirement
from tools.lock import LOCK, PYTHONS, ROOT, same

FILE = "packaging/requirements.lock"
HEADER = """\
# What the container installs: a gateway with a console. `make lock` writes it from
# requirements-dev.lock.
"""
_BLOCK = re.compile(r"^([A-Za-z0-9][A-Za-z0-9._-]*)==.*?(?=^\S|\Z)", re.MULTILINE | re.DOTALL)


def needed(wanted: list[str]) -> set[str]:
    """Names of the packages, and of all that they need in turn."""
    names: set[str] = set()
    waiting = [Requirement(each) for each in wanted]
    while waiting:
        requirement = waiting.pop()
        if (name := same(requirement.name)) not in names:
            names.add(name)
            needs = map(Requirement, metadata.requires(name) or ())
            waiting += [each for each in needs if _holds(each, requirement.extras)]
    return names


def _holds(requirement: Requirement, extras: set[str]) -> bool:
    marker = requirement.marker
    return marker is None or any(
        marker.evaluate({"extra": extra, "python_version": python})
        for extra in ("", *extras)
        for python in PYTHONS
    )


def chosen(lock: str, names: set[str]) -> str:
    """The lock's own blocks for these. Raises ``KeyError`` with one that it does not have."""
    blocks = {same(match[1]): match[0] for match in _BLOCK.finditer(lock)}
    return HEADER + "".join(blocks[name] for name in sorted(names))


def written() -> str:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = [*project["dependencies"], *project["optional-dependencies"]["console"]]
    return chosen((ROOT / LOCK).read_text(encoding="utf-8"), needed(wanted))


def main(call: str) -> int:
    place = ROOT / FILE
    if call == "write":
        place.write_text(written(), encoding="utf-8")
        return 0
    if not place.exists() or place.read_text(encoding="utf-8") != written():
        print(f"{FILE} is not what {LOCK} says: python -m tools.runtime_lock write")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
