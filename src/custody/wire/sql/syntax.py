"""The types of a statement's text.

Law: values here follow from one text and nothing else, so they may be cached by that text. A name
is as it was written (after PostgreSQL's own case folding): an empty ``schema`` means unqualified.
They cross a process border: positional msgspec structs, of which field order is the format.
"""

import msgspec

from custody.model.words import Effect


class RelationUse(msgspec.Struct, frozen=True, array_like=True):
    """A relation that the statement names, and what is done to it. Names of CTEs are not here."""

    schema: str
    name: str
    use: Effect


class FunctionUse(msgspec.Struct, frozen=True, array_like=True):
    """A function that the statement calls by name."""

    schema: str
    name: str
    count: int
    """How many arguments are written."""
    procedure: bool = False
    """It is the object of a CALL."""


class OperatorUse(msgspec.Struct, frozen=True, array_like=True):
    schema: str
    name: str


class TypeUse(msgspec.Struct, frozen=True, array_like=True):
    """A type that a cast or a definition names."""

    schema: str
    name: str


class AttributeUse(msgspec.Struct, frozen=True, array_like=True):
    """A name behind a dot. PostgreSQL takes ``value.name`` for ``name(value)`` where the value has
    no field of that name, and it may then be any function of one argument, or a cast.

    ``relations`` are indices into ``Statement.relations``: it is certainly a field if each of these
    has such a column. Without any, the text does not show what stands before the dot.
    """

    name: str
    relations: tuple[int, ...] = ()


class ColumnUse(msgspec.Struct, frozen=True, array_like=True):
    """A column of one of the statement's relations, as far as the text tells.

    ``relations`` are indices into ``Statement.relations``: it belongs to one of these. Where the
    name is not written (INSERT without a column list) ``name`` is empty and ``position`` counts
    the table's columns from 0.
    """

    relations: tuple[int, ...]
    name: str
    position: int = -1


class OutputUse(msgspec.Struct, frozen=True, array_like=True):
    """An output column of a SELECT. ``certain``: its values are worked out from ``columns`` and
    from nothing else; none for a count.
    """

    columns: tuple[ColumnUse, ...]
    certain: bool


class WriteBound(msgspec.Struct, frozen=True, array_like=True):
    """A condition that restricts a write only if one of ``names`` is a column of that relation."""

    relation: int
    names: tuple[str, ...]


class Mark(msgspec.Struct, frozen=True, array_like=True):
    """A literal, ``[start, end)`` in characters of the statement's own text, quotes included.

    ``proven``: it is directly compared with or assigned to ``columns`` and meets nothing else,
    provided that each of these can be resolved. ``argument`` numbers (from 1) an EXECUTE's
    arguments, which meet what the prepared statement's parameter meets.
    """

    start: int
    end: int
    columns: tuple[ColumnUse, ...] = ()
    proven: bool = False
    secret: bool = False
    argument: int = 0


class ParameterUse(msgspec.Struct, frozen=True, array_like=True):
    """``$number``, with all the columns that its uses meet. ``proven`` holds for every use."""

    number: int
    columns: tuple[ColumnUse, ...] = ()
    proven: bool = False
    secret: bool = False


class Copy(msgspec.Struct, frozen=True, array_like=True):
    """A COPY. ``columns`` is empty where none are listed; ``relation`` indexes
    ``Statement.relations`` and is -1 for the COPY of a query.
    """

    incoming: bool
    """COPY … FROM."""
    relation: int
    columns: tuple[str, ...]
    format: str
    """``text``, ``csv``, ``binary``, or what else was written."""
    delimiter: str
    place: str
    """``client`` (STDIN, STDOUT), ``file`` or ``program``."""
    null: str = "\\N"
    quote: str = '"'
    escape: str = '"'
    header: bool = False
    encoding: str = ""
    """As it was written; empty where the session's holds."""


