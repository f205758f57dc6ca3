"""Definitions: what DDL and the statements about roles and privileges do.

Law: a definition's text runs nothing, except where PostgreSQL evaluates it at once (a new column's
default, the bounds of a partition); only there do functions count.
"""

from collections.abc import Callable
from typing import Final

from custody.model.words import Effect
from custody.wire.sql.builtin.special import effects_of_writing, is_settings
from custody.wire.sql.collector import (
    ANY,
    Handler,
    NameScope,
    StatementCollector,
    names,
    qualified,
)
from custody.wire.sql.statements.definition_kinds import PLAIN, WIDE, kind_of, plain_action
from custody.wire.sql.statements.named_objects import describe, drop, mention, move, named
from custody.wire.sql.statements.query import into
from custody.wire.sql.statements.routines import attach, create_function
from custody.wire.sql.syntax import MadeFunction, MadeRelation
from custody.wire.sql.text.node import Node

DEFINE, GRANT, EXECUTE = Effect.DEFINE, Effect.GRANT, Effect.EXECUTE


def defines(action: str, *effects: Effect) -> Handler:
    """DDL about at most one relation; what its text holds is not run."""

    def handle(collector: StatementCollector, node: Node, scope: NameScope) -> None:
        collector.effect(*(effects or (DEFINE,)))
        rest = dict(node)
        if "relname" in rest.get("relation", {}):
            mention(collector, rest.pop("relation"))
        with collector.not_executed():
            collector.visit(rest, scope)
        collector.action = action

    return handle


def secretive(
    action: str, *effects: Effect, inner: Callable[..., Handler] | None = None
) -> Handler:
    """As ``defines``, for statements whose options hold passwords or connection strings."""
    as_usual = (inner or defines)(action, *effects)

    def handle(collector: StatementCollector, node: Node, scope: NameScope) -> None:
        as_usual(collector, node, scope)
        collector.all_secret = True

    return handle


def makes(action: str) -> Handler:
    """DDL that may bring a function, operator, cast or type into being."""
    inner = defines(action)

    def handle(collector: StatementCollector, node: Node, scope: NameScope) -> None:
        inner(collector, node, scope)
        parts = next(
            (node[key] for key in ("defnames", "domainname", "typeName") if key in node), None
        )
        name = qualified(parts)[1] if isinstance(parts, list) else ""
        collector.change(MadeFunction(name))
        if action == "CREATE":
            collector.action = f"CREATE {kind_of(node.get('kind'))}"

    return handle


def _is_temporary(relation: Node) -> bool:
    return relation.get("relpersistence") == "t" or relation.get("schemaname") == "pg_temp"


