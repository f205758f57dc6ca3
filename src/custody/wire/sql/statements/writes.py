"""INSERT, UPDATE, DELETE and MERGE: what they write, under which conditions, and what it meets.

Law: the relation that a statement writes to is always a relation, never a CTE.
"""

from typing import Any, Final

from custody.model.words import Effect
from custody.wire.sql.collector import FromItem, Handler, NameScope, StatementCollector
from custody.wire.sql.constant_fold import ConstantFolding
from custody.wire.sql.expression import assign
from custody.wire.sql.restriction import WriteTarget, demand
from custody.wire.sql.statements.query import (
    assign_row,
    from_clause,
    from_item,
    select_into,
    with_clause,
    write_target,
)
from custody.wire.sql.syntax import ColumnUse, WriteBound
from custody.wire.sql.text.node import Node


def _column_targets(
    collector: StatementCollector, targets: list[Node], index: int, scope: NameScope
) -> tuple[ColumnUse, ...]:
    """The columns of an INSERT's list; one with a subscript or a field is not its column whole."""
    found = []
    for element in targets:
        target = element.get("ResTarget", {})
        found.append(ColumnUse((index,), target.get("name", "")))
        collector.visit(target.get("indirection", []), scope)
    return tuple(found)


_POSITIONS: Final = 1664
"""As many columns as an INSERT without a list can have (PostgreSQL's limit for a target list)."""


def insert(collector: StatementCollector, node: Node, outer: NameScope) -> None:
    scope = NameScope(outer)
    collector.act("INSERT")
    with_clause(collector, node.get("withClause"), scope)
    index = write_target(collector, node.get("relation", {}), scope)
    source = node.get("selectStmt", {}).get("SelectStmt")
    if source is not None:
        if "cols" in node:
            columns = _column_targets(collector, node["cols"], index, scope)
        else:
            columns = _by_position(source, index)
        # The rows of the source see the CTEs, not the table that they go to.
        inner = NameScope(outer)
        inner.ctes.update(scope.ctes)
        select_into(collector, source, inner, columns, lone=_reads(source))
    conflict = node.get("onConflictClause")
    if conflict:
        scope.items.append(FromItem("excluded", "", "excluded", index))
        collector.visit(conflict.get("infer", {}), scope)
        if source and conflict.get("action") == "ONCONFLICT_UPDATE" and not _few(source):
            item = next(each for each in scope.items if each.relation == index)
            condition = conflict.get("whereClause")
            _bounded(collector, WriteTarget(item, [FromItem("", "", "", -1)]), condition)
        _targeted(collector, "update", node, conflict.get("targetList", []))
        _set_clause(collector, conflict.get("targetList", []), index, scope)
        collector.visit(conflict.get("whereClause", {}), scope)
    returned = _returning(collector, node, index, scope)
    if returned and conflict and conflict.get("action") == "ONCONFLICT_UPDATE":
        collector.effect(Effect.READ)


def _by_position(source: Node, index: int) -> tuple[ColumnUse, ...]:
    rows = [row.get("List", {}).get("items", []) for row in source.get("valuesLists", [])]
    width = max([len(row) for row in rows] + [len(source.get("targetList", []))])
    if source.get("op", "SETOP_NONE") != "SETOP_NONE":
        return _by_position(source.get("larg", {}), index)
    # Behind a star nothing can be counted.
    for position, value in enumerate(source.get("targetList", [])):
        fields = value.get("ResTarget", {}).get("val", {}).get("ColumnRef", {}).get("fields", [])
        if fields and "A_Star" in fields[-1]:
            width = position
            break
    return tuple(ColumnUse((index,), "", place) for place in range(min(width, _POSITIONS)))


def _few(source: Node) -> bool:
    """A source of rows that its text narrows: VALUES, a row of its own, a condition, a LIMIT."""
    narrowed = source.keys() & {"valuesLists", "whereClause", "limitCount"}
    alone = "fromClause" not in source and source.get("op", "SETOP_NONE") == "SETOP_NONE"
    return bool(narrowed) or alone


def _reads(source: Node) -> bool:
    """A source of rows that is more than VALUES: it has output of its own."""
    return "valuesLists" not in source


def _set_clause(
    collector: StatementCollector, targets: list[Node], index: int, scope: NameScope
) -> None:
    for element in targets:
        target = element.get("ResTarget", {})
        use = ColumnUse((index,), target.get("name", ""))
        collector.visit(target.get("indirection", []), scope)
        value = target.get("val", {})
        if "MultiAssignRef" not in value:
            assign(collector, value, use, scope)
            continue
        # (a, b) = (1, 2): the same source stands behind each of its columns.
        reference = value["MultiAssignRef"]
        source, place = reference.get("source", {}), reference.get("colno", 1)
        fields = source.get("RowExpr", {}).get("args", [])
        if place <= len(fields):
            assign(collector, fields[place - 1], use, scope)
        elif place == 1:
            collector.visit(source, scope)


