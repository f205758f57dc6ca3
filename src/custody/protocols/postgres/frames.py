"""Bytes of PostgreSQL messages, version 3 ("Message Formats" in its documentation).

Law: what is written here are the gateway's own messages; what is read here is never written again.
A reader that meets malformed bytes raises ``WireError`` and nothing else.
"""

import struct
from collections.abc import Iterable
from typing import Final

from custody.model.errors import WireError
from custody.model.record import ErrorReport
from custody.model.refusal import Refusal
from custody.protocols.postgres.refusals import sqlstate

HEADER: Final = struct.Struct(">BI")
"""Type and length; the length counts itself but not the type."""
INT16: Final = struct.Struct(">h")
COUNT16: Final = struct.Struct(">H")
INT32: Final = struct.Struct(">i")
UINT32: Final = struct.Struct(">I")

PROTOCOL_3_0: Final = 196_608
PROTOCOL_3_2: Final = 196_610
CANCEL_REQUEST: Final = 80_877_102
SSL_REQUEST: Final = 80_877_103
GSSENC_REQUEST: Final = 80_877_104

SSL_REQUEST_BYTES: Final = struct.pack(">II", 8, SSL_REQUEST)

SYNC_MESSAGE: Final = b"S\x00\x00\x00\x04"

FAILING_QUERY: Final = b"Q\x00\x00\x00\x1ecustody_refused_a_command\x00"
"""A syntax error, whatever the session's settings."""
FAILING_DESCRIBE: Final = b"D\x00\x00\x00\x06!\x00"
"""Of a kind of thing that does not exist ("invalid DESCRIBE message subtype"). Any name could be
taken by a client; a failing Parse would drop the unnamed statement too.
"""

ERROR_TEXT_AT_MOST: Final = 8192


def frame(kind: bytes, body: bytes) -> bytes:
    return kind + UINT32.pack(len(body) + 4) + body


def startup(parameters: Iterable[tuple[str, str]], version: int = PROTOCOL_3_0) -> bytes:
    body = UINT32.pack(version)
    for name, value in parameters:
        body += name.encode() + b"\0" + value.encode() + b"\0"
    body += b"\0"
    return UINT32.pack(len(body) + 4) + body


def cancel_request(key: bytes) -> bytes:
    return UINT32.pack(len(key) + 8) + UINT32.pack(CANCEL_REQUEST) + key


def query(text: str) -> bytes:
    return frame(b"Q", text.encode() + b"\0")


def ready(status: str) -> bytes:
    return b"Z\x00\x00\x00\x05" + status.encode()


def error(refusal: Refusal) -> bytes:
    severity = "FATAL" if refusal.fatal else "ERROR"
    return _report(
        b"E",
        severity,
        sqlstate(refusal),
        refusal.message,
        refusal.detail,
        refusal.hint,
        refusal.position,
    )


def notice(text: str) -> bytes:
    return _report(b"N", "NOTICE", "00000", text)


def _report(  # noqa: PLR0917 - the fields of one message
    kind: bytes,
    severity: str,
    code: str,
    message: str,
    detail: str = "",
    hint: str = "",
    position: int = 0,
) -> bytes:
    fields = [("S", severity), ("V", severity), ("C", code), ("M", message)]
    if detail:
        fields.append(("D", detail))
    if hint:
        fields.append(("H", hint))
    if position:
        fields.append(("P", str(position)))
    body = b""
    for letter, text in fields:
        plain = text.replace("\0", "").encode(errors="replace")[:ERROR_TEXT_AT_MOST]
        body += letter.encode() + plain.decode(errors="ignore").encode() + b"\0"
    return frame(kind, body + b"\0")


class MalformedMessageError(WireError):
    """A message whose length is right and whose body is not. The server answers a client's with an
    error and reads on behind it.
    """


def malformed(what: str, blame: str = "client") -> WireError:
    return MalformedMessageError(
        "postgres.malformed", f"A malformed {what} message came.", blame=blame
    )


_FIELDS: Final = {
    83: "severity",  # S, localised; V overrides it where the server sends it (9.6 and later)
    86: "severity",
    67: "code",
    77: "message",
    68: "detail",
    72: "hint",
    87: "context",
    115: "schema",
    116: "relation",
    99: "column",
    110: "constraint",
}
_KEPT_AS_EXTRA: Final = frozenset("PpqdFLR")


def error_report(body: bytes, encoding: str = "utf-8") -> ErrorReport:
    """An ErrorResponse's or NoticeResponse's body. Total: a cut body gives what it holds."""
    known: dict[str, str] = {}
    extra: list[tuple[str, str]] = []
    position = 0
    while position < len(body) and body[position]:
        end = body.find(b"\0", position)
        if end < 0:
            end = len(body)
        text = body[position + 1 : end].decode(encoding, "replace")
        name = _FIELDS.get(body[position])
        if name is not None:
            known[name] = text
        elif chr(body[position]) in _KEPT_AS_EXTRA:
            extra.append((chr(body[position]), text))
        position = end + 1
    return ErrorReport(
        known.pop("severity", ""),
        known.pop("code", ""),
        known.pop("message", ""),
        extra=tuple(extra),
        **known,
    )
