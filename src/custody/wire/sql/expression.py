"""Expressions: what they call, and what their literals and parameters meet.

Law: a literal is proven only where it stands directly beside a column, by comparison or by
assignment; any other place, however harmless it looks, leaves it unproven.
"""

from collections.abc import Iterator
from typing import Any, Final

import msgspec

from custody.model.words import Effect
from custody.wire.sql.builtin.functions import effects_of, takes_secrets
from custody.wire.sql.collector import (
    ANY,
    FromItem,
    Handler,
    NameScope,
    StatementCollector,
    names,
    qualified,
)
from custody.wire.sql.session import constant, parameter_set_by_call, relation_named
from custody.wire.sql.shown_parameters import holds_no_text, names_secret
from custody.wire.sql.syntax import ColumnUse, FunctionUse
from custody.wire.sql.text.node import Node

_COMPARISONS: Final = frozenset(
    (
        "=",
        "<>",
        "!=",
        "<",
        ">",
        "<=",
        ">=",
        "~~",
        "!~~",
        "~~*",
        "!~~*",
        "~",
        "!~",
        "~*",
        "!~*",
        "^@",
    )
)
_BETWEEN: Final = frozenset(
    ("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN", "AEXPR_BETWEEN_SYM", "AEXPR_NOT_BETWEEN_SYM")
)
_MATCHES: Final = frozenset(("AEXPR_LIKE", "AEXPR_ILIKE", "AEXPR_SIMILAR"))
_SEQUENCES: Final = frozenset(("currval", "nextval", "pg_sequence_last_value", "setval"))
_SAMPLING: Final = frozenset(("bernoulli", "system"))


def assign(collector: StatementCollector, value: Node, use: ColumnUse, scope: NameScope) -> None:
    """``value`` is assigned to the column: directly, or as an expression."""
    for leaf in _values(collector, value, scope):
        _meet(collector, leaf, (use,), scope, certain=True)


def neutral(collector: StatementCollector, value: Any, scope: NameScope) -> None:  # noqa: ANN401  # a decoded tree
    """A count or a length: a literal or parameter here meets no column."""
    if isinstance(value, list):
        for element in value:
            neutral(collector, element, scope)
    elif isinstance(value, dict) and ("A_Const" in value or "ParamRef" in value):
        _meet(collector, value, (), scope, certain=True)
    elif isinstance(value, dict):
        collector.visit(value, scope)


def bare_column(node: Any) -> Node | None:  # noqa: ANN401  # a decoded tree
    """The ColumnRef behind casts and collations, if there is nothing else."""
    while isinstance(node, dict):
        if "ColumnRef" in node:
            reference: Node = node["ColumnRef"]
            return reference
        if "TypeCast" in node:
            node = node["TypeCast"].get("arg")
        elif "CollateClause" in node:
            node = node["CollateClause"].get("arg")
        else:
            return None
    return None


def locate(reference: Node, scope: NameScope) -> tuple[ColumnUse | None, bool]:
    """Which relations' column a reference may be, and whether it can be nothing else."""
    fields = names(reference.get("fields"))
    if not fields or fields[-1] == "*":
        return None, False
    if len(fields) > 1:
        item = scope.find(fields[:-1])
        if item is None or item.relation < 0:
            return None, False
        return ColumnUse((item.relation,), fields[-1]), True
    visible: list[FromItem] = [item for inner in scope.outward() for item in inner.items]
    relations = tuple(dict.fromkeys(item.relation for item in visible if item.relation >= 0))
    if not relations:
        return None, False
    return ColumnUse(relations, fields[0]), all(item.relation >= 0 for item in visible)


def _values(collector: StatementCollector, node: Any, scope: NameScope) -> Iterator[Node]:  # noqa: ANN401 - a parser's node; no type is published for it
    """The leaves of a literal, a list or an array of them; casts are taken off, and noted."""
    if isinstance(node, list):
        for element in node:
            yield from _values(collector, element, scope)
    elif "TypeCast" in node:
        _type_name(collector, node["TypeCast"].get("typeName", {}), scope)
        yield from _values(collector, node["TypeCast"].get("arg", {}), scope)
    elif "CollateClause" in node:
        yield from _values(collector, node["CollateClause"].get("arg", {}), scope)
    elif "List" in node:
        yield from _values(collector, node["List"].get("items", []), scope)
    elif "A_ArrayExpr" in node:
        yield from _values(collector, node["A_ArrayExpr"].get("elements", []), scope)
    else:
        yield node


