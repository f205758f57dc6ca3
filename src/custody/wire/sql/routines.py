"""CREATE FUNCTION and CREATE PROCEDURE, and the settings that belong to a function.

Law: a body runs nothing while it is only defined. A setting that is attached to a function holds
whenever that runs, whoever calls it, so attaching one counts as setting it.
"""

from custody.model.words import Effect
from custody.wire.sql import bodies
from custody.wire.sql.collector import NameScope, StatementCollector, names, qualified
from custody.wire.sql.session import is_guard, option, word
from custody.wire.sql.syntax import MadeFunction
from custody.wire.sql.tree import Node


def create_function(reading: StatementCollector, node: Node, scope: NameScope) -> None:
    reading.effect(Effect.DEFINE)
    reading.change(MadeFunction(qualified(node.get("funcname"))[1]))
    options = node.get("options")
    language = (word(option(options, "language")) or "sql").lower()
    if language in {"c", "internal"}:
        # Its library is loaded, and runs, when the function is checked.
        reading.effect(Effect.EXECUTE)
    if attaches_guard(options):
        reading.effect(Effect.GRANT)
    text = option(options, "as")
    parts = names(text["List"].get("items")) if isinstance(text, dict) and "List" in text else []
    with reading.dormant():
        reading.visit(node.get("sql_body", {}), scope)
        if len(parts) == 1 and language not in {"c", "internal"}:
            bodies.read_text(reading, language, parts[0], reading.source, scope)
    reading.action = "CREATE PROCEDURE" if node.get("is_procedure") else "CREATE FUNCTION"


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
