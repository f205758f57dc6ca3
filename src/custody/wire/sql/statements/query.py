"""SELECT, INSERT, UPDATE, DELETE and MERGE: what they touch, and under which names.

Law: a name is taken for a CTE only where PostgreSQL would take it for one; the relation that a
statement writes to is always a relation.
"""

from typing import Final

from custody.model.words import Effect
from custody.wire.sql.builtin.special import effects_of_writing, is_settings
from custody.wire.sql.collector import (
    FromItem,
    Handler,
    NameScope,
    StatementCollector,
    names,
    output_columns,
)
from custody.wire.sql.derived_outputs import visit_outputs
from custody.wire.sql.expression import assign, neutral
from custody.wire.sql.session import constant
from custody.wire.sql.syntax import ColumnUse, MadeRelation, TemporaryRelation
from custody.wire.sql.text.node import Node


def range_variable(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    """A name in a FROM clause."""
    schema, name = node.get("schemaname", ""), node.get("relname", "")
    alias = node.get("alias", {})
    columns = None if schema else scope.cte(name)
    if columns is not None:
        index = -1
    else:
        index = collector.relation(schema, name, Effect.READ)
        collector.effect(Effect.READ)
    if alias.get("colnames"):
        index, columns = -1, frozenset(names(alias["colnames"]))
    scope.items.append(
        FromItem(
            alias.get("aliasname", name),
            "" if alias else schema,
            name,
            index,
            columns or frozenset(),
        )
    )


def write_target(collector: StatementCollector, node: Node, scope: NameScope) -> int:
    """The relation that a statement writes rows to."""
    schema, name = node.get("schemaname", ""), node.get("relname", "")
    index = collector.relation(schema, name, Effect.WRITE)
    collector.effect(Effect.WRITE)
    collector.effect(*effects_of_writing(schema, name))
    if is_settings(schema, name):
        collector.setting_unknown()
    elif effects_of_writing(schema, name):
        collector.everything(Effect.DEFINE)
    alias = node.get("alias", {})
    scope.items.append(FromItem(alias.get("aliasname", name), "" if alias else schema, name, index))
    return index


def into(
    collector: StatementCollector,
    relation: Node,
    *,
    on_commit: str = "ONCOMMIT_NOOP",
    view: bool = False,
) -> None:
    """A relation that comes into being from a query, or from CREATE."""
    schema, name = relation.get("schemaname", ""), relation.get("relname", "")
    temporary = relation.get("relpersistence") == "t" or schema == "pg_temp"
    use = Effect.WRITE if temporary else Effect.DEFINE
    collector.relation("pg_temp" if temporary else schema, name, use)
    collector.effect(use)
    lasting = on_commit != "ONCOMMIT_DROP"
    collector.change(
        TemporaryRelation(name, lasting, view) if temporary else MadeRelation(schema, name)
    )


def with_clause(collector: StatementCollector, clause: Node | None, scope: NameScope) -> None:
    """CTEs come into scope one after the other, or all at once in WITH RECURSIVE."""
    if not clause:
        return
    tables = [cte.get("CommonTableExpr", {}) for cte in clause.get("ctes", [])]
    shown = {
        table.get("ctename", ""): frozenset(names(table.get("aliascolnames")))
        or output_columns(table.get("ctequery", {}))
        for table in tables
    }
    if clause.get("recursive"):
        scope.ctes.update(shown)
    for table in tables:
        collector.visit(table.get("ctequery", {}), NameScope(scope))
        collector.visit([table.get("search_clause", {}), table.get("cycle_clause", {})], scope)
        name = table.get("ctename", "")
        scope.ctes[name] = shown[name]


_WEIGHING: Final = frozenset(("distinctClause", "groupClause", "sortClause", "windowClause"))


def _weighs(node: Node) -> bool:
    return bool(node.keys() & _WEIGHING) or node.get("op", "SETOP_NONE") != "SETOP_NONE"


def select(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    """A SELECT, VALUES or TABLE, on its own or inside."""
    select_into(collector, node, scope, ())


def select_into(
    collector: StatementCollector,
    node: Node,
    outer: NameScope,
    columns: tuple[ColumnUse, ...],
    *,
    lone: bool = True,
) -> None:
    """``columns`` are those that the rows are assigned to, if any."""
    scope = NameScope(outer)
    with_clause(collector, node.get("withClause"), scope)
    if node.get("op", "SETOP_NONE") != "SETOP_NONE":
        for side in ("larg", "rarg"):
            select_into(collector, node.get(side, {}), scope, columns, lone=lone)
    if lone:
        collector.effect(Effect.READ)
    from_clause(collector, node.get("fromClause", []), scope)
    scope.fixed = _fixed(node, scope)
    for row in node.get("valuesLists", []):
        assign_row(collector, row.get("List", {}).get("items", []), columns, scope)
    targets = node.get("targetList", [])
    if outer.parent is None and not columns and node.get("op", "SETOP_NONE") == "SETOP_NONE":
        visit_outputs(collector, targets, scope)
    else:
        assign_row(collector, targets, columns, scope)
    if "intoClause" in node:
        clause = node["intoClause"]
        into(collector, clause.get("rel", {}), on_commit=clause.get("onCommit", ""))
        collector.visit(node["intoClause"].get("options", []), scope)
    if node.get("lockingClause"):
        collector.effect(Effect.WRITE)
    collector.weighs = collector.weighs or _weighs(node)
    for clause in (
        "distinctClause",
        "whereClause",
        "groupClause",
        "havingClause",
        "windowClause",
        "sortClause",
    ):
        if clause in node:
            collector.visit(node[clause], scope)
    neutral(collector, node.get("limitCount", {}), scope)
    neutral(collector, node.get("limitOffset", {}), scope)


def _fixed(node: Node, scope: NameScope) -> dict[tuple[str, ...], Node]:
    """``WHERE name = 'x'`` of the settings alone: no other type of column, and no other meaning of
    equality, can make something else of the constant.
    """
    items = node.get("fromClause", [])
    source = items[0].get("RangeVar", {}) if len(items) == 1 else {}
    if not is_settings(source.get("schemaname", ""), source.get("relname", "")):
        return {}
    if scope.cte(source["relname"]) is not None and not source.get("schemaname"):
        return {}
    condition = node.get("whereClause", {})
    logic = condition.get("BoolExpr", {})
    parts = logic.get("args", []) if logic.get("boolop") == "AND_EXPR" else [condition]
    fixed: dict[tuple[str, ...], Node] = {}
    for part in parts:
        comparison = part.get("A_Expr", {})
        column = comparison.get("lexpr", {}).get("ColumnRef")
        if (
            comparison.get("kind") == "AEXPR_OP"
            and names(comparison.get("name")) == ["="]
            and column is not None
            and constant(comparison.get("rexpr")) is not None
        ):
            fixed[tuple(names(column.get("fields")))] = comparison["rexpr"]
    return fixed


def assign_row(
    collector: StatementCollector,
    values: list[Node],
    columns: tuple[ColumnUse, ...],
    scope: NameScope,
) -> None:
    """A row of values, or the output of a SELECT, that is assigned to columns in order."""
    for position, value in enumerate(values):
        inner = value["ResTarget"].get("val", {}) if "ResTarget" in value else value
        if position < len(columns):
            assign(collector, inner, columns[position], scope)
        else:
            collector.visit(inner, scope)


def from_clause(collector: StatementCollector, items: list[Node], scope: NameScope) -> None:
    for item in items:
        from_item(collector, item, scope)


def from_item(collector: StatementCollector, item: Node, scope: NameScope) -> None:
    if "RangeVar" in item:
        range_variable(collector, item["RangeVar"], scope)
    elif "JoinExpr" in item:
        join = item["JoinExpr"]
        from_item(collector, join.get("larg", {}), scope)
        from_item(collector, join.get("rarg", {}), scope)
        collector.visit(join.get("quals", {}), scope)
        if join.get("usingClause") or join.get("isNatural"):
            collector.weighs = True
        _derived(join, scope)
        _derived({"alias": join.get("join_using_alias", {})}, scope)
    elif "RangeTableSample" in item:
        sample = item["RangeTableSample"]
        from_item(collector, sample.get("relation", {}), scope)
        collector.visit({"RangeTableSample": {**sample, "relation": {}}}, scope)
    else:
        # A sub-select, a function, a JSON or XML table: columns of its own. Those that are LATERAL
        # see their left neighbours; letting all of them see these can only weaken a claim.
        for kind, node in item.items():
            if kind == "RangeSubselect":
                collector.visit(node.get("subquery", {}), scope)
            else:
                collector.visit(item, scope)
            _derived(node if isinstance(node, dict) else {}, scope, certain=True)


def _derived(node: Node, scope: NameScope, *, certain: bool = False) -> None:
    alias = node.get("alias", {})
    name = alias.get("aliasname", "")
    columns = frozenset(names(alias.get("colnames")))
    columns |= frozenset(
        column.get("ColumnDef", {}).get("colname", "") for column in node.get("coldeflist", [])
    )
    if not columns:
        columns = output_columns(node.get("subquery", {}))
    if name or certain:
        scope.items.append(FromItem(name, "", name, -1, columns))


HANDLERS: Final[dict[str, Handler]] = {
    "RangeVar": range_variable,
    "SelectStmt": select,
}
