"""Secrets in memory.

Law: a secret never appears in a repr, a traceback, a log line or an encoded record; the only way
to its characters is ``reveal``, so that every use can be found by searching for that word.
"""

from typing import Final, NoReturn


class Secret:
    """Characters that must not be shown. Compares by identity only, cannot be pickled."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value: Final = value

    def reveal(self) -> str:
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a secret cannot be serialised")