def _returning(collector: StatementCollector, node: Node, index: int, scope: NameScope) -> bool:
    clause = node.get("returningClause")
    if not clause:
        return False
    inner = NameScope(scope)
    inner.items.extend(FromItem(name, "", name, index) for name in ("old", "new"))
    collector.visit(clause, inner)
    return True


def _bounded(collector: StatementCollector, target: WriteTarget, condition: Any) -> None:  # noqa: ANN401 - a parser's node; no type is published for it
    folding = ConstantFolding()
    demanded = demand(target, condition, folding)
    if demanded is None:
        collector.bounded = False
    for one_of in demanded or ():
        collector.bounds.append(WriteBound(target.item.relation, tuple(sorted(one_of))))
    collector.blind = collector.blind and not folding.used_integers


def _targeted(collector: StatementCollector, how: str, node: Node, *lists: list[Node]) -> None:
    """What foreign keys make of a write to the relation."""
    relation = node.get("relation", {})
    columns = tuple(
        element.get("ResTarget", {}).get("name", "") for targets in lists for element in targets
    )
    collector.reach(how, relation.get("schemaname", ""), relation.get("relname", ""), columns)


def update(collector: StatementCollector, node: Node, outer: NameScope) -> None:
    scope = NameScope(outer)
    collector.act("UPDATE")
    _targeted(collector, "update", node, node.get("targetList", []))
    with_clause(collector, node.get("withClause"), scope)
    index = write_target(collector, node.get("relation", {}), scope)
    item = scope.items[-1]
    from_clause(collector, node.get("fromClause", []), scope)
    _set_clause(collector, node.get("targetList", []), index, scope)
    collector.visit(node.get("whereClause", {}), scope)
    _bounded(collector, WriteTarget(item, scope.items[1:]), node.get("whereClause"))
    if _returning(collector, node, index, scope):
        collector.effect(Effect.READ)


def delete(collector: StatementCollector, node: Node, outer: NameScope) -> None:
    scope = NameScope(outer)
    collector.act("DELETE")
    _targeted(collector, "delete", node)
    with_clause(collector, node.get("withClause"), scope)
    index = write_target(collector, node.get("relation", {}), scope)
    item = scope.items[-1]
    from_clause(collector, node.get("usingClause", []), scope)
    collector.visit(node.get("whereClause", {}), scope)
    _bounded(collector, WriteTarget(item, scope.items[1:]), node.get("whereClause"))
    if _returning(collector, node, index, scope):
        collector.effect(Effect.READ)


def merge(collector: StatementCollector, node: Node, outer: NameScope) -> None:
    scope = NameScope(outer)
    collector.act("MERGE")
    with_clause(collector, node.get("withClause"), scope)
    index = write_target(collector, node.get("relation", {}), scope)
    written = scope.items[-1]
    from_item(collector, node.get("sourceRelation", {}), scope)
    collector.visit(node.get("joinCondition", {}), scope)
    beside = [item for item in scope.items if item is not written]
    # Of a derived source nobody knows the columns: it is never alone.
    target = WriteTarget(written, beside)
    _bounded(collector, target, node.get("joinCondition"))
    for clause in node.get("mergeWhenClauses", []):
        when = clause.get("MergeWhenClause", {})
        collector.visit(when.get("condition", {}), scope)
        act = when.get("commandType")
        if act == "CMD_DELETE":
            _targeted(collector, "delete", node)
        elif act == "CMD_UPDATE":
            _targeted(collector, "update", node, when.get("targetList", []))
        if when.get("matchKind") == "MERGE_WHEN_NOT_MATCHED_BY_SOURCE" and act in {
            "CMD_UPDATE",
            "CMD_DELETE",
        }:
            _bounded(collector, target, when.get("condition"))
        if act == "CMD_UPDATE":
            _set_clause(collector, when.get("targetList", []), index, scope)
            continue
        values = when.get("values", [])
        columns = _column_targets(collector, when.get("targetList", []), index, scope) or tuple(
            ColumnUse((index,), "", place) for place in range(len(values))
        )
        assign_row(collector, values, columns, scope)
    if _returning(collector, node, index, scope):
        collector.effect(Effect.READ)


HANDLERS: Final[dict[str, Handler]] = {
    "DeleteStmt": delete,
    "InsertStmt": insert,
    "MergeStmt": merge,
    "UpdateStmt": update,
}
