"""Reading what a request says: form, query, cookie, bearer token.

Law: strict and once: a parameter that is given twice is refused unless it is a list, an empty one
counts as absent (RFC 6749 §3.1), an unknown one is ignored (§3.2). A value is never repeated in an
error and never kept: the web framework's own parsers, which cache what they read, are not used.
"""

import re
from typing import Annotated, Any, Final, TypeVar, get_args, get_origin
from urllib.parse import parse_qsl

import msgspec
from litestar import Request

from custody.app.console_faces import ConsoleParts
from custody.model.secret import Secret
from custody.web.errors import RequestRefusedError

FIELDS_AT_MOST: Final = 200
_BEARER: Final = re.compile(rb"(?i:bearer) ([A-Za-z0-9._~+/=-]{1,8192})")  # RFC 6750 §2.1
_FORM: Final = re.compile(rb"(?i:application/x-www-form-urlencoded(?:\s*;\s*charset=utf-8)?)")

F = TypeVar("F", bound=msgspec.Struct)
AnyRequest = Request[Any, Any, Any]


def console_parts(request: AnyRequest) -> ConsoleParts:
    """What the site was made from."""
    parts: ConsoleParts = request.app.state.parts
    return parts


def provider_of(request: AnyRequest) -> str:
    """The provider that the path names."""
    return str(request.path_params["provider"])


def address(request: AnyRequest) -> str:
    """Of the peer itself: no header is believed about it."""
    client = request.scope.get("client")
    return str(client[0]) if client else ""


def header(request: AnyRequest, name: bytes) -> bytes | None:
    """Refused where it is given twice."""
    found = [value for key, value in request.scope["headers"] if key == name]
    if len(found) > 1:
        raise RequestRefusedError("web.headers", "A header is given twice.", status=400)
    return found[0] if found else None


async def form(request: AnyRequest, kind: type[F]) -> F:
    """The body's fields. A query beside them is refused: secrets do not belong into addresses."""
    no_query(request)
    if not _FORM.fullmatch(header(request, b"content-type") or b""):
        raise RequestRefusedError(
            "web.form",
            "The body is not a form.",
            "Send Content-Type: application/x-www-form-urlencoded.",
            status=415,
        )
    return _read(await request.body(), kind)


def query(request: AnyRequest, kind: type[F]) -> F:
    return _read(request.scope["query_string"], kind)


def no_query(request: AnyRequest) -> None:
    if request.scope["query_string"]:
        raise RequestRefusedError(
            "web.query",
            "Parameters do not belong into this address.",
            "Send them as a form.",
            status=400,
        )


def bearer(request: AnyRequest) -> Secret:
    no_query(request)
    match = _BEARER.fullmatch(header(request, b"authorization") or b"")
    if match is None:
        raise RequestRefusedError(
            "web.bearer",
            "A ticket is needed here.",
            "Send the header Authorization: Bearer TICKET.",
            error="invalid_token",
            status=401,
        )
    return Secret(match[1].decode("ascii"))


def cookie(request: AnyRequest, name: str) -> str:
    """The cookie's value, empty where there is none or more than one."""
    wanted = name.encode()
    found = []
    for key, value in request.scope["headers"]:
        if key == b"cookie":
            for pair in value.split(b";"):
                at, _, what = pair.strip().partition(b"=")
                if at == wanted:
                    found.append(what)
    return found[0].decode("latin-1") if len(found) == 1 else ""


def _read(raw: bytes, kind: type[F]) -> F:
    lists = {field.encode_name for field in msgspec.structs.fields(kind) if _is_list(field.type)}
    values: dict[str, Any] = {}
    for name, value in _pairs(raw):
        if not value:
            continue
        if name in lists:
            values.setdefault(name, []).append(value)
        elif name in values:
            raise RequestRefusedError("web.repeated", "A parameter is given twice.", status=400)
        else:
            values[name] = value
    try:
        return msgspec.convert(values, kind, strict=False, dec_hook=_hook)
    except msgspec.ValidationError as error:
        # msgspec's own sentence may repeat a value; the field's name, which is ours, suffices.
        raise RequestRefusedError(
            "web.parameter",
            f"The parameter {_field(str(error), kind)} is missing or unfit.",
            "The schema at /schema lists what it takes.",
            status=400,
        ) from None


def _pairs(raw: bytes) -> list[tuple[str, str]]:
    if not raw:
        return []
    try:
        return parse_qsl(
            raw.decode("ascii"),
            keep_blank_values=True,
            strict_parsing=True,
            errors="strict",
            max_num_fields=FIELDS_AT_MOST,
        )
    except ValueError:
        raise RequestRefusedError(
            "web.parameter", "The parameters cannot be read.", status=400
        ) from None


def _field(said: str, kind: type[msgspec.Struct]) -> str:
    for field in msgspec.structs.fields(kind):
        if f"$.{field.encode_name}`" in said or f"field `{field.encode_name}`" in said:
            return field.encode_name
        if f"$.{field.encode_name}[" in said:
            return field.encode_name
    return "given"


def _is_list(kind: object) -> bool:
    inner = get_args(kind)[0] if get_origin(kind) is Annotated else kind
    return get_origin(inner) is tuple


def _hook(kind: type, value: object) -> object:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise NotImplementedError  # how msgspec is told that a hook does not know the type
