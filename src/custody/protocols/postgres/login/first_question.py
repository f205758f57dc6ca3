"""The one question that the gateway asks a session itself, before its client is let in.

Law: it is asked as part of the login, in the session that the client will have, so that what the
role, the database and the client's own parameters made of it is known and not guessed. What was not
answered counts as unknown.
"""

from typing import Final

import msgspec

from custody.protocols.postgres.frames import COUNT16, INT32
from custody.protocols.postgres.values.encoding_names import python_encoding

FIRST_QUESTION: Final = """\
SELECT pg_catalog.current_setting('search_path'), CURRENT_USER::pg_catalog.text,
       pg_catalog.current_setting('standard_conforming_strings')"""


class SessionFacts(msgspec.Struct, frozen=True):
    """What holds when a session begins."""

    search_path: str
    role: str
    conforming: bool
    """``standard_conforming_strings`` is on."""


def facts_in(body: bytes, client_encoding: str) -> SessionFacts | None:
    """The answer in a DataRow's body; ``None`` where it is not one."""
    values: list[bytes] = []
    position = 2
    if len(body) < 2 or COUNT16.unpack_from(body)[0] != 3:
        return None
    while len(values) < 3:
        if position + 4 > len(body):
            return None
        length = INT32.unpack_from(body, position)[0]
        position += 4
        if length < 0 or position + length > len(body):
            return None
        values.append(body[position : position + length])
        position += length
    try:
        path, role, conforming = (
            value.decode(python_encoding(client_encoding)) for value in values
        )
    except UnicodeDecodeError:
        return None
    return SessionFacts(path, role, conforming=conforming == "on")