def _meet(
    collector: StatementCollector,
    leaf: Node,
    columns: tuple[ColumnUse, ...],
    scope: NameScope,
    *,
    certain: bool,
) -> None:
    """One leaf meets these columns; what is no leaf is walked as an expression of its own."""
    if "A_Const" in leaf:
        constant = leaf["A_Const"]
        if not constant.get("isnull"):
            place = constant.get("location", 0)
            collector.literal(place, columns, proven=certain)
            if "ival" in constant:
                collector.integers.add(place)
            elif "sval" in constant:
                collector.weighs = True
    elif "ParamRef" in leaf:
        collector.parameter(leaf["ParamRef"].get("number", 0), columns, proven=certain)
        collector.weighs = True
    else:
        collector.visit(leaf, scope)


def _constant(collector: StatementCollector, constant: Node, scope: NameScope) -> None:
    _meet(collector, {"A_Const": constant}, (), scope, certain=False)


def _parameter(collector: StatementCollector, parameter: Node, scope: NameScope) -> None:
    _meet(collector, {"ParamRef": parameter}, (), scope, certain=False)


def compare(collector: StatementCollector, one: Node, other: Node, scope: NameScope) -> None:
    """Two sides of a comparison. A row is compared element by element."""
    if "RowExpr" in one and "RowExpr" in other:
        left, right = one["RowExpr"].get("args", []), other["RowExpr"].get("args", [])
        if len(left) == len(right):
            for pair in zip(left, right, strict=True):
                compare(collector, *pair, scope)
            return
    for column, value in ((one, other), (other, one)):
        reference = bare_column(column)
        if reference is None:
            continue
        use, certain = locate(reference, scope)
        collector.visit(column, scope)
        for leaf in _values(collector, value, scope):
            _meet(
                collector, leaf, (use,) if use else (), scope, certain=certain and use is not None
            )
        return
    collector.visit(one, scope)
    collector.visit(other, scope)


def operator(collector: StatementCollector, parts: list[Node] | None) -> str:
    """Note an operator; its bare name comes back."""
    schema, name = qualified(parts)
    if schema != "pg_catalog":
        collector.operator(schema, name)
    return name


