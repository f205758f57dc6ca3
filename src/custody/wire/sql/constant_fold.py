"""The value of a condition that is always the same, as far as its constants show it.

Law: a tripwire's folding, not a planner's: it may miss a tautology, it never calls a condition
constant that is not. ``used_integers`` tells when an integer's value decided something.
"""

from typing import Any, Final

from custody.wire.sql.collector import qualified
from custody.wire.sql.session import constant
from custody.wire.sql.text.node import Node

_SAME_IS_TRUE: Final = frozenset(("=", ">=", "<=", "~~", "~~*", "~", "~*"))
_SAME_IS_FALSE: Final = frozenset(("<>", "!=", "<", ">", "!~~", "!~~*"))
_ANY_LIKE: Final = frozenset(("%", "%%"))
_ANY_PATTERN: Final = frozenset((".*", "^", "$", "", "^.*$", "^.*"))


class ConstantFolding:
    def __init__(self) -> None:
        self.used_integers = False
        """An integer's value, not only its place, decided something."""

    def fold(self, node: Any) -> bool | None:  # noqa: ANN401, C901, PLR0911  # one arm for each node
        """The condition's value if it is always the same, as far as constants show it.

        NULL counts as false: a row is touched by neither.
        """
        if not isinstance(node, dict):
            return None
        node = _stripped(node)
        if "A_Const" in node:
            return self._truth(node)
        if "BoolExpr" in node:
            return self._fold_logic(node["BoolExpr"])
        if "A_Expr" in node:
            return self._fold_operation(node["A_Expr"])
        if "NullTest" in node:
            test = node["NullTest"]
            inner = _stripped(test.get("arg", {}))
            if "A_Const" not in inner:
                return None
            is_null = bool(inner["A_Const"].get("isnull"))
            return is_null is (test.get("nulltesttype") == "IS_NULL")
        if "BooleanTest" in node:
            return self._fold_test(node["BooleanTest"])
        if "CoalesceExpr" in node:
            arguments = node["CoalesceExpr"].get("args", [])
            return self.fold(arguments[0]) if arguments else None
        if "CaseExpr" in node:
            return self._fold_case(node["CaseExpr"])
        if "SubLink" in node and node["SubLink"].get("subLinkType") == "EXISTS_SUBLINK":
            inner = node["SubLink"].get("subselect", {}).get("SelectStmt", {})
            empty = not (inner.keys() & {"fromClause", "whereClause", "limitCount", "havingClause"})
            return True if empty and inner.get("op") == "SETOP_NONE" else None
        return None

    def _truth(self, node: Node) -> bool | None:
        value = node["A_Const"]
        if value.get("isnull"):
            return False
        if "boolval" in value:
            return bool(value["boolval"].get("boolval"))
        if "ival" in value:
            self.used_integers = True
            return bool(value["ival"].get("ival", 0))
        text = (constant(node) or "").strip().lower()
        if text and any(word.startswith(text) for word in ("true", "yes", "on", "1")):
            return True if text != "o" else None
        return False if text else None

    def _fold_logic(self, node: Node) -> bool | None:
        parts = node.get("args", [])
        folded = [self.fold(part) for part in parts]
        match node.get("boolop"):
            case "AND_EXPR":
                if False in folded:
                    return False
                return True if all(value is True for value in folded) else None
            case "OR_EXPR":
                if True in folded or self._complement(parts):
                    return True
                return False if all(value is False for value in folded) else None
            case _:
                if "A_Const" in _stripped(parts[0]) and _stripped(parts[0])["A_Const"].get(
                    "isnull"
                ):
                    return False
                return None if folded[0] is None else not folded[0]

    def _complement(self, parts: list[Node]) -> bool:
        """``x OR NOT x`` and its like."""
        shapes = [self._shape(part) for part in parts]
        if sum(map(_integers_in, shapes)) > 1:
            self.used_integers = True
        return any(_opposite(shape) in shapes or ("NOT", shape) in shapes for shape in shapes)

    def _fold_test(self, node: Node) -> bool | None:
        value = self.fold(node.get("arg", {}))
        if value is None:
            return None
        match node.get("booltesttype"):
            case "IS_TRUE":
                return value
            case "IS_NOT_TRUE":
                return not value
            case "IS_FALSE" if value:
                return False
            case "IS_NOT_FALSE" | "IS_NOT_UNKNOWN" if value:
                return True
            case _:
                return None

    def _fold_case(self, node: Node) -> bool | None:
        """A CASE whose first true branch is constant, or whose branches all agree."""
        if "arg" in node:
            return None
        results: list[bool | None] = []
        for element in node.get("args", []):
            when = element.get("CaseWhen", {})
            condition = self.fold(when.get("expr", {}))
            if condition is False:
                continue
            results.append(self.fold(when.get("result", {})))
            if condition is True:
                break
        else:
            results.append(self.fold(node["defresult"]) if "defresult" in node else False)
        return results[0] if len(set(results)) == 1 else None

    def _fold_operation(self, node: Node) -> bool | None:  # one for each form
        kind = node.get("kind", "")
        left, right = node.get("lexpr"), node.get("rexpr")
        if not isinstance(left, dict) or not isinstance(right, dict):
            return None
        name = qualified(node.get("name"))[1]
        one = self._shape(left)
        if kind == "AEXPR_IN":
            members = [self._shape(item) for item in right.get("List", {}).get("items", [])]
            found = any(self._equal(one, member) is True for member in members)
            return (name == "=") if found else None
        if kind.startswith(("AEXPR_BETWEEN", "AEXPR_NOT_BETWEEN")):
            limits = [self._shape(item) for item in right.get("List", {}).get("items", [])]
            inside = all(self._equal(one, limit) is True for limit in limits)
            return (not kind.startswith("AEXPR_NOT")) if inside else None
        other = self._shape(right)
        if kind in {"AEXPR_NOT_DISTINCT", "AEXPR_DISTINCT"}:
            same = self._equal(one, other) or None
            return None if same is None else kind == "AEXPR_NOT_DISTINCT"
        if kind not in {"AEXPR_OP", "AEXPR_LIKE", "AEXPR_ILIKE"}:
            return None
        value = self._compared(name, one, other)
        # A cast may make different constants equal: 'a '::char(2) = 'a'::char(2).
        return None if value is False and (_casts(left) or _casts(right)) else value

    def _compared(self, name: str, one: Any, other: Any) -> bool | None:  # noqa: ANN401 - a parser's node; no type is published for it
        if isinstance(other, str) and other in (
            _ANY_LIKE if name in {"~~", "~~*"} else _ANY_PATTERN if name in {"~", "~*"} else ()
        ):
            return True
        same = self._equal(one, other)
        if same is True:
            return True if name in _SAME_IS_TRUE else False if name in _SAME_IS_FALSE else None
        if same is False and name in {"=", "<>", "!="}:
            return name != "="
        if _is_number(one) and _is_number(other):
            self.used_integers = True
            order = {"<": one < other, ">": one > other, "<=": one <= other, ">=": one >= other}
            return order.get(name)
        return None

    def _equal(self, one: Any, other: Any) -> bool | None:  # noqa: ANN401  # a folded value
        if one is None or other is None:
            return None
        if _integers_in(one) and _integers_in(other):
            self.used_integers = True
        if one == other:
            return True
        if (_is_number(one) and _is_number(other)) or (
            isinstance(one, str) and isinstance(other, str)
        ):
            return False
        return None

    def _shape(self, node: Any) -> Any:  # noqa: ANN401, PLR0911  # one for each form
        """A constant's value, or the node without its places and casts; ``None``: SQL NULL."""
        node = _stripped(node)
        if "A_Const" in node:
            value = node["A_Const"]
            if value.get("isnull"):
                return None
            if "ival" in value:
                return value["ival"].get("ival", 0)
            if "fval" in value:
                try:
                    return float(constant(node) or "")
                except ValueError:
                    return ("float", constant(node))
            return constant(node) if "sval" in value else ("const", str(value))
        if "A_Expr" in node and node["A_Expr"].get("kind") == "AEXPR_OP":
            return self._arithmetic(node["A_Expr"])
        if node.get("BoolExpr", {}).get("boolop") == "NOT_EXPR":
            return ("NOT", self._shape(node["BoolExpr"]["args"][0]))
        return _without_places(node)

    def _arithmetic(self, node: Node) -> Any:  # noqa: ANN401, PLR0911  # one for each operator
        name = qualified(node.get("name"))[1]
        one = self._shape(node["lexpr"]) if "lexpr" in node else 0
        other = self._shape(node.get("rexpr", {}))
        if _is_number(one) or _is_number(other):
            self.used_integers = True
        if _is_number(one) and _is_number(other):
            match name:
                case "+":
                    return one + other
                case "-":
                    return one - other
                case "*":
                    return one * other
                case _:
                    return (name, one, other)
        if isinstance(one, str) and isinstance(other, str) and name == "||":
            return one + other
        neutral = 0 if name in {"+", "-"} else 1 if name in {"*", "/"} else None
        if neutral is not None and _is_number(other) and other == neutral:
            return one
        if name in {"+", "*"} and _is_number(one) and one == neutral:
            return other
        return (name, one, other)


