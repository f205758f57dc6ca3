"""From a filter to SQL, and to the check of what SQL cannot be sure of.

Law: pure. Every value is a parameter; only names and operators from this file become SQL.
"""

from collections.abc import Iterable, Sequence
from typing import Final, NamedTuple

from custody.index.entry import searched
from custody.index.filter import Filter, SearchField, Term
from custody.index.text import SEPARATOR, fold, trigram_query, word_query

_OF_PLACE: Final = {
    SearchField.LOOP: "loop",
    SearchField.SESSION: "session",
    SearchField.TARGET: "target",
    SearchField.IDENTITY: "identity",
}
_OF_EVENT: Final = {
    SearchField.ACTION: "action",
    SearchField.VERDICT: "verdict",
    SearchField.RULE: "rule",
    SearchField.OUTCOME: "outcome",
    SearchField.COMMITTED: "committed",
    SearchField.KIND: "kind",
}
_ORDINARY: Final = {
    # Each of these repeats the condition of a partial index, which SQLite then may use.
    SearchField.VERDICT: ({"", "allow"}, "event.verdict NOT IN ('', 'allow')"),
    SearchField.OUTCOME: ({"", "ok"}, "event.outcome NOT IN ('', 'ok')"),
    SearchField.COMMITTED: ({"", "yes"}, "event.committed NOT IN ('', 'yes')"),
    SearchField.KIND: ({"command"}, "event.kind <> 'command'"),
}


class SqlCondition(NamedTuple):
    """SQL with its parameters, and the folded texts that a candidate must (not) hold."""

    sql: str
    parameters: tuple[str | int, ...]
    texts: tuple[str, ...]
    absent: tuple[str, ...]

    @property
    def exact(self) -> bool:
        """Whether SQL alone decides."""
        return not self.texts and not self.absent

    def confirms(self, text: str, arguments: Sequence[str | None], result: str) -> bool:
        if self.exact:
            return True
        parts = (fold(searched(text, arguments)), fold(result))
        return all(any(each in part for part in parts) for each in self.texts) and not any(
            each in part for each in self.absent for part in parts
        )


class _Built(NamedTuple):
    sql: list[str]
    parameters: list[str | int]

    def add(self, sql: str, *parameters: str | int) -> None:
        self.sql.append(sql)
        self.parameters.extend(parameters)


def condition(asked: Filter, low: int, high: int) -> SqlCondition:
    """The condition on ``event`` for positions from ``low`` up to, not including, ``high``."""
    built = _Built([], [])
    built.add("event.position >= ? AND event.position < ?", low, high)
    if asked.since is not None:
        built.add("event.time >= ?", asked.since)
    if asked.until is not None:
        built.add("event.time < ?", asked.until)
    if asked.n is not None:
        built.add("event.n = ?", asked.n)
    texts: list[str] = []
    absent: list[str] = []
    for term in asked.terms:
        match term.field:
            case SearchField.WORD:
                query = word_query(term.value, prefix=term.prefix)
                _text(built, "words", query, low, high, negated=term.negated)
            case SearchField.TEXT if term.negated:
                absent.append(term.value)
            case SearchField.TEXT:
                texts.append(term.value)
                query = trigram_query(term.value) or ""
                if query:
                    _text(built, "grams", query, low, high, negated=False)
            case _:
                pass
    for field in SearchField:
        _one_of(built, field, [each for each in asked.terms if each.field is field])
    return SqlCondition(
        " AND ".join(built.sql), tuple(built.parameters), tuple(texts), tuple(absent)
    )


def _text(built: _Built, table: str, query: str, low: int, high: int, *, negated: bool) -> None:
    built.add(
        f"event.position {'NOT IN' if negated else 'IN'} (SELECT rowid >> 1 FROM {table}"  # noqa: S608 - one of two names
        f" WHERE {table} MATCH ? AND rowid >= ? AND rowid < ?)",
        query,
        2 * low,
        2 * high,
    )


def _one_of(built: _Built, field: SearchField, terms: Sequence[Term]) -> None:
    if field in {SearchField.WORD, SearchField.TEXT}:
        return
    wanted = [term for term in terms if not term.negated]
    if wanted:
        _any(built, field, wanted, "")
        ordinary, rare = _ORDINARY.get(field, (set(), ""))
        if rare and not any(term.prefix or term.value in ordinary for term in wanted):
            built.add(rare)
    unwanted = [term for term in terms if term.negated]
    if unwanted:
        _any(built, field, unwanted, "NOT ")


def _any(built: _Built, field: SearchField, terms: Iterable[Term], negation: str) -> None:
    made = _Built([], [])
    for term in terms:
        _compare(made, field, term)
    either = " OR ".join(made.sql)
    if field in _OF_PLACE:
        sql = f"event.place {negation}IN (SELECT id FROM place WHERE {either})"  # noqa: S608 - built here
    else:
        sql = f"{negation}({either})"
    built.add(sql, *made.parameters)


def _compare(made: _Built, field: SearchField, term: Term) -> None:
    match field:
        case SearchField.EFFECT:
            made.add("instr(event.effects, ?)", f"{SEPARATOR}{term.value}{SEPARATOR}")
        case SearchField.OBJECT:
            # A bare name means that name in any schema.
            end = "" if term.prefix else SEPARATOR
            made.add("instr(event.objects, ?)", f"{SEPARATOR}{term.value}{end}")
            made.add("instr(event.objects, ?)", f".{term.value}{end}")
        case SearchField.ACTION:
            # The command's own, or one of a statement inside it.
            end = "" if term.prefix else SEPARATOR
            inside = f"instr('{SEPARATOR}' || event.action || '{SEPARATOR}', ?)"
            made.add(inside, f"{SEPARATOR}{term.value}{end}")
        case _:
            column = _OF_PLACE.get(field) or f"event.{_OF_EVENT[field]}"
            if term.prefix:
                made.add(f"substr({column}, 1, ?) = ?", len(term.value), term.value)
            else:
                made.add(f"{column} = ?", term.value)