def _operation(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    kind = node.get("kind", "")
    left, right = node.get("lexpr"), node.get("rexpr")
    if kind in _BETWEEN:
        for name in ("<=", ">="):
            collector.operator("", name)
        direct = True
    else:
        name = operator(collector, node.get("name"))
        if kind in _MATCHES and isinstance(right, dict) and "FuncCall" in right:
            # LIKE … ESCAPE and SIMILAR TO wrap the pattern in a call of PostgreSQL's own.
            call = right["FuncCall"]
            if qualified(call.get("funcname"))[0] == "pg_catalog":
                right = {"List": {"items": call.get("args", [])}}
        direct = name in _COMPARISONS and kind != "AEXPR_NULLIF"
    if direct and left is not None and right is not None:
        if kind == "AEXPR_IN" and "RowExpr" in left:
            for row in _values(collector, right, scope):
                compare(collector, left, row, scope)
        else:
            compare(collector, left, right, scope)
        return
    for side in (left, right):
        if side is not None:
            collector.visit(side, scope)


def _column(collector: StatementCollector, reference: Node, scope: NameScope) -> None:
    *qualifier, name = names(reference.get("fields")) or [""]
    if not qualifier or name == "*":
        return
    found = list(scope.find_all(qualifier))
    shown = [item for item in found if item.relation >= 0]
    if not found or any(item.relation < 0 and name not in item.columns for item in found):
        collector.attribute(name)
    elif shown:
        collector.attribute(name, tuple(dict.fromkeys(item.relation for item in shown)))


def _indirection(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    called = [name for name in names(node.get("indirection")) if name != "*"]
    for name in called:
        collector.attribute(name)
    if any(map(takes_secrets, called)):
        with collector.secret_literals():
            collector.visit(node, scope)
    else:
        collector.visit(node, scope)


def _call(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    schema, name = qualified(node.get("funcname"))
    arguments = node.get("args", [])
    collector.function(FunctionUse(schema, name, len(arguments)))
    builtin = effects_of(schema, name)
    collector.effect(*builtin.effects)
    if builtin.opaque:
        collector.opaque = True
    if name in _PARAMETER_CALLS and _names_secret(arguments):
        collector.shows_secret = True
    if name == "current_setting" and not _holds_no_text(arguments):
        # What the session itself put there may come from any column.
        collector.opaque = True
    if name == "set_config" and collector.live:
        arguments = _fixed_name(arguments, scope)
        change = parameter_set_by_call(arguments)
        if change is not None:
            # Whether a row is made that calls it, the statement alone does not say.
            shown = change.values is not None
            collector.change(msgspec.structs.replace(change, maybe=True) if shown else change)
        _set_by_call(collector, arguments)
    if name in _SEQUENCES and schema in {"", "pg_catalog"}:
        _sequence(collector, name, arguments)
    if takes_secrets(name):
        with collector.secret_literals():
            collector.visit(node, scope)
    else:
        collector.visit(node, scope)


def _sequence(collector: StatementCollector, function: str, arguments: list[Node]) -> None:
    """The sequence that a function's first argument names, as ``regclass`` reads it."""
    given = constant(arguments[0]) if arguments else None
    parts = None if given is None else relation_named(given)
    if parts is not None:
        collector.reach("sequence", *parts)
    elif function in {"nextval", "setval"}:
        collector.reach("sequence", ANY, ANY)


def _fixed_name(arguments: list[Node], scope: NameScope) -> list[Node]:
    """With the constant that the query's condition fixes the parameter's name to, if it does."""
    reference = bare_column(arguments[0]) if arguments else None
    fixed = None if reference is None else scope.fixed.get(tuple(names(reference.get("fields"))))
    return arguments if fixed is None else [fixed, *arguments[1:]]


def _set_by_call(collector: StatementCollector, arguments: list[Node]) -> None:
    """``set_config(name, value, is_local)``; a name that is not shown may be any."""
    plain = len(arguments) == 3 and not any("NamedArgExpr" in each for each in arguments)
    name = constant(arguments[0]) if plain else None
    if name is None:
        collector.effect(Effect.GRANT)
    else:
        collector.setting(name.lower(), constant(arguments[1]))


_PARAMETER_CALLS: Final = frozenset(("current_setting", "set_config"))


def _names_secret(arguments: list[Node]) -> bool:
    name = constant(arguments[0]) if arguments else None
    return name is not None and names_secret(name)


def _holds_no_text(arguments: list[Node]) -> bool:
    """Whether a parameter is meant that no session can put a text or a number into."""
    name = constant(arguments[0]) if arguments else None
    return name is not None and holds_no_text(name)


def _type_name(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    schema, name = qualified(node.get("names"))
    collector.type(schema, name)
    neutral(collector, node.get("typmods", []), scope)


def _sublink(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    if node.get("operName"):
        operator(collector, node["operName"])
    elif node.get("subLinkType") in {"ANY_SUBLINK", "ALL_SUBLINK"}:
        collector.operator("", "=")
    collector.visit(node, scope)


def _case(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    if node.get("arg"):
        collector.operator("", "=")
    collector.visit(node, scope)


def _sort(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    if node.get("useOp"):
        operator(collector, node["useOp"])
    collector.visit(node.get("node", {}), scope)


def _sample(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    schema, name = qualified(node.get("method"))
    if name not in _SAMPLING or schema not in {"", "pg_catalog"}:
        collector.function(FunctionUse(schema, name, 1))
    collector.visit(node.get("relation", {}), scope)
    neutral(collector, node.get("args", []), scope)
    neutral(collector, node.get("repeatable", {}), scope)


HANDLERS: Final[dict[str, Handler]] = {
    "A_Const": _constant,
    "A_Expr": _operation,
    "A_Indirection": _indirection,
    "CaseExpr": _case,
    "ColumnRef": _column,
    "FuncCall": _call,
    "ParamRef": _parameter,
    "RangeTableSample": _sample,
    "SortBy": _sort,
    "SubLink": _sublink,
    "TypeName": _type_name,
}
