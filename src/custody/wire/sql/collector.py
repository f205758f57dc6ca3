"""Collects effects, relations and names of one statement while its tree is walked.

Law: a collector only adds. A place that is visited twice keeps the weaker of two claims, and an
effect is left out only where the text is not run (a view's body, a plan that is only shown).
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, Final

from custody.model.words import Effect
from custody.wire.sql.builtin.guards import loosens, may_loosen
from custody.wire.sql.syntax import (
    AttributeUse,
    Change,
    ColumnUse,
    Copy,
    FunctionUse,
    OperatorUse,
    OutputUse,
    ParameterUse,
    Reach,
    RelationUse,
    SetParameter,
    SettingUse,
    TypeUse,
    WriteBound,
)
from custody.wire.sql.text.node import Node

ANY: Final = "*"
"""As a relation's name, all of its schema; as a schema's, all there are."""

Handler = Callable[["StatementCollector", Any, "NameScope"], None]


class FromItem:
    """Something that a FROM clause brings into scope. ``relation`` is -1 for what is derived;
    ``columns`` are then those that it certainly has.
    """

    __slots__ = ("alias", "columns", "name", "relation", "schema")

    def __init__(
        self,
        alias: str,
        schema: str,
        name: str,
        relation: int,
        columns: frozenset[str] = frozenset(),
    ) -> None:
        self.alias: Final = alias
        self.schema: Final = schema
        self.name: Final = name
        self.relation: Final = relation
        self.columns: Final = columns

    def is_meant(self, fields: list[str]) -> bool:
        """Whether ``alias``, ``table`` or ``schema.table`` qualifies one of its columns."""
        if len(fields) == 1:
            return self.alias == fields[0]
        return [self.schema, self.name] == fields[-2:]


class NameScope:
    """The names that an expression can see: the items of its query, then those around it."""

    __slots__ = ("ctes", "fixed", "items", "parent")

    def __init__(self, parent: "NameScope | None" = None) -> None:
        self.parent: Final = parent
        self.items: Final[list[FromItem]] = []
        self.ctes: Final[dict[str, frozenset[str]]] = {}
        """Each with the columns that it certainly has."""
        self.fixed: dict[tuple[str, ...], Node] = {}
        """Columns, as they are written, that this query's condition fixes to a constant."""

    def outward(self) -> Iterator["NameScope"]:
        scope: NameScope | None = self
        while scope is not None:
            yield scope
            scope = scope.parent

    def cte(self, name: str) -> frozenset[str] | None:
        """The columns that a CTE certainly has; ``None`` where the name is not one's."""
        return next((scope.ctes[name] for scope in self.outward() if name in scope.ctes), None)

    def find(self, fields: list[str]) -> FromItem | None:
        """The item that qualifies a column: ``alias``, ``table`` or ``schema.table``."""
        return next(self.find_all(fields), None)

    def find_all(self, fields: list[str]) -> Iterator[FromItem]:
        """Every item of that name, the nearest first: an alias of a join hides what is in it, so
        that a farther one may be meant.
        """
        for scope in self.outward():
            for item in scope.items:
                if item.is_meant(fields):
                    yield item


class Literal:
    """What is known of the literal that starts at a place in the text."""

    __slots__ = ("argument", "columns", "proven", "secret")

    def __init__(self, columns: tuple[ColumnUse, ...], *, proven: bool) -> None:
        self.columns = columns
        self.proven = proven
        self.secret = False
        self.argument = 0


