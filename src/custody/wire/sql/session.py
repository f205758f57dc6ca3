"""The changes of a statement to its session.

Law: only parameters that change what names or texts mean are looked at, and a value that the text
does not show is unknown, never guessed.
"""

from typing import Any, Final

from custody.wire.sql.collector import names
from custody.wire.sql.syntax import SetParameter
from custody.wire.sql.text.node import Node

MEANINGFUL: Final = frozenset(
    ("search_path", "role", "session_authorization", "standard_conforming_strings")
)
"""``session_authorization`` and ``role`` change whose grants the server applies."""


def constant(node: Any) -> str | None:  # noqa: ANN401, PLR0911  # one for each form
    """The text of a constant argument, or ``None`` where it is not one."""
    while isinstance(node, dict) and "TypeCast" in node:
        node = node["TypeCast"].get("arg")
    if not isinstance(node, dict):
        return None
    if "String" in node:
        text: str = node["String"].get("sval", "")
        return text
    if "A_Const" not in node:
        return None
    value = node["A_Const"]
    for kind, field in (("sval", "sval"), ("fval", "fval")):
        if kind in value:
            return str(value[kind].get(field, ""))
    if "ival" in value:
        return str(value["ival"].get("ival", 0))
    if "boolval" in value:
        return "true" if value["boolval"].get("boolval") else "false"
    return None


def value_set(node: Node) -> str | None:
    """The one value of a SET; ``None`` where the text does not show it, or it is a list."""
    arguments = node.get("args", [])
    return constant(arguments[0]) if len(arguments) == 1 else None


def parameter_set(node: Node) -> tuple[SetParameter, ...]:
    """A VariableSetStmt's changes; none where the parameter changes no meaning."""
    name = node.get("name", "").lower()
    local = bool(node.get("is_local"))
    match node.get("kind"):
        case "VAR_RESET_ALL":
            # RESET ALL leaves role and session_authorization alone (GUC_NO_RESET_ALL).
            return tuple(
                SetParameter(each, None, reset=True)
                for each in ("search_path", "standard_conforming_strings")
            )
        case "VAR_RESET" | "VAR_SET_DEFAULT" if name in MEANINGFUL:
            return (SetParameter(name, None, local=local, reset=True),)
        case "VAR_SET_VALUE" if name in MEANINGFUL:
            values = [constant(argument) for argument in node.get("args", [])]
            shown = tuple(value for value in values if value is not None)
            complete = len(shown) == len(values)
            return (SetParameter(name, shown if complete else None, local=local),)
        case _:
            return ()


def parameter_set_by_call(arguments: list[Node]) -> SetParameter | None:
    """What ``set_config(name, value, is_local)`` changes; an unknown name may be any."""
    if any("NamedArgExpr" in argument for argument in arguments) or len(arguments) != 3:
        return SetParameter("", None)
    name = constant(arguments[0])
    if name is None:
        return SetParameter("", None)
    name = name.lower()
    if name not in MEANINGFUL:
        return None
    local = constant(arguments[2])
    value = constant(arguments[1])
    split = None if value is None else split_identifiers(value)
    if name != "search_path" and value is not None:
        split = (value,)
    if local is None or local.lower() not in {"true", "false", "t", "f"}:
        return SetParameter(name, None)
    return SetParameter(name, split, local=local.lower() in {"true", "t"})


def split_identifiers(value: str) -> tuple[str, ...] | None:
    """A comma-separated list of identifiers, as PostgreSQL's SplitIdentifierString reads it."""
    found: list[str] = []
    rest = value.strip(" \t\n\r\f\v")
    if not rest:
        return ()
    while True:
        if rest.startswith('"'):
            name, position = "", 1
            while True:
                end = rest.find('"', position)
                if end < 0:
                    return None
                name += rest[position:end]
                if rest[end + 1 : end + 2] != '"':
                    break
                name += '"'
                position = end + 2
            rest = rest[end + 1 :]
        else:
            end = next((i for i, c in enumerate(rest) if c == "," or c.isspace()), len(rest))
            if end == 0:
                return None
            # The server folds ASCII letters only, unless its encoding has one byte for each.
            name = "".join(c.lower() if c.isascii() else c for c in rest[:end])
            rest = rest[end:]
        found.append(name)
        rest = rest.lstrip(" \t\n\r\f\v")
        if not rest:
            return tuple(found)
        if not rest.startswith(","):
            return None
        rest = rest[1:].lstrip(" \t\n\r\f\v")


def relation_named(value: str) -> tuple[str, str] | None:
    """Schema (or empty) and name in a text as ``regclass`` reads it; ``None``: a number, say."""
    quoted = value.split('"')
    folded = "".join(
        part if place % 2 else part.lower().replace(".", "\0") for place, part in enumerate(quoted)
    )
    parts = [part.strip() for part in folded.split("\0")]
    if len(quoted) % 2 == 0 or '""' in value or not all(parts) or parts[-1].isdigit():
        return None
    return (parts[-2] if len(parts) > 1 else ""), parts[-1]


def option(options: list[Node] | None, name: str) -> Any:  # noqa: ANN401  # a decoded tree
    """The value of a DefElem; ``True`` where it is written without one, ``None`` if absent."""
    found: Any = None
    for element in options or ():
        definition = element.get("DefElem", {})
        if definition.get("defname", "").lower() == name:
            found = definition.get("arg", True)
    return found


def truthy(value: Any) -> bool:  # noqa: ANN401  # a decoded tree
    """A Boolean option as defGetBoolean reads it; what it would refuse counts as true."""
    if value is None:
        return False
    if value is True:
        return True
    if "Integer" in value:
        return bool(value["Integer"].get("ival", 0))
    if "Boolean" in value:
        return bool(value["Boolean"].get("boolval"))
    if "String" in value:
        text: str = value["String"].get("sval", "")
        return text.lower() not in {"false", "off"}
    return True


def word(value: Any) -> str:  # noqa: ANN401  # a decoded tree
    """An option's value as text, empty where it has none."""
    if not isinstance(value, dict):
        return ""
    if "List" in value:
        return ".".join(names(value["List"].get("items")))
    if "TypeName" in value:
        return ".".join(names(value["TypeName"].get("names")))
    return constant(value) or ""
