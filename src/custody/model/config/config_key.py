"""One key of the configuration: how it is read, and what it says to an operator.

Law: a room declares each key of its table once, on the field that the room itself uses; reader,
form and meaning stand there together, so that neither code nor documents can say otherwise.
"""

from collections.abc import Callable
from typing import Final, Generic, TypeVar

import msgspec

T = TypeVar("T")
T_co = TypeVar("T_co", covariant=True)


class ValueReader(Generic[T_co]):
    """Takes what TOML gave, or raises ``UnfitValueError``. ``form`` is how the documents write such
    a value.
    """

    def __init__(self, read: Callable[[object], T_co], form: str) -> None:
        self._read: Final = read
        self.form: Final = form

    def __call__(self, value: object) -> T_co:
        return self._read(value)


def reads(form: str) -> Callable[[Callable[[object], T]], ValueReader[T]]:
    """Makes a function a reader."""
    return lambda read: ValueReader(read, form)


class ConfigKey(msgspec.Struct, frozen=True):
    """Stands in a field's ``Annotated``. A field without one is no key."""

    read: ValueReader[object]
    says: str
    default: str = ""
    """What holds where the key is absent, if that is not the field's own default."""
    form: str = ""
    """How the documents write the value, if not as its reader says."""
    file: bool = False
    """Whether a path must be a file that can be read before anything starts."""
    after: str = ""
    """The field that the documents list before this one, if it is not the one declared before."""


class FilePath(str):
    """A path as it was written. The configuration makes it a ``Path``, from the file's folder."""

    __slots__ = ()


class UnfitValueError(Exception):
    """What a value should be; the caller knows where it stands."""

    def __init__(self, wanted: str, code: str = "config.value") -> None:
        super().__init__(wanted)
        self.wanted: Final = wanted
        self.code: Final = code
