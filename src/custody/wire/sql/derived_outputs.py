"""What the output columns of a SELECT are worked out from.

Law: an output is certain only where each part of it is a column that can be nothing else, a number
beside one, or PostgreSQL's own arithmetic and aggregates over such; a count tells nothing of what
it counts. All else is uncertain.
"""

from typing import Any, Final

from custody.wire.sql.collector import NameScope, StatementCollector, qualified
from custody.wire.sql.expression import compare, locate, operator
from custody.wire.sql.syntax import ColumnUse, OutputUse
from custody.wire.sql.text.node import Node

COUNTS: Final = frozenset(("count",))
PASSING: Final = frozenset(("sum", "avg", "min", "max", "abs", "round", "floor", "ceil", "ceiling"))
"""What they give is worked out from their arguments."""
_ARITHMETIC: Final = frozenset(("+", "-", "*", "/", "%"))
_UNCERTAIN: Final = OutputUse((), certain=False)


def visit_outputs(collector: StatementCollector, targets: list[Node], scope: NameScope) -> None:
    """The output of the statement itself: of it is known what it is worked out from."""
    collector.outputs = outputs(targets, scope)
    for place, target in enumerate(targets):
        value = target.get("ResTarget", {}).get("val", {})
        beside = _beside_column(value)
        if beside is not None and collector.outputs and collector.outputs[place].certain:
            operator(collector, value["A_Expr"].get("name"))
            compare(collector, *beside, scope)
        else:
            collector.visit(value, scope)


def outputs(targets: list[Node], scope: NameScope) -> tuple[OutputUse, ...]:
    """One for each target; none where a star stands among them."""
    found = []
    for target in targets:
        value = target.get("ResTarget", {}).get("val", {})
        if "A_Star" in str(value.get("ColumnRef", "")):
            return ()
        found.append(_output(value, scope))
    return tuple(found)


def _output(value: Node, scope: NameScope) -> OutputUse:
    if _call(value)[1] in COUNTS and _call(value)[0] in {"", "pg_catalog"}:
        return OutputUse((), certain=True)
    columns: dict[ColumnUse, None] = {}
    if _walk(value, scope, columns) and columns:
        return OutputUse(tuple(columns), certain=True)
    return _UNCERTAIN


def _call(value: Node) -> tuple[str, str]:
    return qualified(value.get("FuncCall", {}).get("funcname"))


def _walk(value: Any, scope: NameScope, columns: dict[ColumnUse, None]) -> bool:  # noqa: ANN401, PLR0911 - a parser's node; one return for each kind
    if not isinstance(value, dict):
        return False
    if "ColumnRef" in value:
        use, certain = locate(value["ColumnRef"], scope)
        if use is None or not certain:
            return False
        columns[use] = None
        return True
    if "A_Const" in value:
        return "sval" not in value["A_Const"]
    if "FuncCall" in value:
        schema, name = _call(value)
        arguments = value["FuncCall"].get("args", [])
        known = schema in {"", "pg_catalog"} and name in PASSING and bool(arguments)
        return known and all(_walk(each, scope, columns) for each in arguments)
    if "A_Expr" in value:
        node = value["A_Expr"]
        plain = node.get("kind") == "AEXPR_OP" and qualified(node.get("name"))[1] in _ARITHMETIC
        sides = (node.get("lexpr"), node.get("rexpr"))
        return plain and all(_walk(side, scope, columns) for side in sides)
    return False


def _beside_column(value: Node) -> tuple[Node, Node] | None:
    """Both sides of ``amount + 1``: a column and a number, and nothing more."""
    node = value.get("A_Expr", {})
    sides = node.get("lexpr"), node.get("rexpr")
    if qualified(node.get("name"))[1] not in _ARITHMETIC or not all(sides):
        return None
    kinds = {next(iter(side), "") for side in sides}
    return sides if kinds == {"ColumnRef", "A_Const"} else None
