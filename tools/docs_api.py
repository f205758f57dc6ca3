"""The HTTP API's tables, from the same description that the gateway serves at /schema."""

from collections.abc import Iterator, Mapping
from typing import Any

from custody.web.openapi import openapi_document
from custody.web.site import routes

BEGIN = "<!-- generated: endpoints; change them in src/custody/web, then `make docs` -->"
END = "<!-- end of the generated part -->"


def with_endpoints(page: str) -> str:
    """The page with its generated part replaced."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}\n\n{_generated()}\n{END}{after}"


def _generated() -> str:
    document = openapi_document(routes(), version="", url="")
    schemas: dict[str, Any] = document["components"]["schemas"]
    parts = ["| endpoint | does | takes | gives |", "|---|---|---|---|"]
    forms: dict[str, None] = {}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            form = _form(operation)
            forms |= {form: None} if form else {}
            parts.append(
                f"| `{method.upper()} {path}` | {operation['summary']} | "
                f"{_takes(operation, form)} | {_gives(operation['responses'])} |"
            )
    answers = sorted(set(schemas) - set(forms))
    for name in (*forms, *answers):
        parts += ["", f"### {name}", "", *_fields(schemas[name])]
    return "\n".join(parts) + "\n"


def _form(operation: Mapping[str, Any]) -> str:
    body = operation.get("requestBody", {}).get("content", {})
    return next((_name(what["schema"]) for what in body.values()), "")


def _takes(operation: Mapping[str, Any], form: str) -> str:
    words = [f"form [{form}](#{form.lower()})"] if form else []
    query = [p["name"] for p in operation.get("parameters", ()) if p["in"] == "query"]
    if query:
        words.append("query " + ", ".join(f"`{name}`" for name in query))
    if "security" in operation:
        words.append("`Authorization: Bearer` ticket")
    return "; ".join(words) or "nothing"


def _gives(responses: Mapping[str, Any]) -> str:
    if "303" in responses:
        return f"303: {responses['303']['description']}"
    given = responses["200"]
    for media, what in given.get("content", {}).items():
        kinds = what["schema"].get("oneOf", [what["schema"]])
        names = [_name(kind) for kind in kinds if "$ref" in kind]
        if names:
            return " or ".join(f"[{name}](#{name.lower()})" for name in names)
        return str(given["description"]) if media == "text/html" else f"`{media}`"
    return str(given["description"])


def _fields(schema: Mapping[str, Any]) -> Iterator[str]:
    if schema.get("description"):
        yield schema["description"].replace("\n", " ")
        yield ""
    yield "| field | type | says |"
    yield "|---|---|---|"
    for name, what in schema["properties"].items():
        needed = "" if name in schema.get("required", ()) else "optional "
        yield f"| `{name}` | {needed}{_type(what)} | {what.get('description', '')} |"


def _type(what: Mapping[str, Any]) -> str:
    if "$ref" in what:
        name = _name(what)
        return f"[{name}](#{name.lower()})"
    if "anyOf" in what:
        return " or ".join(_type(each) for each in what["anyOf"] if each.get("type") != "null")
    if what.get("type") == "array":
        return f"list of {_type(what.get('items', {}))}"
    if "enum" in what:
        return "one of " + ", ".join(f"`{value}`" for value in what["enum"] if value)
    if what.get("format") == "password":
        return "secret"
    return str(what.get("type", "any"))


def _name(schema: Mapping[str, Any]) -> str:
    return str(schema["$ref"]).rpartition("/")[2]
