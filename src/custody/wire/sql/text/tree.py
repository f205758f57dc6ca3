"""PostgreSQL's own parser, as far as it is needed: trees, tokens, fingerprints, PL/pgSQL bodies.

Law: this is the only module that touches the C library, which can crash the process on hostile
text. Nothing here may be called in a process that holds a key, a socket or another's session.
"""

import ctypes
from importlib import import_module
from typing import Any, Final, cast

import msgspec

from custody.model.errors import CustodyError
from custody.wire.sql.text.node import Node

# Imported by name: the stubs that come with them are not valid Python to a type checker.
lib: Final[Any] = import_module("postgast.native").lib
ScanResult: Final[Any] = import_module("postgast.pg_query_pb2").ScanResult

_DECODER: Final = msgspec.json.Decoder(Node)
_ANY_DECODER: Final = msgspec.json.Decoder()


class SyntaxFaultError(CustodyError):
    """PostgreSQL's parser refused the text. ``message`` is the parser's own: it quotes the text and
    is for its sender alone. ``position`` counts characters from 1; 0: none.
    """

    def __init__(self, message: str = "", position: int = 0) -> None:
        super().__init__("sql.syntax", "The statement is not valid SQL for PostgreSQL's parser.")
        self.message: Final = message
        self.position: Final = position


def parse(text: bytes) -> list[Node]:
    """The raw statements of a text; ``stmt_location`` and ``stmt_len`` count bytes."""
    result = lib.pg_query_parse(text)
    try:
        if result.error:
            fault = result.error.contents
            message = (fault.message or b"").decode(errors="replace")
            raise SyntaxFaultError(message, max(0, fault.cursorpos))
        tree = _DECODER.decode(result.parse_tree)
    finally:
        lib.pg_query_free_parse_result(result)
    return cast("list[Node]", tree.get("stmts", []))


def fingerprint(text: bytes) -> str:
    """libpg_query's fingerprint, 16 hexadecimal digits. Constants do not enter it."""
    result = lib.pg_query_fingerprint(text)
    try:
        if result.error:
            raise SyntaxFaultError
        return cast("str", result.fingerprint_str.decode("ascii"))
    finally:
        lib.pg_query_free_fingerprint_result(result)


# Token numbers of libpg_query's scanner (protobuf enum Token), by the scanner's own names.
TOKEN_NUMBERS: Final = {
    name: number
    for name, number in ScanResult.DESCRIPTOR.file.enum_types_by_name[
        "Token"
    ].values_by_name.items()
    for number in (number.number,)
}
INTEGER: Final = TOKEN_NUMBERS["ICONST"]
MINUS: Final = TOKEN_NUMBERS["ASCII_45"]
UESCAPE: Final = TOKEN_NUMBERS["UESCAPE"]
STRINGS: Final = frozenset(
    TOKEN_NUMBERS[name] for name in ("SCONST", "USCONST", "BCONST", "XCONST")
)
NUMBERS: Final = frozenset((INTEGER, TOKEN_NUMBERS["FCONST"]))
TRUTHS: Final = frozenset((TOKEN_NUMBERS["TRUE_P"], TOKEN_NUMBERS["FALSE_P"]))
COMMENTS: Final = frozenset((TOKEN_NUMBERS["SQL_COMMENT"], TOKEN_NUMBERS["C_COMMENT"]))


def scan(text: bytes) -> Any:  # noqa: ANN401  # a sequence of protobuf messages
    """All tokens, each with ``start``, ``end`` and ``token``, its number; positions in bytes."""
    result = lib.pg_query_scan(text)
    try:
        if result.error:
            raise SyntaxFaultError
        data = ctypes.string_at(result.pbuf.data, result.pbuf.len)
    finally:
        lib.pg_query_free_scan_result(result)
    return ScanResult.FromString(data).tokens


def tokens(text: bytes) -> list[tuple[int, int, int]]:
    """All tokens as (start, end, number), positions in bytes."""
    return [(token.start, token.end, token.token) for token in scan(text)]


def parse_body(definition: bytes) -> list[Any]:
    """The PL/pgSQL functions of a CREATE FUNCTION or DO text."""
    result = lib.pg_query_parse_plpgsql(definition)
    try:
        if result.error:
            raise SyntaxFaultError
        return cast("list[Any]", _ANY_DECODER.decode(result.plpgsql_funcs))
    finally:
        lib.pg_query_free_plpgsql_parse_result(result)
