"""JSON that means one thing only.

Law: the signer and the reader of a document must see the same one: no name twice, no NaN or
Infinity, no half of a surrogate pair; and reading it costs no more than its size allows.
"""

import json
from typing import Final, NoReturn

from custody.model.errors import CustodyError

MAX_DEPTH: Final = 16

Json = dict[str, object] | list[object] | str | int | float | bool | None


def read_object(data: bytes, what: str) -> dict[str, object]:
    """The object that ``data`` holds; ``what`` names it in the refusal."""
    try:
        found: object = json.loads(
            data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant
        )
    except (ValueError, RecursionError):
        # The parser's text quotes what it read; nobody gets to see that.
        raise _malformed(what) from None
    if not isinstance(found, dict) or not _sound(found):
        raise _malformed(what)
    return found


def _unique(pairs: list[tuple[str, object]]) -> dict[str, object]:
    # RFC 7519 §4 and RFC 7515 §4: refuse, or take the last; the last is what a forger would choose.
    found = dict(pairs)
    if len(found) != len(pairs):
        raise ValueError
    return found


def _no_constant(_text: str) -> NoReturn:
    raise ValueError


def _sound(found: object) -> bool:
    """Level by level, so that the depth of what was read is not the depth of this reading."""
    level = [found]
    for _ in range(MAX_DEPTH):
        below: list[object] = []
        for each in level:
            match each:
                case dict():
                    below += each.keys()
                    below += each.values()
                case list():
                    below += each
                case str():
                    if not _encodable(each):
                        return False
                case _:
                    pass
        if not below:
            return True
        level = below
    return False


def _encodable(text: str) -> bool:
    return text.isascii() or not any("\ud800" <= character <= "\udfff" for character in text)


def _malformed(what: str) -> CustodyError:
    return CustodyError("identity.malformed", f"{what} is not well formed.")
