"""Statements that name objects to drop, describe or move, and the relations that these stand for.

Law: an index, a sequence, a trigger, a rule or a policy stands for its table; what is dropped with
CASCADE takes along what depends on it.
"""

from typing import Final

from custody.model.words import Effect
from custody.wire.sql.collector import (
    ANY,
    Handler,
    NameScope,
    StatementCollector,
    names,
    qualified,
)
from custody.wire.sql.statements.definition_kinds import kind_of
from custody.wire.sql.syntax import MadeFunction, MadeRelation, TemporaryDropped
from custody.wire.sql.text.node import Node

DEFINE, GRANT = Effect.DEFINE, Effect.GRANT

_RELATIONS: Final = frozenset(
    f"OBJECT_{kind}"
    for kind in ("TABLE", "VIEW", "MATVIEW", "SEQUENCE", "INDEX", "FOREIGN_TABLE", "COLUMN")
)
_OWN_DROPS: Final = frozenset(("OBJECT_TABLE", "OBJECT_VIEW", "OBJECT_SEQUENCE"))
_OF_A_TABLE: Final = frozenset(("OBJECT_TRIGGER", "OBJECT_RULE", "OBJECT_POLICY"))


def mention(collector: StatementCollector, relation: Node, use: Effect = DEFINE) -> int:
    """A relation that the statement is about; an index or a sequence stands for its table too."""
    if use == DEFINE:
        collector.reach("parent", relation.get("schemaname", ""), relation.get("relname", ""))
    return collector.relation(relation.get("schemaname", ""), relation.get("relname", ""), use)


def named(collector: StatementCollector, kind: str, thing: Node) -> None:
    """The relation that an object of a DROP, COMMENT, … stands for, if it is one."""
    found = names(thing["List"].get("items")) if "List" in thing else names([thing])
    if kind in _OF_A_TABLE or kind in {"OBJECT_COLUMN", "OBJECT_TABCONSTRAINT"}:
        found = found[:-1]
    elif kind == "OBJECT_SCHEMA" and found:
        collector.relation(found[-1], ANY, DEFINE)
        return
    elif kind not in _RELATIONS:
        return
    if found:
        schema = found[-2] if len(found) > 1 else ""
        collector.relation(schema, found[-1], DEFINE)
        if kind in {"OBJECT_INDEX", "OBJECT_SEQUENCE"}:
            collector.reach("parent", schema, found[-1])


def _depends(collector: StatementCollector, kind: str, thing: Node) -> None:
    """What goes with a thing that is dropped with CASCADE."""
    if kind in _RELATIONS:
        schema, name = qualified(thing.get("List", {}).get("items"))
        collector.reach("drop", schema, name)
    elif kind in {"OBJECT_TYPE", "OBJECT_DOMAIN"}:
        collector.reach("drop-type", *qualified(thing.get("TypeName", {}).get("names")))
    elif kind not in _OF_A_TABLE:
        collector.everything(DEFINE)


def drop(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.effect(DEFINE)
    kind = str(node.get("removeType"))
    cascades = node.get("behavior") == "DROP_CASCADE"
    collector.cascades = cascades
    for thing in node.get("objects", []):
        named(collector, kind, thing)
        if cascades:
            _depends(collector, kind, thing)
    if kind == "OBJECT_EXTENSION":
        collector.everything(DEFINE)
    if kind in _OWN_DROPS:
        for use in collector.relations:
            collector.change(TemporaryDropped("" if cascades else use.name))
    collector.action = f"DROP {kind_of(node.get('removeType'))}"


def describe(action: str) -> Handler:
    """COMMENT and SECURITY LABEL."""

    def handle(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
        collector.effect(DEFINE)
        named(collector, str(node.get("objtype")), node.get("object", {}))
        collector.action = action

    return handle


def move(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    """RENAME, SET SCHEMA, OWNER TO: another name, place or master for the same thing."""
    kind = str(node.get("renameType", node.get("objectType", "")))
    collector.effect(DEFINE)
    if kind == "OBJECT_ROLE" or "newowner" in node:
        collector.effect(GRANT)
    relation = node.get("relation")
    if relation:
        mention(collector, relation)
        name = node.get("newname", relation.get("relname", ""))
        collector.change(MadeRelation(node.get("newschema", relation.get("schemaname", "")), name))
    elif kind == "OBJECT_SCHEMA":
        named(collector, kind, node.get("object") or {"String": {"sval": node.get("subname", "")}})
        collector.change(MadeRelation("", ""))
        collector.change(MadeFunction(""))
    else:
        collector.change(MadeFunction(node.get("newname", "")))
    collector.action = f"ALTER {kind_of(kind)}"
