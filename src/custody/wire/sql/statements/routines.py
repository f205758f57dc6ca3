"""CREATE FUNCTION and CREATE PROCEDURE, and the settings that belong to a function.

Law: a body runs nothing while it is only defined. A setting that is attached to a function holds in
every call of it, so attaching one counts as setting it.
"""

from custody.model.words import Effect
from custody.wire.sql.builtin.guards import is_guard
from custody.wire.sql.collector import NameScope, StatementCollector, names, qualified
from custody.wire.sql.session import option, value_set, word
from custody.wire.sql.statements import bodies
from custody.wire.sql.syntax import MadeFunction
from custody.wire.sql.text.node import Node


def create_function(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.effect(Effect.DEFINE)
    collector.change(MadeFunction(qualified(node.get("funcname"))[1]))
    options = node.get("options")
    language = (word(option(options, "language")) or "sql").lower()
    if language in {"c", "internal"}:
        # Its library is loaded, and runs, when the function is checked.
        collector.effect(Effect.EXECUTE)
    attach(collector, options)
    text = option(options, "as")
    parts = names(text["List"].get("items")) if isinstance(text, dict) and "List" in text else []
    with collector.not_executed():
        collector.visit(node.get("sql_body", {}), scope)
        if len(parts) == 1 and language not in {"c", "internal"}:
            bodies.read_text(collector, language, parts[0], collector.source, scope)
    collector.action = "CREATE PROCEDURE" if node.get("is_procedure") else "CREATE FUNCTION"


def attach(collector: StatementCollector, options: list[Node] | None) -> None:
    """A function's ``SET`` clauses, and ``RESET``s: RESET ALL may take away one of before."""
    for element in options or ():
        definition = element.get("DefElem", {})
        change = definition.get("arg", {})
        if definition.get("defname") != "set" or "VariableSetStmt" not in change:
            continue
        change = change["VariableSetStmt"]
        name = change.get("name", "").lower()
        match change.get("kind"):
            case "VAR_RESET_ALL":
                collector.effect(Effect.GRANT)
            case "VAR_SET_VALUE":
                collector.setting(name, value_set(change))
            case "VAR_SET_CURRENT":
                collector.setting(name, None)
            case _ if is_guard(name):
                collector.effect(Effect.GRANT)