class SetParameter(msgspec.Struct, frozen=True, array_like=True, tag="set"):
    """``search_path``, ``role``, ``session_authorization`` or ``standard_conforming_strings`` gets
    a value; ``values`` is ``None`` where the text does not show it, and ``reset`` says that the
    session's default comes back. An empty ``name`` may be any of them. ``maybe``: the statement may
    complete without it (``set_config`` in a row that is never made), so that both values are
    possible behind it.
    """

    name: str
    values: tuple[str, ...] | None
    local: bool = False
    reset: bool = False
    maybe: bool = False


class Reach(msgspec.Struct, frozen=True, array_like=True):
    """What a statement touches beside the relation that it names.

    ``how``: ``delete`` and ``update`` follow foreign keys, ``truncate`` all references, ``drop``
    and ``drop-type`` what depends on it, ``parent`` goes to the table of an index or a sequence,
    and ``sequence`` is itself what is touched. ``columns`` are those that an update assigns.
    """

    how: str
    schema: str
    name: str
    columns: tuple[str, ...] = ()


class SettingUse(msgspec.Struct, frozen=True, array_like=True):
    """A parameter that guards the server only by its default gets a value; ``None`` where the text
    does not show it.
    """

    name: str
    value: str | None


class DiscardAll(msgspec.Struct, frozen=True, array_like=True, tag="discard"):
    """DISCARD ALL: settings, prepared statements, cursors and temporary tables end."""


class DiscardTemporary(msgspec.Struct, frozen=True, array_like=True, tag="discard_temporary"):
    """DISCARD TEMP."""


class Begin(msgspec.Struct, frozen=True, array_like=True, tag="begin"):
    pass


class Commit(msgspec.Struct, frozen=True, array_like=True, tag="commit"):
    chain: bool = False


class Rollback(msgspec.Struct, frozen=True, array_like=True, tag="rollback"):
    chain: bool = False


class Savepoint(msgspec.Struct, frozen=True, array_like=True, tag="savepoint"):
    name: str


class Release(msgspec.Struct, frozen=True, array_like=True, tag="release"):
    name: str


class RollbackTo(msgspec.Struct, frozen=True, array_like=True, tag="rollback_to"):
    name: str


class Execute(msgspec.Struct, frozen=True, array_like=True, tag="execute"):
    """EXECUTE (also inside EXPLAIN and CREATE TABLE AS): ``runs`` is false for a plain EXPLAIN."""

    name: str
    runs: bool = True


class Deallocate(msgspec.Struct, frozen=True, array_like=True, tag="deallocate"):
    """``name`` is empty for DEALLOCATE ALL."""

    name: str


class Declare(msgspec.Struct, frozen=True, array_like=True, tag="declare"):
    """DECLARE CURSOR; the query's effects are the statement's own."""

    name: str
    hold: bool = False


class Fetch(msgspec.Struct, frozen=True, array_like=True, tag="fetch"):
    """FETCH or MOVE from a cursor."""

    name: str


class Close(msgspec.Struct, frozen=True, array_like=True, tag="close"):
    """``name`` is empty for CLOSE ALL."""

    name: str


class TemporaryRelation(msgspec.Struct, frozen=True, array_like=True, tag="temporary"):
    """A temporary relation of that name is made. ``lasting``: it stays until the session ends or
    drops it. ``view``: it stands on other relations, and ``bases`` are the objects behind it.
    """

    name: str
    lasting: bool = False
    view: bool = False
    bases: tuple[str, ...] = ()


class TemporaryDropped(msgspec.Struct, frozen=True, array_like=True, tag="temporary_dropped"):
    """A temporary relation of that name may be no more; empty: any."""

    name: str


class MadeFunction(msgspec.Struct, frozen=True, array_like=True, tag="function"):
    """A function, operator or type of that name may come into being; empty: of any name."""

    name: str


class MadeRelation(msgspec.Struct, frozen=True, array_like=True, tag="relation"):
    """A relation is made or renamed, or moves; an empty schema is where the search_path leads.

    An empty ``name`` means any.
    """

    schema: str
    name: str


