"""The OpenAPI 3.1 document, made from the handlers' own types and texts.

Law: the type that reads a request describes it: there is no second list of parameters. Every route
of the site is in the document, and nothing else.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Any, Final

import msgspec
from litestar import Litestar
from litestar.routes import HTTPRoute

from custody.model.secret import Secret
from custody.web.errors import Fault

_KEY: Final = "says"
_REFERENCE: Final = "#/components/schemas/{name}"
_REASONS: Final = {
    400: "The request is not fit, or is refused: `error` and `code` say why.",
    401: "The ticket is not known, or does not hold any more.",
    403: "This browser, or this page, is not the one that began.",
    404: "There is no such provider.",
    415: "The body is not a form.",
    503: "Not now: a provider, or the evidence log, does not answer.",
}


class Endpoint(msgspec.Struct, frozen=True):
    """What one handler takes and gives."""

    summary: str
    form: type[msgspec.Struct] | None = None
    query: type[msgspec.Struct] | None = None
    gives: tuple[type[msgspec.Struct], ...] = ()
    faults: tuple[int, ...] = ()
    ticket: bool = False
    page: str = ""
    """What a browser gets; such an endpoint answers in HTML, its faults too."""
    goes: str = ""
    """Where a browser is sent (303); its faults are in HTML."""
    media: str = "application/json"


def says(summary: str, **rest: Any) -> dict[str, Any]:  # noqa: ANN401 - as Endpoint has them
    """For a handler's ``opt``; the rest as in ``Endpoint``."""
    return {_KEY: Endpoint(summary, **rest)}


def endpoints(site: Litestar) -> list[tuple[str, str, Endpoint]]:
    """Method, path and what they say, in the order of the paths."""
    found = []
    for route in site.routes:
        if not isinstance(route, HTTPRoute):
            continue
        for handler in route.route_handlers:
            if _KEY in handler.opt:
                path = re.sub(r":str\}", "}", route.path_format)
                found += [(str(m), path, handler.opt[_KEY]) for m in handler.http_methods]
    return sorted((m, p, e) for m, p, e in found if m in {"GET", "POST", "DELETE"})


def words(site: Litestar) -> frozenset[str]:
    """What paths are made of, but for what a client puts in."""
    return frozenset(part for _, path, _ in endpoints(site) for part in path.split("/"))


def openapi_document(site: Litestar, *, version: str, url: str) -> dict[str, Any]:
    """The document."""
    told = endpoints(site)
    kinds: list[type[msgspec.Struct]] = [Fault]
    for _, _, endpoint in told:
        kinds += [*filter(None, (endpoint.form, endpoint.query)), *endpoint.gives]
    _, schemas = msgspec.json.schema_components(
        dict.fromkeys(kinds), schema_hook=_hook, ref_template=_REFERENCE
    )
    paths: dict[str, dict[str, Any]] = {}
    for method, path, endpoint in told:
        paths.setdefault(path, {})[method.lower()] = _operation(path, endpoint, schemas)
    for _, _, endpoint in told:
        if endpoint.query is not None:
            schemas.pop(endpoint.query.__name__, None)  # its fields stand in the parameters
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Custody",
            "version": version,
            "summary": "Logins, loops and tickets of a forensic access gateway.",
            "license": {"name": "Apache-2.0", "identifier": "Apache-2.0"},
        },
        "servers": [{"url": url}],
        "paths": dict(sorted(paths.items())),
        "components": {
            "schemas": dict(sorted(schemas.items())),
            "securitySchemes": {"ticket": {"type": "http", "scheme": "bearer"}},
        },
    }


def _operation(path: str, endpoint: Endpoint, schemas: dict[str, Any]) -> dict[str, Any]:
    operation: dict[str, Any] = {"summary": endpoint.summary}
    parameters = [
        {"name": name, "in": "path", "required": True, "schema": {"type": "string"}}
        for name in re.findall(r"\{(\w+)\}", path)
    ]
    if endpoint.query is not None:
        parameters += _parameters(schemas[endpoint.query.__name__])
    if parameters:
        operation["parameters"] = parameters
    if endpoint.form is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/x-www-form-urlencoded": {"schema": _of(endpoint.form)}},
        }
    operation["responses"] = _responses(endpoint)
    if endpoint.ticket:
        operation["security"] = [{"ticket": []}]
    return operation


def _parameters(schema: dict[str, Any]) -> Iterable[dict[str, Any]]:
    for name, what in schema["properties"].items():
        plain = {key: value for key, value in what.items() if key not in {"description", "default"}}
        yield {
            "name": name,
            "in": "query",
            "required": name in schema.get("required", ()),
            "description": what.get("description", ""),
            "schema": plain,
        }


def _responses(endpoint: Endpoint) -> dict[str, Any]:
    fault = {"application/json": {"schema": _of(Fault)}}
    html = {"text/html": {"schema": {"type": "string"}}}
    good: dict[str, Any] = {"description": endpoint.goes or endpoint.page or "Done."}
    if endpoint.page:
        good["content"] = html
    elif not endpoint.goes:
        schema = _either(endpoint.gives) if endpoint.gives else {}
        good["content"] = {endpoint.media: {"schema": schema}}
    answers = {"303" if endpoint.goes else "200": good}
    wrong = html if endpoint.page or endpoint.goes else fault
    for status in endpoint.faults:
        answers[str(status)] = {"description": _REASONS[status], "content": wrong}
    answers["default"] = {
        "description": "The request was refused before it was read: 404, 405, 413, 414, 421, 429, "
        "431, 500 or 503.",
        "content": fault if wrong is fault else {**fault, **html},
    }
    return answers


def _either(kinds: Sequence[type[msgspec.Struct]]) -> dict[str, Any]:
    return _of(kinds[0]) if len(kinds) == 1 else {"oneOf": [_of(kind) for kind in kinds]}


def _of(kind: type[msgspec.Struct]) -> dict[str, Any]:
    return {"$ref": _REFERENCE.format(name=kind.__name__)}


def _hook(kind: type) -> dict[str, Any]:
    if kind is Secret:
        return {"type": "string", "format": "password"}
    raise NotImplementedError  # how msgspec is told that a hook does not know the type
