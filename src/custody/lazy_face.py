"""Faces of rooms whose modules load when a name of theirs is first used (PEP 562).

Law: a face adds nothing to the names that it gives. Importing a room by a lazy face loads none of
its modules, so a command pays for what it uses, and the verifier never meets the writing half.
"""

from collections.abc import Callable, Mapping, Sequence
from importlib import import_module


def lazy_face(room: str, names: Mapping[str, Sequence[str]]) -> Callable[[str], object]:
    """The ``__getattr__`` of the package ``room``. ``names`` are those that each module gives; the
    modules are named below the room. None of them may have a module's name: an imported module
    becomes an attribute of its package, and would stand in the place of what is given.
    """
    homes = {name: f"{room}.{module}" for module, given in names.items() for name in given}
    hidden = homes.keys() & {module.partition(".")[0] for module in names}
    if hidden:
        raise ValueError(f"{room} gives names that its modules have: {', '.join(sorted(hidden))}")

    def find(name: str) -> object:
        if name not in homes:
            raise AttributeError(f"module {room!r} has no attribute {name!r}")
        return getattr(import_module(homes[name]), name)

    return find