def create_table(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    into(collector, node.get("relation", {}), on_commit=node.get("oncommit", ""))
    rest = {key: value for key, value in node.items() if key not in {"relation", "partbound"}}
    if _is_temporary(node.get("relation", {})):
        # Who may only write can make one, and run its defaults and checks by an INSERT.
        collector.visit(rest, scope)
        collector.effects.discard(Effect.READ)
    else:
        with collector.not_executed():
            collector.visit(rest, scope)
    collector.visit(node.get("partbound", {}), scope)
    collector.action = "CREATE TABLE"


_REACHES_OUT: Final = frozenset(("filename", "program"))
"""Options of file_fdw, wherever they are given: a file of the server's is read, or a program run,
by whoever reads the table later.
"""


def _option(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    """Any option of any statement, also of one that is only defined."""
    if node.get("defname", "").lower() in _REACHES_OUT:
        collector.effects.add(EXECUTE)
    collector.visit(node, scope)


def create_foreign_table(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    create_table(collector, node.get("base", {}), scope)
    collector.effect(DEFINE)
    collector.visit(node.get("options", []), scope)
    collector.action = "CREATE FOREIGN TABLE"


def create_view(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    into(collector, node.get("view", {}), view=True)
    first = len(collector.relations)
    if _is_temporary(node.get("view", {})):
        # It needs no right to define; so what reading it will do counts now.
        collector.visit(node.get("query", {}), scope)
    else:
        with collector.not_executed():
            collector.visit(node.get("query", {}), scope)
    for use in collector.relations[first:]:
        # Who may write to the view later writes to what it stands on. The session remembers that
        # of its temporary ones; nobody remembers it of the others.
        if is_settings(use.schema, use.name) or not _is_temporary(node.get("view", {})):
            collector.effect(*effects_of_writing(use.schema, use.name))
    collector.action = "CREATE VIEW"


def create_rule(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    """What it does instead of a write is not run yet, but then without a look at it."""
    first = len(collector.relations)
    defines("CREATE RULE")(collector, node, scope)
    for use in collector.relations[first:]:
        if use.use == Effect.WRITE:
            collector.effect(*effects_of_writing(use.schema, use.name))


def create_sequence(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    into(collector, node.get("sequence", {}))
    collector.action = "CREATE SEQUENCE"


def alter_sequence(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    mention(collector, node.get("sequence", {}))
    collector.effect(DEFINE)
    collector.action = "ALTER SEQUENCE"


_NOT_RUN: Final = frozenset(("AT_ColumnDefault", "AT_SetExpression"))


def alter_table(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.effect(DEFINE)
    mention(collector, node.get("relation", {}))
    read_before = Effect.READ in collector.effects
    for element in node.get("cmds", []):
        command = element.get("AlterTableCmd", {})
        kind = command.get("subtype")
        if kind == "AT_ChangeOwner":
            collector.effect(GRANT)
        if kind in _NOT_RUN:
            with collector.not_executed():
                collector.visit(command, scope)
        else:
            collector.visit(command, scope)
    if not read_before:
        # The relations in its clauses (a partition, a referenced table) are not read from.
        collector.effects.discard(Effect.READ)
    collector.action = f"ALTER {kind_of(node.get('objtype', 'OBJECT_TABLE'))}"


def alter_function(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.effect(DEFINE)
    collector.change(MadeFunction(qualified(node.get("func", {}).get("objname"))[1]))
    attach(collector, node.get("actions"))
    collector.action = f"ALTER {kind_of(node.get('objtype', 'OBJECT_FUNCTION'))}"


def create_schema(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.effect(DEFINE)
    if node.get("authrole"):
        collector.effect(GRANT)
    collector.visit(node.get("schemaElts", []), scope)
    collector.change(MadeRelation("", ""))
    collector.action = "CREATE SCHEMA"


def grant(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.effect(GRANT)
    everywhere = node.get("targtype") == "ACL_TARGET_ALL_IN_SCHEMA"
    for thing in node.get("objects", []):
        if "RangeVar" in thing:
            mention(collector, thing["RangeVar"], GRANT)
        elif everywhere or node.get("objtype") == "OBJECT_SCHEMA":
            collector.relation(names([thing])[0] if names([thing]) else "", ANY, GRANT)
    collector.action = "GRANT" if node.get("is_grant") else "REVOKE"


def grant_role(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.effect(GRANT)
    collector.action = "GRANT ROLE" if node.get("is_grant") else "REVOKE ROLE"


def role(action: str) -> Handler:
    """CREATE and ALTER ROLE; a PASSWORD's string is a secret."""

    def handle(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
        collector.effect(GRANT)
        for element in node.get("options", []):
            definition = element.get("DefElem", {})
            if definition.get("defname") == "password" and "arg" in definition:
                collector.secret_after.append(definition.get("location", 0))
        collector.action = action

    return handle


def index(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    inner = defines("CREATE INDEX")
    inner(collector, node, scope)
    if node.get("idxname"):
        schema = node.get("relation", {}).get("schemaname", "")
        collector.change(MadeRelation(schema, node["idxname"]))


def contents(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    """ALTER EXTENSION … ADD and DROP."""
    defines("ALTER EXTENSION")(collector, node, scope)
    named(collector, str(node.get("objtype")), node.get("object", {}))


def wide(action: str, *effects: Effect) -> Handler:
    """DDL that is about a relation, or a schema's, or else about any."""
    inner = defines(action, *effects)

    def handle(collector: StatementCollector, node: Node, scope: NameScope) -> None:
        first = len(collector.relations)
        inner(collector, node, scope)
        for element in node.get("pubobjects", []):
            part = element.get("PublicationObjSpec", {})
            if "name" in part:
                collector.relation(part["name"], ANY, DEFINE)
        schema = node.get("local_schema", "")
        if node.get("kind") == "REINDEX_OBJECT_SCHEMA":
            schema = node.get("name", "")
        if schema:
            collector.relation(schema, ANY, DEFINE)
        if len(collector.relations) == first or node.get("for_all_tables"):
            collector.everything(DEFINE)

    return handle


def extension(action: str) -> Handler:
    inner = defines(action)

    def handle(collector: StatementCollector, node: Node, scope: NameScope) -> None:
        inner(collector, node, scope)
        collector.change(MadeFunction(""))
        collector.change(MadeRelation("", ""))

    return handle


DEFINITIONS: Final[dict[str, Handler]] = {
    **{name: defines(plain_action(name)) for name in PLAIN.split()},
    **{name: wide(plain_action(name)) for name in WIDE.split()},
    "AlterExtensionContentsStmt": contents,
    "AlterDatabaseSetStmt": defines("ALTER DATABASE", GRANT),
    "AlterDefaultPrivilegesStmt": defines("ALTER DEFAULT PRIVILEGES", GRANT),
    "AlterDomainStmt": makes("ALTER DOMAIN"),
    "AlterExtensionStmt": extension("ALTER EXTENSION"),
    "AlterForeignServerStmt": secretive("ALTER SERVER"),
    "AlterFunctionStmt": alter_function,
    "AlterObjectSchemaStmt": move,
    "AlterOperatorStmt": makes("ALTER OPERATOR"),
    "AlterOwnerStmt": move,
    "AlterRoleSetStmt": defines("ALTER ROLE", GRANT),
    "AlterRoleStmt": role("ALTER ROLE"),
    "AlterSeqStmt": alter_sequence,
    "AlterSubscriptionStmt": secretive("ALTER SUBSCRIPTION", DEFINE, EXECUTE),
    "AlterSystemStmt": secretive("ALTER SYSTEM", DEFINE, EXECUTE, GRANT),
    "AlterTableStmt": alter_table,
    "AlterTypeStmt": makes("ALTER TYPE"),
    "AlterUserMappingStmt": secretive("ALTER USER MAPPING"),
    "CommentStmt": describe("COMMENT"),
    "CompositeTypeStmt": lambda collector, _node, _scope: _composite(collector),
    "CreateCastStmt": makes("CREATE CAST"),
    "CreateDomainStmt": makes("CREATE DOMAIN"),
    "CreateExtensionStmt": extension("CREATE EXTENSION"),
    "CreateForeignServerStmt": secretive("CREATE SERVER"),
    "CreateForeignTableStmt": create_foreign_table,
    "CreateFunctionStmt": create_function,
    "CreateOpClassStmt": makes("CREATE OPERATOR CLASS"),
    "CreateOpFamilyStmt": makes("CREATE OPERATOR FAMILY"),
    "CreatePLangStmt": makes("CREATE LANGUAGE"),
    "CreateRangeStmt": makes("CREATE TYPE"),
    "CreateRoleStmt": role("CREATE ROLE"),
    "CreateSchemaStmt": create_schema,
    "CreateSeqStmt": create_sequence,
    "CreateStmt": create_table,
    "CreateSubscriptionStmt": secretive("CREATE SUBSCRIPTION", DEFINE, EXECUTE),
    "CreateTableSpaceStmt": defines("CREATE TABLESPACE", DEFINE, EXECUTE),
    "CreateUserMappingStmt": secretive("CREATE USER MAPPING"),
    "DefElem": _option,
    "DefineStmt": makes("CREATE"),
    "DropOwnedStmt": defines("DROP OWNED", DEFINE, GRANT),
    "DropRoleStmt": defines("DROP ROLE", GRANT),
    "DropStmt": drop,
    "DropSubscriptionStmt": defines("DROP SUBSCRIPTION", DEFINE, EXECUTE),
    "DropTableSpaceStmt": defines("DROP TABLESPACE", DEFINE, EXECUTE),
    "GrantRoleStmt": grant_role,
    "GrantStmt": grant,
    "ImportForeignSchemaStmt": secretive("IMPORT FOREIGN SCHEMA", DEFINE, EXECUTE, inner=wide),
    "IndexStmt": index,
    "ReassignOwnedStmt": defines("REASSIGN OWNED", DEFINE, GRANT),
    "RenameStmt": move,
    "RuleStmt": create_rule,
    "SecLabelStmt": describe("SECURITY LABEL"),
    "ViewStmt": create_view,
}


def _composite(collector: StatementCollector) -> None:
    collector.effect(DEFINE)
    collector.action = "CREATE TYPE"
