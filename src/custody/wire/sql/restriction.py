"""Whether a condition restricts what a write touches.

Law: a tripwire. A condition restricts if it mentions a column of the written relation and is not a
tautology that constant folding shows; ``id > 0`` restricts, ``1=1`` and ``id = id`` do not.
"""

from collections.abc import Iterable
from typing import Any, Final

from custody.wire.sql.collector import FromItem, names
from custody.wire.sql.constant_fold import ConstantFolding
from custody.wire.sql.text.node import Node

Demand = tuple[frozenset[str], ...]
"""What the catalogue must still confirm: of each set, one name is a column of the target."""
_NOTHING_TO_CONFIRM: Final[Demand] = ()


class WriteTarget:
    """The written relation. ``alone``: no other relation stands beside it, so that a bare name is
    its column. ``twins`` are other names for it beside it: to be equal to itself restricts nothing.
    """

    __slots__ = ("alone", "item", "twins")

    def __init__(self, item: FromItem, beside: Iterable[FromItem]) -> None:
        others = list(beside)
        self.item: Final = item
        self.alone: Final = not others
        self.twins: Final = frozenset(
            each.alias for each in others if each.relation >= 0 and each.name == item.name
        )


def demand(target: WriteTarget, node: Any, folding: ConstantFolding) -> Demand | None:  # noqa: ANN401 - a parser's node; no type is published for it
    """Under which demand the condition restricts; ``None`` if it does not, or there is none."""
    if not isinstance(node, dict) or not node:
        return None
    if "CurrentOfExpr" in node:
        return _NOTHING_TO_CONFIRM
    value = folding.fold(node)
    if value is not None:
        # Always false (or NULL): it touches nothing at all.
        return None if value else _NOTHING_TO_CONFIRM
    logic = node.get("BoolExpr", {})
    parts = logic.get("args", [])
    match logic.get("boolop"):
        case "AND_EXPR":
            return _any_of([demand(target, part, folding) for part in parts])
        case "OR_EXPR":
            return _all_of(target, parts, folding)
        case _:
            return None if joins_itself(target, node) else _mention(target, node)


def joins_itself(target: WriteTarget, node: Node) -> bool:
    """Whether it holds for every row because the row is its own partner: ``t.id = twin.id``,
    ``id IN (SELECT id FROM t)``, ``EXISTS (SELECT … FROM t x WHERE x.id = t.id)``.
    """
    comparison = node.get("A_Expr", {})
    if comparison.get("kind") == "AEXPR_OP" and names(comparison.get("name")) == ["="]:
        return _partners(target, comparison, target.twins)
    link = node.get("SubLink", {})
    inner = link.get("subselect", {}).get("SelectStmt", {})
    source = inner.get("fromClause", [])
    relation = source[0].get("RangeVar", {}) if len(source) == 1 else {}
    if relation.get("relname") != target.item.name or inner.keys() & _NARROWING:
        return False
    if link.get("subLinkType") == "ANY_SUBLINK":
        given = link.get("testexpr", {}).get("ColumnRef", {}).get("fields")
        targets = inner.get("targetList", [])
        value = targets[0].get("ResTarget", {}).get("val", {}) if len(targets) == 1 else {}
        wanted = value.get("ColumnRef", {}).get("fields")
        same = bool(given and wanted) and names(given)[-1] == names(wanted)[-1]
        return same and "whereClause" not in inner
    if link.get("subLinkType") == "EXISTS_SUBLINK":
        alias = relation.get("alias", {}).get("aliasname", target.item.name)
        condition = inner.get("whereClause", {}).get("A_Expr", {})
        equal = names(condition.get("name")) == ["="]
        return equal and _partners(target, condition, frozenset((alias,)) - {target.item.alias})
    return False


_NARROWING: Final = frozenset(("limitCount", "havingClause", "limitOffset"))


def _partners(target: WriteTarget, comparison: Node, twins: frozenset[str]) -> bool:
    """Whether the same column of the target and of another name for it are compared."""
    sides = [
        names(comparison.get(side, {}).get("ColumnRef", {}).get("fields"))
        for side in ("lexpr", "rexpr")
    ]
    if any(len(fields) < 2 for fields in sides) or sides[0][-1] != sides[1][-1]:
        return False
    one, other = sides[0][-2], sides[1][-2]
    mine = {target.item.alias, target.item.name} if not target.item.schema else {target.item.alias}
    return (one in mine and other in twins) or (other in mine and one in twins)


def _any_of(demands: list[Demand | None]) -> Demand | None:
    """One conjunct that restricts is enough."""
    possible = [one for one in demands if one is not None]
    if not possible:
        return None
    if _NOTHING_TO_CONFIRM in possible:
        return _NOTHING_TO_CONFIRM
    # Demands of several sets come from an OR inside; the first alone is then a safe answer.
    if any(len(one) > 1 for one in possible):
        return possible[0]
    return (frozenset().union(*(one[0] for one in possible)),)


def _all_of(target: WriteTarget, parts: list[Node], folding: ConstantFolding) -> Demand | None:
    """No alternative may let everything through; a bind value might, which is not known yet."""
    found: list[frozenset[str]] = []
    restricted = False
    for part in parts:
        if folding.fold(part) is False:
            continue
        one = demand(target, part, folding)
        if one is not None:
            restricted = True
            found.extend(one)
        elif not (_holds(part, "ParamRef") or _holds(part, "ColumnRef")):
            return None
    return tuple(found) if restricted else None


def _mention(target: WriteTarget, node: Node) -> Demand | None:
    references: list[tuple[list[str], bool]] = []
    _references(node, references, nested=False)
    item = target.item
    bare: list[str] = []
    for fields, nested in references:
        if len(fields) == 1:
            # Inside a sub-select a bare name is that one's own column first: it says nothing.
            if nested:
                continue
            if target.alone:
                return _NOTHING_TO_CONFIRM
            bare.append(fields[0])
        elif len(fields) > 1 and (
            fields[-2] == item.alias or fields[-3:-1] == [item.schema, item.name]
        ):
            return _NOTHING_TO_CONFIRM
    return (frozenset(bare),) if bare else None


def _references(node: Any, found: list[tuple[list[str], bool]], *, nested: bool) -> None:  # noqa: ANN401 - a parser's node; no type is published for it
    if isinstance(node, list):
        for element in node:
            _references(element, found, nested=nested)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "ColumnRef":
                found.append((names(value.get("fields")), nested))
            elif isinstance(value, (dict, list)):
                inner = nested or (key == "SelectStmt" and "fromClause" in value)
                _references(value, found, nested=inner)


def _holds(node: Any, kind: str) -> bool:  # noqa: ANN401  # a decoded tree
    if isinstance(node, list):
        return any(_holds(element, kind) for element in node)
    if isinstance(node, dict):
        return kind in node or any(
            _holds(value, kind) for value in node.values() if isinstance(value, (dict, list))
        )
    return False