class StatementCollector:
    def __init__(self, handlers: Mapping[str, Handler]) -> None:
        self.handlers: Final = handlers
        self.action = ""
        self.effects: Final[set[Effect]] = set()
        self.relations: Final[list[RelationUse]] = []
        self.functions: Final[dict[FunctionUse, None]] = {}
        self.operators: Final[dict[OperatorUse, None]] = {}
        self.types: Final[dict[TypeUse, None]] = {}
        self.attributes: Final[dict[AttributeUse, None]] = {}
        self.bounded = True
        self.bounds: Final[list[WriteBound]] = []
        self.literals: Final[dict[int, Literal]] = {}
        self.integers: Final[set[int]] = set()
        """Where integers stand that are literals of expressions, and nothing else."""
        self.parameters: Final[dict[int, ParameterUse]] = {}
        self.changes: Final[list[Change]] = []
        self.settings: Final[dict[SettingUse, None]] = {}
        self.planned: Final[dict[str, None]] = {}
        self.weighs = False
        self.plans_only = False
        """What is walked is planned by this statement, and not run."""
        self.reaches: Final[dict[Reach, None]] = {}
        self.cascades = False
        self.actions: Final[dict[str, None]] = {}
        self.copy: Copy | None = None
        self.outputs: tuple[OutputUse, ...] = ()
        self.shows_secret = False
        self.opaque = False
        self.blind = True
        self.plannable = False
        self.problem = ""
        self.secret_after: Final[list[int]] = []
        """The first string behind each of these places is a secret."""
        self.all_secret = False
        """Every string of the statement may be one."""
        self.source = b""
        """The statement's own text."""
        self.depth = 0
        """How many bodies this text lies in."""
        self._not_executed = 0
        self._secret_literals = 0

    @property
    def live(self) -> bool:
        """What is being walked is run by this statement."""
        return self._not_executed == 0

    @contextmanager
    def not_executed(self) -> Iterator[None]:
        self._not_executed += 1
        try:
            yield
        finally:
            self._not_executed -= 1

    @contextmanager
    def secret_literals(self) -> Iterator[None]:
        """All literals and parameters in here are secrets: passwords, keys, connection strings."""
        self._secret_literals += 1
        try:
            yield
        finally:
            self._secret_literals -= 1

    def effect(self, *effects: Effect) -> None:
        if self.live:
            self.effects.update(effects)

    def change(self, change: Change) -> None:
        if self.live:
            self.changes.append(change)

    def setting_unknown(self) -> None:
        """Any of the session's settings may change."""
        self.change(SetParameter("", None))

    def reach(self, how: str, schema: str, name: str, columns: tuple[str, ...] = ()) -> None:
        if self.live:
            self.reaches[Reach(how, schema, name, columns)] = None

    def everything(self, use: Effect) -> None:
        """It may touch any relation of the database."""
        self.relation(ANY, ANY, use)

    def act(self, action: str) -> None:
        if self.live:
            self.actions[action] = None

    def setting(self, name: str, value: str | None) -> None:
        """A parameter gets a value, by whatever means. ``name`` in lower case."""
        if loosens(name, value):
            self.effect(Effect.GRANT)
        elif may_loosen(name, value) and self.live:
            self.settings[SettingUse(name, value)] = None

    def unknown(self, problem: str) -> None:
        if self.live:
            self.effects.add(Effect.UNKNOWN)
            self.problem = self.problem or problem

    def absorb(self, inner: "StatementCollector") -> None:
        """Add what a text inside this statement says. Its places are not places of this text."""
        offset = len(self.relations)
        self.relations.extend(inner.relations)
        for bound in inner.bounds:
            self.bounds.append(WriteBound(bound.relation + offset, bound.names))
        self.bounded = self.bounded and inner.bounded
        self.opaque = self.opaque or inner.opaque
        self.all_secret = self.all_secret or inner.all_secret or bool(inner.secret_after)
        self.blind = False
        if self.live:
            self.effects.update(inner.effects)
            self.functions.update(inner.functions)
            self.operators.update(inner.operators)
            self.types.update(inner.types)
            self.settings.update(inner.settings)
            self.reaches.update(inner.reaches)
            self.planned.update(inner.planned)
            self.weighs = self.weighs or inner.weighs
            self.cascades = self.cascades or inner.cascades
            self.actions.update(inner.actions)
            for use in inner.attributes:
                self.attribute(use.name, tuple(place + offset for place in use.relations))
            self.changes.extend(inner.changes)
            self.problem = self.problem or inner.problem

    def relation(self, schema: str, name: str, use: Effect) -> int:
        self.relations.append(RelationUse(schema, name, use))
        return len(self.relations) - 1

    def function(self, use: FunctionUse) -> None:
        if self.live:
            self.functions[use] = None
        else:
            self.plan(use.name)

    def operator(self, schema: str, name: str) -> None:
        if self.live:
            self.operators[OperatorUse(schema, name)] = None
        else:
            self.plan(name)

    def type(self, schema: str, name: str) -> None:
        if self.live:
            self.types[TypeUse(schema, name)] = None
        else:
            self.plan(name)

    def plan(self, name: str) -> None:
        if self.plans_only:
            self.planned[name] = None

    def attribute(self, name: str, relations: tuple[int, ...] = ()) -> None:
        if self.live:
            self.attributes[AttributeUse(name, relations)] = None
        else:
            self.plan(name)

    def literal(self, place: int, columns: tuple[ColumnUse, ...], *, proven: bool) -> Literal:
        known = self.literals.get(place)
        if known is None:
            known = self.literals[place] = Literal(columns, proven=proven)
        else:
            known.proven = known.proven and proven
            known.columns = _joined(known.columns, columns)
        known.secret = known.secret or self._secret_literals > 0
        return known

    def parameter(self, number: int, columns: tuple[ColumnUse, ...], *, proven: bool) -> None:
        known = self.parameters.get(number)
        secret = self._secret_literals > 0
        if known is not None:
            columns = _joined(known.columns, columns)
            proven = proven and known.proven
            secret = secret or known.secret
        self.parameters[number] = ParameterUse(number, columns, proven, secret)

    def visit(self, value: Any, scope: NameScope) -> None:  # noqa: ANN401  # a decoded tree
        """Walk a node, a list of nodes, or a field's value."""
        if isinstance(value, list):
            for element in value:
                if isinstance(element, (dict, list)):
                    self.visit(element, scope)
        elif isinstance(value, dict):
            for key, inner in value.items():
                if key[0].isupper():
                    handler = self.handlers.get(key)
                    if handler is not None:
                        handler(self, inner, scope)
                        continue
                if isinstance(inner, dict):
                    self.fields(inner, scope)
                elif isinstance(inner, list):
                    self.visit(inner, scope)

    def fields(self, struct: Node, scope: NameScope) -> None:
        """Walk a struct that stands without its node's name, as some fields do."""
        if "relname" in struct:
            self.handlers["RangeVar"](self, struct, scope)
        elif "limitOption" in struct:
            self.handlers["SelectStmt"](self, struct, scope)
        elif "names" in struct and "typemod" in struct:
            self.handlers["TypeName"](self, struct, scope)
        else:
            self.visit(struct, scope)


