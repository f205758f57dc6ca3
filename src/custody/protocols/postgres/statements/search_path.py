"""The schemas in which an unqualified name may be found.

Law: all candidates, never a guess: PostgreSQL takes the first schema on its path that has the name,
and the gateway counts every one that could be that first.
"""

from collections.abc import Iterable, Iterator
from typing import Final

Path = tuple[str, ...]
"""A search_path's elements as written: ``$user`` unexpanded, ``pg_catalog`` only where named."""

CATALOG: Final = "pg_catalog"
TEMPORARY: Final = "pg_temp"
_NAME_AT_MOST: Final = 63  # NAMEDATALEN - 1, in bytes


def schemas(paths: frozenset[Path] | None, roles: frozenset[str] | None) -> tuple[str, ...] | None:
    """The schemas that any of the paths may search, ``pg_catalog`` included, without ``pg_temp``;
    ``None`` where it may be any. Their order carries no meaning beyond being stable.
    """
    if paths is None:
        return None
    found: dict[str, None] = {CATALOG: None}
    for path in sorted(paths):
        for element in path:
            if element == "$user":
                if roles is None:
                    return None
                found.update(dict.fromkeys(sorted(roles)))
            elif element != TEMPORARY:
                # As an identifier's, the server drops what is beyond its longest name.
                found[element.encode()[:_NAME_AT_MOST].decode(errors="ignore")] = None
    return tuple(found)


def settings_asked(parameters: Iterable[tuple[str, str]]) -> Iterator[tuple[str, str]]:
    """Settings that a client's start-up parameters ask for, ``options`` taken apart.

    An ``options`` that cannot be taken apart gives the name ``""``: it may have set anything. It
    is applied before the parameters that stand by themselves (postinit.c, process_startup_options).
    """
    plain: list[tuple[str, str]] = []
    for name, value in parameters:
        if name == "options":
            yield from _options(value)
        else:
            plain.append((name.lower(), value))
    yield from plain


def _options(value: str) -> Iterator[tuple[str, str]]:
    """``-c name=value`` and ``--name=value``, split as pg_split_opts does."""
    words = iter(_split(value))
    for word in words:
        if word == "-c":
            setting = next(words, "")
        elif word.startswith(("-c", "--")):
            setting = word[2:]
        else:
            yield "", ""
            continue
        name, equals, text = setting.partition("=")
        if not equals:
            yield "", ""
            continue
        yield name.lower().replace("-", "_"), text


def _split(value: str) -> Iterator[str]:
    """Words at white space; a backslash keeps the character behind it."""
    word: list[str] = []
    inside = False
    characters = iter(value)
    for character in characters:
        if character in " \t\n\r\f\v":  # C's isspace; others belong to the word
            if inside:
                yield "".join(word)
            word, inside = [], False
            continue
        inside = True
        word.append(next(characters, "") if character == "\\" else character)
    if inside:
        yield "".join(word)
