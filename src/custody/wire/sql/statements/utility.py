"""The effects of utility statements, by kind.

Law: a kind that does not stand in these tables is unknown. A query inside counts with what it does
only where the statement runs it.
"""

from typing import Final

from custody.model.words import Effect
from custody.wire.sql.builtin.guards import is_guard
from custody.wire.sql.collector import Handler, NameScope, StatementCollector, qualified
from custody.wire.sql.expression import neutral
from custody.wire.sql.session import (
    constant,
    option,
    parameter_set,
    truthy,
    value_set,
    word,
)
from custody.wire.sql.shown_parameters import holds_no_text, names_secret
from custody.wire.sql.statements import bodies
from custody.wire.sql.statements.definitions import DEFINITIONS
from custody.wire.sql.statements.named_objects import mention
from custody.wire.sql.statements.query import into, write_target
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
from custody.wire.sql.text.node import Node

_ROW_SHARE: Final = 2  # lockdefs.h
READ, WRITE, DEFINE = Effect.READ, Effect.WRITE, Effect.DEFINE
GRANT, EXECUTE = Effect.GRANT, Effect.EXECUTE


def transaction(  # noqa: C901  # one arm for each kind
    collector: StatementCollector, node: Node, _scope: NameScope
) -> None:
    name, chain = node.get("savepoint_name", ""), bool(node.get("chain"))
    transaction_modes(collector, node.get("options", []))
    match node.get("kind"):
        case "TRANS_STMT_BEGIN":
            collector.action = "BEGIN"
            collector.change(Begin())
        case "TRANS_STMT_START":
            collector.action = "START TRANSACTION"
            collector.change(Begin())
        case "TRANS_STMT_COMMIT":
            collector.action = "COMMIT"
            collector.change(Commit(chain))
        case "TRANS_STMT_ROLLBACK":
            collector.action = "ROLLBACK"
            collector.change(Rollback(chain))
        case "TRANS_STMT_SAVEPOINT":
            collector.action = "SAVEPOINT"
            collector.change(Savepoint(name))
        case "TRANS_STMT_RELEASE":
            collector.action = "RELEASE"
            collector.change(Release(name))
        case "TRANS_STMT_ROLLBACK_TO":
            collector.action = "ROLLBACK"
            collector.change(RollbackTo(name))
        case "TRANS_STMT_PREPARE":
            # It outlives the session, with its locks.
            collector.action = "PREPARE TRANSACTION"
            collector.effect(WRITE)
            collector.change(Commit())
        case "TRANS_STMT_COMMIT_PREPARED":
            collector.action = "COMMIT PREPARED"
            collector.effect(WRITE)
        case "TRANS_STMT_ROLLBACK_PREPARED":
            collector.action = "ROLLBACK PREPARED"
            collector.effect(WRITE)
        case _:
            collector.unknown("transaction statement of an unknown kind")


def transaction_modes(collector: StatementCollector, options: list[Node]) -> None:
    """READ WRITE and READ ONLY, of BEGIN and of SET TRANSACTION."""
    for element in options:
        definition = element.get("DefElem", {})
        if definition.get("defname") == "transaction_read_only":
            collector.setting("transaction_read_only", constant(definition.get("arg", {})))