def _joined(some: tuple[ColumnUse, ...], more: tuple[ColumnUse, ...]) -> tuple[ColumnUse, ...]:
    return some + tuple(use for use in more if use not in some)


def output_columns(query: Node) -> frozenset[str]:
    """Names that columns of a query's result certainly have: those that it gives, and those of
    columns and functions that it names. Others, and those of a star, are not here.
    """
    kind = next(iter(query), "")
    node: Node = query.get(kind, {})
    while node.get("op", "SETOP_NONE") != "SETOP_NONE":
        node = node.get("larg", {})
    targets = node.get("targetList", [])
    if kind != "SelectStmt":
        targets = node.get("returningClause", {}).get("exprs", [])
    return frozenset(filter(None, map(_output_name, targets)))


def _output_name(target: Node) -> str:
    result = target.get("ResTarget", {})
    if "name" in result:
        return str(result["name"])
    value = result.get("val", {})
    parts = value.get("ColumnRef", {}).get("fields") or value.get("FuncCall", {}).get("funcname")
    name = names(parts)[-1] if parts else ""
    return "" if name == "*" else name


def names(parts: list[Node] | None) -> list[str]:
    """The strings in a list of String nodes; a star is ``*``."""
    found: list[str] = []
    for part in parts or ():
        if "String" in part:
            found.append(part["String"].get("sval", ""))
        elif "A_Star" in part:
            found.append("*")
    return found


def qualified(parts: list[Node] | None) -> tuple[str, str]:
    """Schema (or empty) and name of a possibly qualified name; a database in front is dropped."""
    found = names(parts)
    if not found:
        return "", ""
    return (found[-2] if len(found) > 1 else ""), found[-1]
