"""Utility statements: what each kind does.

Law: a kind that does not stand in these tables is unknown. A query inside counts with what it does
only where the statement runs it.
"""

from typing import Final

from custody.model.words import Effect
from custody.wire.sql import bodies
from custody.wire.sql.collector import Handler, NameScope, StatementCollector, qualified
from custody.wire.sql.definitions import DEFINITIONS, mention
from custody.wire.sql.expression import neutral
from custody.wire.sql.query import into, write_target
from custody.wire.sql.session import is_guard, option, parameter_set, truthy, word
from custody.wire.sql.syntax import (
    Begin,
    Close,
    Commit,
    Copy,
    Deallocate,
    Declare,
    DiscardAll,
    DiscardTemporary,
    Execute,
    Fetch,
    FunctionUse,
    Release,
    Rollback,
    RollbackTo,
    Savepoint,
)
from custody.wire.sql.tree import Node

READ, WRITE, DEFINE = Effect.READ, Effect.WRITE, Effect.DEFINE
GRANT, EXECUTE = Effect.GRANT, Effect.EXECUTE


def transaction(  # noqa: C901  # one arm for each kind
    reading: StatementCollector, node: Node, _scope: NameScope
) -> None:
    name, chain = node.get("savepoint_name", ""), bool(node.get("chain"))
    match node.get("kind"):
        case "TRANS_STMT_BEGIN":
            reading.action = "BEGIN"
            reading.change(Begin())
        case "TRANS_STMT_START":
            reading.action = "START TRANSACTION"
            reading.change(Begin())
        case "TRANS_STMT_COMMIT":
            reading.action = "COMMIT"
            reading.change(Commit(chain))
        case "TRANS_STMT_ROLLBACK":
            reading.action = "ROLLBACK"
            reading.change(Rollback(chain))
        case "TRANS_STMT_SAVEPOINT":
            reading.action = "SAVEPOINT"
            reading.change(Savepoint(name))
        case "TRANS_STMT_RELEASE":
            reading.action = "RELEASE"
            reading.change(Release(name))
        case "TRANS_STMT_ROLLBACK_TO":
            reading.action = "ROLLBACK"
            reading.change(RollbackTo(name))
        case "TRANS_STMT_PREPARE":
            # It outlives the session, with its locks.
            reading.action = "PREPARE TRANSACTION"
            reading.effect(WRITE)
            reading.change(Commit())
        case "TRANS_STMT_COMMIT_PREPARED":
            reading.action = "COMMIT PREPARED"
            reading.effect(WRITE)
        case "TRANS_STMT_ROLLBACK_PREPARED":
            reading.action = "ROLLBACK PREPARED"
            reading.effect(WRITE)
        case _:
            reading.unknown("transaction statement of an unknown kind")


def variable_set(reading: StatementCollector, node: Node, _scope: NameScope) -> None:
    name = node.get("name", "").lower()
    reset = node.get("kind") in {"VAR_RESET", "VAR_RESET_ALL"}
    reading.action = "RESET" if reset else "SET"
    if is_guard(name):
        reading.effect(GRANT)
    for change in parameter_set(node):
        reading.change(change)


def show(reading: StatementCollector, node: Node, _scope: NameScope) -> None:
    reading.action = "SHOW"
    # A parameter of the user's own holds what the session put there, from any column.
    reading.opaque = "." in node.get("name", "")


def discard(reading: StatementCollector, node: Node, _scope: NameScope) -> None:
    mode = str(node.get("target", "DISCARD_ALL"))
    reading.action = mode.replace("_", " ")
    if mode == "DISCARD_ALL":
        reading.change(DiscardAll())
    elif mode == "DISCARD_TEMP":
        reading.change(DiscardTemporary())