Simple = (
    SetParameter
    | DiscardAll
    | DiscardTemporary
    | Begin
    | Commit
    | Rollback
    | Savepoint
    | Release
    | RollbackTo
    | Execute
    | Deallocate
    | Declare
    | Fetch
    | Close
    | TemporaryRelation
    | TemporaryDropped
    | MadeFunction
    | MadeRelation
)


class Prepare(msgspec.Struct, frozen=True, array_like=True, tag="prepare"):
    """PREPARE: ``statement`` is what EXECUTE runs; its marks lie in the PREPARE's own text."""

    name: str
    statement: "Statement"


Change = Simple | Prepare
"""What a statement does to its session when it succeeds."""


class Statement(msgspec.Struct, frozen=True, array_like=True):
    """One statement of a message; ``[start, end)`` in characters of the message.

    The spans of a message's statements lie end to end and cover it, comments included. ``effects``
    are those that the text shows by itself: its form, and built-in functions by their table.
    """

    start: int
    end: int
    action: str
    effects: frozenset[Effect]
    relations: tuple[RelationUse, ...] = ()
    """One for each mention; the same relation may stand here twice."""
    functions: tuple[FunctionUse, ...] = ()
    operators: tuple[OperatorUse, ...] = ()
    """Only those that are not certainly PostgreSQL's own."""
    types: tuple[TypeUse, ...] = ()
    """PostgreSQL's own too: a cast to one may run a user's function."""
    attributes: tuple[AttributeUse, ...] = ()
    """Only those that are not certainly fields."""
    bounded: bool = True
    bounds: tuple[WriteBound, ...] = ()
    """``bounded`` holds only if all of these do, as far as they can be checked."""
    fingerprint: str = ""
    marks: tuple[Mark, ...] = ()
    parameters: tuple[ParameterUse, ...] = ()
    parameter_count: int = 0
    changes: tuple[Change, ...] = ()
    copy: Copy | None = None
    opaque: bool = False
    """``relations`` may be short: dynamic SQL, a body in a language that is not read."""
    backslash: bool = False
    """Its message holds one, so that ``standard_conforming_strings`` matters."""
    blind: bool = False
    """The meaning is the same for any other values of the integers that the text holds."""
    problem: str = ""
    """Why ``effects`` hold ``unknown``."""
    settings: tuple[SettingUse, ...] = ()
    """Whether these loosen a guard depends on the role's defaults."""
    planned: tuple[str, ...] = ()
    """Names of types, functions and operators of a plan that is only shown: the values of its
    literals are made all the same, and with them a domain's check inside an array or a range runs.
    """
    weighs: bool = False
    """Without naming an operator it compares or casts: a text meets whatever column it meets, rows
    are put in order, told apart or joined by their names.
    """
    reaches: tuple[Reach, ...] = ()
    cascades: bool = False
    """It says CASCADE."""
    actions: tuple[str, ...] = ()
    """Of the statements inside that write rows (CTEs, EXPLAIN, cursors, bodies)."""
    outputs: tuple[OutputUse, ...] = ()
    """A SELECT's output columns, where each is written out."""
    shows_secret: bool = False
    """What it answers may be a secret by its name: a parameter's value."""
    stamp: int = 0
    """Equal for statements that differ in places and values only; 0 where nobody has said so."""


class Statements(msgspec.Struct, frozen=True, array_like=True, tag="statements"):
    """A message that could be read; none for an empty one."""

    statements: tuple[Statement, ...]


class Unreadable(msgspec.Struct, frozen=True, array_like=True, tag="unreadable"):
    """The message could not be read. ``reason`` is from a closed set and holds none of the text:
    ``syntax``, ``too-deep``, ``time-out``, ``crash``, ``too-long``, ``encoding``, ``overload``.
    """

    reason: str
    message: str = ""
    """Of ``syntax``: the parser's own words, which quote the text."""
    position: int = 0
    """Of ``syntax``: the character that they are about, from 1; 0: none."""


Analysis = Statements | Unreadable


class ParseQuestion(msgspec.Struct, frozen=True):
    """What does the text of this message say? The answer is an ``Analysis``."""

    text: str
