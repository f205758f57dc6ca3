"""Bodies of DO blocks and functions: SQL and PL/pgSQL, as far as their text shows.

Law: a body that cannot be read, and SQL that a body puts together as it runs, are unknown where the
statement runs them and opaque in any case. Functions that a body calls are not followed.
"""

from collections.abc import Iterator
from typing import Any, Final

from custody.wire.sql.collector import NameScope, StatementCollector
from custody.wire.sql.session import constant
from custody.wire.sql.text.tree import SyntaxFaultError, parse, parse_body

_DEEPEST: Final = 4
"""Bodies inside bodies that are still read."""
_DYNAMIC_OWNERS: Final = frozenset(("PLpgSQL_stmt_dynexecute", "PLpgSQL_stmt_dynfors"))
_EXPRESSION_MODE: Final = 2  # RAW_PARSE_PLPGSQL_EXPR; 3 to 5 are the assignments


def read_body(collector: StatementCollector, language: str, body: str, scope: NameScope) -> None:
    """The body of a DO statement, which runs now."""
    tag = "$custody"
    while f"{tag}$" in body:
        tag += "_"
    definition = f"DO LANGUAGE plpgsql {tag}$ {body} {tag}$"
    read_text(collector, language, body, definition.encode(), scope)


def read_text(
    collector: StatementCollector, language: str, body: str, definition: bytes, scope: NameScope
) -> None:
    """A body in a language, with the text of the statement that defines it."""
    if collector.depth >= _DEEPEST:
        _unreadable(collector, "bodies nested too deep")
        return
    try:
        match language.lower():
            case "sql":
                _read_sql(collector, body, scope)
            case "plpgsql":
                for query, dynamic in _expressions(parse_body(definition), dynamic=False):
                    if dynamic:
                        _read_dynamic(collector, query, scope)
                    else:
                        _read_sql(collector, query, scope)
            case _:
                _unreadable(collector, "a body in a language that is not read")
    except SyntaxFaultError:
        _unreadable(collector, "a body that cannot be parsed")


def _unreadable(collector: StatementCollector, problem: str) -> None:
    collector.unknown(problem)
    collector.opaque = True


def _read_sql(collector: StatementCollector, text: str, scope: NameScope) -> None:
    if "\0" in text:
        raise SyntaxFaultError
    inner = StatementCollector(collector.handlers)
    inner.depth = collector.depth + 1
    inner.source = text.encode()
    for statement in parse(inner.source):
        inner.visit(statement.get("stmt", {}), scope)
    collector.absorb(inner)


def _read_dynamic(collector: StatementCollector, expression: str, scope: NameScope) -> None:
    """EXECUTE of a string: read where it is one constant, unknown otherwise."""
    value = None
    if "\0" not in expression:
        statements = parse(expression.encode())
        targets = statements[0].get("stmt", {}).get("SelectStmt", {}).get("targetList", [])
        if len(statements) == 1 and len(targets) == 1:
            value = constant(targets[0].get("ResTarget", {}).get("val", {}))
    _read_sql(collector, expression, scope)
    if value is None:
        _unreadable(collector, "SQL that is put together as it runs")
    else:
        _read_sql(collector, value, scope)


def _expressions(node: Any, *, dynamic: bool) -> Iterator[tuple[str, bool]]:  # noqa: ANN401 - a parser's node; no type is published for it
    """Every SQL text in a PL/pgSQL tree, and whether it is an expression that yields SQL."""
    if isinstance(node, list):
        for element in node:
            yield from _expressions(element, dynamic=False)
    elif isinstance(node, dict):
        for key, value in node.items():
            if key == "PLpgSQL_expr":
                yield _as_statement(value), dynamic
            elif key in _DYNAMIC_OWNERS:
                for field, inner in value.items():
                    yield from _expressions(inner, dynamic=field == "query")
            else:
                yield from _expressions(value, dynamic=dynamic or key == "dynquery")


def _as_statement(expression: dict[str, Any]) -> str:
    text = str(expression.get("query", ""))
    mode = expression.get("parseMode", 0)
    if mode < _EXPRESSION_MODE:
        return text
    if mode > _EXPRESSION_MODE:
        sign = min((text.find(s) for s in (":=", "=") if s in text), default=-1)
        if sign < 0:
            raise SyntaxFaultError
        target, text = text[:sign], text[sign:].lstrip(":=")
        # What stands in the target's brackets is evaluated too.
        return f"SELECT {text}, {target}" if "[" in target else f"SELECT {text}"
    return f"SELECT {text}"
