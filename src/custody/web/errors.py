"""Answers: what went wrong, in OAuth's words and ours.

Law: RFC 6749 §5.2's form for every error; a client sees an error's text only if its code begins
with one of ``PUBLIC_CODES``; any other error becomes one fixed sentence.
"""

from typing import Final

import msgspec
from litestar import MediaType, Response

from custody.model.errors import CustodyError, LogFailureError

PUBLIC_CODES: Final = ("login.", "identity.", "exchange.", "loop.", "ticket.", "web.")
"""Codes whose sentences are written for clients."""

_OAUTH: Final = {
    "login.code": "invalid_grant",
    "login.device-code": "expired_token",
    "login.denied": "access_denied",
    "login.declined": "access_denied",
    "login.local-off": "access_denied",
    "loop.scope": "invalid_scope",
}
_BUSY: Final = frozenset({"login.too-many", "login.provider-slow", "identity.unreachable"})
"""Codes of what may well succeed later."""


class Fault(msgspec.Struct, frozen=True):
    """What went wrong. ``code`` is Custody's own, stable and listed in errors.md."""

    error: str
    error_description: str
    code: str


class RequestRefusedError(CustodyError):
    """The web room itself refuses: the status says how, ``error`` in OAuth's words."""

    def __init__(
        self, code: str, fault: str, cure: str = "", *, status: int = 400, error: str = ""
    ) -> None:
        super().__init__(code, fault, cure)
        self.status: Final = status
        self.error: Final = error or ("invalid_request" if status < 500 else "server_error")


def public_sentences(error: CustodyError) -> tuple[str, str]:
    """The fault and the cure of a public error."""
    if error.code.startswith(PUBLIC_CODES) and not isinstance(error, LogFailureError):
        return error.fault, error.cure
    return "The gateway cannot do this now.", "Its operator finds the cause in its log."


def status_of(error: CustodyError) -> int:
    if isinstance(error, RequestRefusedError):
        return error.status
    if error.code in _BUSY or not error.code.startswith(PUBLIC_CODES):
        return 503
    return 404 if error.code == "login.provider" else 400


def fault_of(error: CustodyError) -> Fault:
    return Fault(
        _word(error), printable_description(" ".join(public_sentences(error)).strip()), error.code
    )


def _word(error: CustodyError) -> str:
    if isinstance(error, RequestRefusedError):
        return error.error
    if status_of(error) == 503:
        return "temporarily_unavailable"
    known = _OAUTH.get(error.code)
    if known is not None:
        return known
    # RFC 8693 §2.2.2: an unfit token is an invalid request.
    return "access_denied" if error.code.startswith("loop.") else "invalid_request"


def printable_description(text: str) -> str:
    """In the characters that RFC 6749 §5.2 allows a description."""
    plain = text.replace('"', "'").replace("\\", "/").replace("…", "...")
    return "".join(sign if " " <= sign <= "~" else "?" for sign in plain)


def refusal_body(error: CustodyError) -> bytes:
    return msgspec.json.encode(fault_of(error))


def refusal(error: CustodyError) -> Response[bytes]:
    headers = {}
    if status_of(error) == 401:
        headers["WWW-Authenticate"] = 'Bearer error="invalid_token"'  # RFC 6750 §3
    return Response(
        refusal_body(error),
        status_code=status_of(error),
        media_type=MediaType.JSON,
        headers=headers,
    )


def document(value: object, status: int = 200) -> Response[bytes]:
    """JSON. RFC 6749 §5.1 asks for both headers where a token may be in it."""
    return Response(
        msgspec.json.encode(value),
        status_code=status,
        media_type=MediaType.JSON,
        headers={"Cache-Control": "no-store", "Pragma": "no-cache"},
    )