def _is_number(value: Any) -> bool:  # noqa: ANN401  # a folded value
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def _casts(node: Node) -> bool:
    """Whether a side is a cast, or a sum of them."""
    return "TypeCast" in node or any(
        _casts(side) for side in node.get("A_Expr", {}).values() if isinstance(side, dict)
    )


def _integers_in(value: Any) -> bool:  # noqa: ANN401  # a folded value
    if isinstance(value, (tuple, list)):
        return any(_integers_in(inner) for inner in value)
    if isinstance(value, dict):
        # A zero is an empty field of the tree.
        return "ival" in value or any(_integers_in(inner) for inner in value.values())
    return isinstance(value, int) and not isinstance(value, bool)


def _stripped(node: Any) -> Node:  # noqa: ANN401  # a decoded tree
    """Without casts and collations around it."""
    while isinstance(node, dict):
        if "TypeCast" in node:
            node = node["TypeCast"].get("arg", {})
        elif "CollateClause" in node:
            node = node["CollateClause"].get("arg", {})
        else:
            return node
    return {}


def _without_places(node: Any) -> Any:  # noqa: ANN401  # a decoded tree
    if isinstance(node, list):
        return [_without_places(element) for element in node]
    if isinstance(node, dict):
        return {
            key: _without_places(value)
            for key, value in node.items()
            if key not in {"location", "rexpr_list_start", "rexpr_list_end"}
        }
    return node


_OPPOSITES: Final = {"=": "<>", "<>": "=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}


def _opposite(shape: Any) -> Any:  # noqa: ANN401  # a folded value
    """The shape of a condition's negation, or something that equals no shape."""
    if isinstance(shape, tuple) and len(shape) == 3 and shape[0] in _OPPOSITES:
        return (_OPPOSITES[shape[0]], shape[1], shape[2])
    if isinstance(shape, dict) and "NullTest" in shape:
        test = dict(shape["NullTest"])
        turned = "IS_NOT_NULL" if test.get("nulltesttype") == "IS_NULL" else "IS_NULL"
        return {"NullTest": {**test, "nulltesttype": turned}}
    return ("NOT", shape)