def variable_set(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    name = node.get("name", "").lower()
    reset = node.get("kind") in {"VAR_RESET", "VAR_RESET_ALL"}
    collector.action = "RESET" if reset else "SET"
    match node.get("kind"):
        case "VAR_SET_VALUE":
            collector.setting(name, value_set(node))
        case "VAR_SET_MULTI":
            transaction_modes(collector, node.get("args", []))
        case "VAR_SET_DEFAULT" | "VAR_RESET" if is_guard(name):
            # It may have been tightened, or switched to a lesser role, on purpose.
            collector.effect(GRANT)
    for change in parameter_set(node):
        collector.change(change)


def show(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.action = "SHOW"
    # What the session put there may come from any column.
    collector.opaque = not holds_no_text(node.get("name", ""))
    collector.shows_secret = names_secret(node.get("name", ""))


def discard(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    mode = str(node.get("target", "DISCARD_ALL"))
    collector.action = mode.replace("_", " ")
    if mode == "DISCARD_ALL":
        collector.change(DiscardAll())
    elif mode == "DISCARD_TEMP":
        collector.change(DiscardTemporary())


def explain(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.effect(READ)
    runs = any(
        truthy(element.get("DefElem", {}).get("arg", True))
        for element in node.get("options", [])
        if element.get("DefElem", {}).get("defname", "").lower() == "analyze"
    )
    query = node.get("query", {})
    if "ExecuteStmt" in query:
        execute(collector, query["ExecuteStmt"], scope, runs=runs)
    elif runs:
        collector.visit(query, scope)
    else:
        collector.plans_only = True
        with collector.not_executed():
            collector.visit(query, scope)
        collector.plans_only = False
    collector.action = "EXPLAIN"


def execute(
    collector: StatementCollector, node: Node, scope: NameScope, *, runs: bool = True
) -> None:
    collector.action = "EXECUTE"
    collector.change(Execute(node.get("name", ""), runs))
    for place, argument in enumerate(node.get("params", []), start=1):
        collector.visit(argument, scope)
        constant = argument.get("A_Const", {})
        if constant and not constant.get("isnull"):
            collector.literals[constant.get("location", 0)].argument = place


def _execute(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    execute(collector, node, scope)


def deallocate(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.action = "DEALLOCATE" if node.get("name") else "DEALLOCATE ALL"
    collector.change(Deallocate(node.get("name", "")))


def declare(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.visit(node.get("query", {}), scope)
    collector.action = "DECLARE CURSOR"
    hold = bool(node.get("options", 0) & 0x0020)  # CURSOR_OPT_HOLD
    collector.change(Declare(node.get("portalname", ""), hold))


def fetch(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.action = "MOVE" if node.get("ismove") else "FETCH"
    # Its rows come from relations that its own text does not name.
    collector.opaque = not node.get("ismove")
    collector.change(Fetch(node.get("portalname", "")))


def close(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.action = "CLOSE CURSOR" if node.get("portalname") else "CLOSE CURSOR ALL"
    collector.change(Close(node.get("portalname", "")))


def copy(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.action = "COPY"
    incoming = bool(node.get("is_from"))
    if incoming:
        collector.act("COPY")
    relation = -1
    if "relation" in node:
        if incoming:
            relation = write_target(collector, node["relation"], scope)
        else:
            relation = mention(collector, node["relation"], READ)
            collector.effect(READ)
    collector.visit(node.get("query", {}), scope)
    collector.visit(node.get("whereClause", {}), scope)
    place = "program" if node.get("is_program") else "file" if node.get("filename") else "client"
    if place != "client":
        collector.effect(EXECUTE)
    options = node.get("options")
    form = word(option(options, "format")).lower() or "text"
    header = option(options, "header")
    collector.copy = Copy(
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
        encoding=word(option(options, "encoding")),
    )


def call(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.effect(EXECUTE)
    function = node.get("funccall", {})
    collector.visit({"FuncCall": function}, scope)
    schema, name = qualified(function.get("funcname"))
    collector.functions.pop(FunctionUse(schema, name, len(function.get("args", []))), None)
    collector.function(FunctionUse(schema, name, len(function.get("args", [])), procedure=True))
    collector.opaque = True
    collector.action = "CALL"


def do(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.effect(EXECUTE)
    language = word(option(node.get("args"), "language")) or "plpgsql"
    bodies.read_body(collector, language, word(option(node.get("args"), "as")), scope)
    collector.action = "DO"


def lock(collector: StatementCollector, node: Node, _scope: NameScope) -> None:
    collector.action = "LOCK TABLE"
    # ACCESS SHARE is what a SELECT takes, ROW SHARE what a lock of rows does; they only look on.
    effect = READ if node.get("mode", 0) <= _ROW_SHARE else WRITE
    for relation in node.get("relations", []):
        mention(collector, relation.get("RangeVar", {}), effect)
    collector.effect(effect)


def truncate(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.action = "TRUNCATE TABLE"
    collector.bounded = False
    collector.act("TRUNCATE TABLE")
    collector.cascades = node.get("behavior") == "DROP_CASCADE"
    for element in node.get("relations", []):
        relation = element.get("RangeVar", {})
        write_target(collector, relation, scope)
        if collector.cascades:
            name = relation.get("relname", "")
            collector.reach("truncate", relation.get("schemaname", ""), name)
    collector.effect(WRITE, DEFINE)


def create_as(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    target = node.get("into", {})
    into(collector, target.get("rel", {}), on_commit=target.get("onCommit", ""))
    query = node.get("query", {})
    if "ExecuteStmt" in query:
        # WITH NO DATA runs nothing, but is seldom enough to count as if it did.
        execute(collector, query["ExecuteStmt"], scope)
    else:
        collector.visit(query, scope)
    collector.visit(target.get("options", []), scope)
    view = node.get("objtype") == "OBJECT_MATVIEW"
    collector.action = "CREATE MATERIALIZED VIEW" if view else "CREATE TABLE AS"


def maintain(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    """VACUUM and ANALYZE."""
    collector.action = "VACUUM" if node.get("is_vacuumcmd") else "ANALYZE"
    if not node.get("rels"):
        collector.everything(DEFINE)
    for element in node.get("rels", []):
        relation = element.get("VacuumRelation", {}).get("relation")
        if relation:
            mention(collector, relation, DEFINE)
    collector.effect(DEFINE)
    neutral(collector, node.get("options", []), scope)


def nothing(action: str) -> Handler:
    """A statement without effects."""

    def handle(collector: StatementCollector, _node: Node, _scope: NameScope) -> None:
        collector.action = action

    return handle


def plain(action: str, *effects: Effect) -> Handler:
    """A statement whose effects are always the same and that names no relation."""

    def handle(collector: StatementCollector, node: Node, scope: NameScope) -> None:
        collector.effect(*effects)
        collector.visit(node, scope)
        collector.action = action

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