def explain(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    reading.effect(READ)
    runs = any(
        truthy(element.get("DefElem", {}).get("arg", True))
        for element in node.get("options", [])
        if element.get("DefElem", {}).get("defname", "").lower() == "analyze"
    )
    query = node.get("query", {})
    if "ExecuteStmt" in query:
        execute(reading, query["ExecuteStmt"], scope, runs=runs)
    elif runs:
        reading.visit(query, scope)
    else:
        with reading.dormant():
            reading.visit(query, scope)
    reading.action = "EXPLAIN"


def execute(
    reading: StatementCollector, node: Node, scope: NameScope, *, runs: bool = True
) -> None:
    reading.action = "EXECUTE"
    reading.change(Execute(node.get("name", ""), runs))
    for place, argument in enumerate(node.get("params", []), start=1):
        reading.visit(argument, scope)
        constant = argument.get("A_Const", {})
        if constant and not constant.get("isnull"):
            reading.literals[constant.get("location", 0)].argument = place


def _execute(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    execute(reading, node, scope)


def deallocate(reading: StatementCollector, node: Node, _scope: NameScope) -> None:
    reading.action = "DEALLOCATE" if node.get("name") else "DEALLOCATE ALL"
    reading.change(Deallocate(node.get("name", "")))


def declare(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    reading.visit(node.get("query", {}), scope)
    reading.action = "DECLARE CURSOR"
    hold = bool(node.get("options", 0) & 0x0020)  # CURSOR_OPT_HOLD
    reading.change(Declare(node.get("portalname", ""), hold))


def fetch(reading: StatementCollector, node: Node, _scope: NameScope) -> None:
    reading.action = "MOVE" if node.get("ismove") else "FETCH"
    # Its rows come from relations that its own text does not name.
    reading.opaque = not node.get("ismove")
    reading.change(Fetch(node.get("portalname", "")))


def close(reading: StatementCollector, node: Node, _scope: NameScope) -> None:
    reading.action = "CLOSE CURSOR" if node.get("portalname") else "CLOSE CURSOR ALL"
    reading.change(Close(node.get("portalname", "")))


def copy(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    reading.action = "COPY"
    incoming = bool(node.get("is_from"))
    relation = -1
    if "relation" in node:
        if incoming:
            relation = write_target(reading, node["relation"], scope)
        else:
            relation = mention(reading, node["relation"], READ)
            reading.effect(READ)
    reading.visit(node.get("query", {}), scope)
    reading.visit(node.get("whereClause", {}), scope)
    place = "program" if node.get("is_program") else "file" if node.get("filename") else "client"
    if place != "client":
        reading.effect(EXECUTE)
    options = node.get("options")
    form = word(option(options, "format")).lower() or "text"
    header = option(options, "header")
    reading.copy = Copy(
        incoming=incoming,
        relation=relation,
        columns=tuple(part["String"].get("sval", "") for part in node.get("attlist", [])),
        format=form,
        delimiter=word(option(options, "delimiter")) or ("," if form == "csv" else "\t"),
        place=place,
        null=word(option(options, "null"))
        if option(options, "null") is not None
        else ("" if form == "csv" else "\\N"),
        quote=word(option(options, "quote")) or '"',
        escape=word(option(options, "escape")) or word(option(options, "quote")) or '"',
        header=truthy(header),
    )


def call(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    reading.effect(EXECUTE)
    function = node.get("funccall", {})
    reading.visit({"FuncCall": function}, scope)
    schema, name = qualified(function.get("funcname"))
    reading.functions.pop(FunctionUse(schema, name, len(function.get("args", []))), None)
    reading.function(FunctionUse(schema, name, len(function.get("args", [])), procedure=True))
    reading.opaque = True
    reading.action = "CALL"


def do(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    reading.effect(EXECUTE)
    language = word(option(node.get("args"), "language")) or "plpgsql"
    bodies.read_body(reading, language, word(option(node.get("args"), "as")), scope)
    reading.action = "DO"


def lock(reading: StatementCollector, node: Node, _scope: NameScope) -> None:
    reading.action = "LOCK TABLE"
    for relation in node.get("relations", []):
        mention(reading, relation.get("RangeVar", {}), WRITE)
    reading.effect(WRITE)


def truncate(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    reading.action = "TRUNCATE TABLE"
    reading.bounded = False
    for relation in node.get("relations", []):
        write_target(reading, relation.get("RangeVar", {}), scope)
    reading.effect(WRITE, DEFINE)


def create_as(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    target = node.get("into", {})
    into(reading, target.get("rel", {}))
    query = node.get("query", {})
    if "ExecuteStmt" in query:
        # WITH NO DATA runs nothing, but is seldom enough to count as if it did.
        execute(reading, query["ExecuteStmt"], scope)
    else:
        reading.visit(query, scope)
    reading.visit(target.get("options", []), scope)
    view = node.get("objtype") == "OBJECT_MATVIEW"
    reading.action = "CREATE MATERIALIZED VIEW" if view else "CREATE TABLE AS"


def maintain(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    """VACUUM and ANALYZE."""
    reading.action = "VACUUM" if node.get("is_vacuumcmd") else "ANALYZE"
    for element in node.get("rels", []):
        relation = element.get("VacuumRelation", {}).get("relation")
        if relation:
            mention(reading, relation, DEFINE)
    reading.effect(DEFINE)
    neutral(reading, node.get("options", []), scope)


def nothing(action: str) -> Handler:
    """A statement without effects."""

    def handle(reading: StatementCollector, _node: Node, _scope: NameScope) -> None:
        reading.action = action

    return handle


def plain(action: str, *effects: Effect) -> Handler:
    """A statement whose effects are always the same and that names no relation."""

    def handle(reading: StatementCollector, node: Node, scope: NameScope) -> None:
        reading.effect(*effects)
        reading.visit(node, scope)
        reading.action = action

    return handle


HANDLERS: Final[dict[str, Handler]] = {
    "CallStmt": call,
    "CheckPointStmt": plain("CHECKPOINT", EXECUTE),
    "ClosePortalStmt": close,
    "ConstraintsSetStmt": nothing("SET CONSTRAINTS"),
    "CopyStmt": copy,
    "CreateTableAsStmt": create_as,
    "DeallocateStmt": deallocate,
    "DeclareCursorStmt": declare,
    "DiscardStmt": discard,
    "DoStmt": do,
    "ExecuteStmt": _execute,
    "ExplainStmt": explain,
    "FetchStmt": fetch,
    "ListenStmt": nothing("LISTEN"),
    "LoadStmt": plain("LOAD", EXECUTE),
    "LockStmt": lock,
    "NotifyStmt": plain("NOTIFY", WRITE),
    "TransactionStmt": transaction,
    "TruncateStmt": truncate,
    "UnlistenStmt": nothing("UNLISTEN"),
    "VacuumStmt": maintain,
    "VariableSetStmt": variable_set,
    "VariableShowStmt": show,
    **DEFINITIONS,
}
