"""CREATE FUNCTION and CREATE PROCEDURE, and the settings that belong to a function.

Law: a body runs nothing while it is only defined. A setting that is attached to a function holds in
every call of it, so attaching one counts as setting it.
"""

from custody.model.words import Effect
from custody.wire.sql import bodies
from custody.wire.sql.collector import NameScope, StatementCollector, names, qualified
from custody.wire.sql.node import Node
from custody.wire.sql.session import is_guard, option, word
from custody.wire.sql.syntax import MadeFunction


def create_function(collector: StatementCollector, node: Node, scope: NameScope) -> None:
    collector.effect(Effect.DEFINE)
    collector.change(MadeFunction(qualified(node.get("funcname"))[1]))
    options = node.get("options")
    language = (word(option(options, "language")) or "sql").lower()
    if language in {"c", "internal"}:
        # Its library is loaded, and runs, when the function is checked.
        collector.effect(Effect.EXECUTE)
    if attaches_guard(options):
        collector.effect(Effect.GRANT)
    text = option(options, "as")
    parts = names(text["List"].get("items")) if isinstance(text, dict) and "List" in text else []
    with collector.not_executed():
        collector.visit(node.get("sql_body", {}), scope)
        if len(parts) == 1 and language not in {"c", "internal"}:
            bodies.read_text(collector, language, parts[0], collector.source, scope)
    collector.action = "CREATE PROCEDURE" if node.get("is_procedure") else "CREATE FUNCTION"


def attaches_guard(options: list[Node] | None) -> bool:
    """Whether one of a function's ``SET`` clauses, or ``RESET``s, is of a guard. RESET ALL may take
    away one that was set before.
    """
    for element in options or ():
        definition = element.get("DefElem", {})
        change = definition.get("arg", {})
        if definition.get("defname") == "set" and "VariableSetStmt" in change:
            change = change["VariableSetStmt"]
            if change.get("kind") == "VAR_RESET_ALL" or is_guard(change.get("name", "").lower()):
                return True
    return False
