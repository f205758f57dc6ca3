"""Which columns an operator has named, and whether a command may meet one of them.

Law: what is not known counts as a match. Names are compared as PostgreSQL keeps them: a rule's
unquoted identifiers fold to lower case, quoted ones are taken as they stand.
"""

import re
from collections.abc import Sequence
from typing import Final, TypeVar

import msgspec

from custody.masking.marks import MarkKind, MaskForm
from custody.masking.object_cache import ObjectCache
from custody.model.command import Column, Relation
from custody.model.errors import CustodyError
from custody.model.record import OutputColumn

_PART: Final = re.compile(r'\*|"((?:[^"\x00]|"")+)"|([^\W\d][\w$]*)')
ANY: Final = "*"


class ColumnPattern(msgspec.Struct, frozen=True):
    """``schema.relation.column``; ``*`` for any."""

    schema: str
    relation: str
    name: str

    def meets(self, column: Column) -> bool:
        """Whether it names the column, or that of a relation which shares its rows."""
        return (self.name in (ANY, column.name) or not column.name) and any(
            self.meets_relation(*place) for place in ((column.schema, column.relation), *column.kin)
        )

    def meets_relation(self, schema: str, relation: str) -> bool:
        return (self.relation in (ANY, relation) or not relation) and (
            self.schema in (ANY, schema) or not schema
        )


def parse_column(text: str, where: str) -> ColumnPattern:
    """``relation.column`` or ``schema.relation.column``, as it stands in the configuration."""
    parts: list[str] = []
    at = 0
    while True:
        found = _PART.match(text, at)
        if found is None:
            raise _bad_column(where)
        whole, quoted, plain = found.group(0, 1, 2)
        if quoted is not None:
            parts.append(quoted.replace('""', '"'))
        else:
            parts.append(ANY if whole == ANY else plain.lower())
        at = found.end()
        if at == len(text):
            break
        if text[at] != ".":
            raise _bad_column(where)
        at += 1
    if len(parts) == 2:
        parts.insert(0, ANY)
    if len(parts) != 3 or parts == [ANY, ANY, ANY]:
        raise _bad_column(where)
    return ColumnPattern(*parts)


def _bad_column(where: str) -> CustodyError:
    return CustodyError(
        "config.mask-column",
        f"{where} does not name a column.",
        'Write "table.column" or "schema.table.column"; "*" stands for any table or schema, and'
        " names with capitals or signs go in double quotes.",
    )


_CREDENTIAL_COLUMNS: Final = (
    ("pg_catalog", "pg_authid", "rolpassword"),
    ("pg_catalog", "pg_shadow", "passwd"),
    ("pg_catalog", "pg_user_mapping", "umoptions"),
    ("pg_catalog", "pg_user_mappings", "umoptions"),
    ("pg_catalog", "pg_subscription", "subconninfo"),
    ("information_schema", "user_mapping_options", "option_value"),
    ("information_schema", "_pg_user_mappings", "umoptions"),
)
"""Columns of the catalogue that hold credentials (PostgreSQL manual, System Catalogs, The
Information Schema).
"""
_CREDENTIAL_RELATIONS: Final = frozenset(place[:2] for place in _CREDENTIAL_COLUMNS)
_CREDENTIAL_NAME: Final = re.compile(
    r"(?i)(?:.{0,40}_)?(?:(?:hashed|encrypted)_?)?(?:pass(?:word|wd|phrase|code)|pwd|dbpass)"
    r"(?:_?(?:hash|digest|value|text|plain|clear))?"
    r"|(?:.{0,40}_)?(?:api|secret|private|encryption|signing|master|access|account)_?keys?"
    r"|(?:.{0,40}_)?(?:access|auth|refresh|bearer|api|session|csrf)_?tokens?"
    r"|(?:.{0,40}_)?secret(?:_?(?:key|value|token|access_?key))?"
)
"""Columns that say by their name that they hold what opens something."""
_NO_CREDENTIAL_TYPES: Final = frozenset(
    {"bool", "date", "time", "timestamp", "timestamptz", "interval", "timetz", "int2", "float4"}
)
_SAMPLE_RELATIONS: Final = frozenset(
    {
        "pg_statistic",
        "pg_stats",
        "pg_statistic_ext_data",
        "pg_stats_ext",
        "pg_stats_ext_exprs",
        "pg_largeobject",
    }
)
"""Catalogue relations that hold samples of other relations' values."""
_SESSION_COLUMNS: Final = {
    "pg_settings": frozenset({"setting", "reset_val"}),
    "pg_stat_activity": frozenset({"query", "application_name"}),
}
"""Columns of views that hold what a session put there, which may come from anywhere."""
_KNOWN_VIEWS: Final = frozenset(
    {
        "pg_available_extension_versions", "pg_available_extensions", "pg_group", "pg_indexes",
        "pg_locks", "pg_matviews", "pg_policies", "pg_publication_tables", "pg_roles", "pg_rules",
        "pg_seclabels", "pg_sequences", "pg_stat_all_indexes",
        "pg_stat_all_tables", "pg_stat_database", "pg_stat_user_indexes", "pg_stat_user_tables",
        "pg_statio_user_tables", "pg_tables", "pg_timezone_abbrevs", "pg_timezone_names",
        "pg_user", "pg_views",
    }
)  # fmt: skip
"""Catalogue views that show definitions and counters, never a relation's values."""


_Key = TypeVar("_Key")
_Value = TypeVar("_Value")
_MEMORY_LIMIT: Final = 4096


def _remember(memory: dict[_Key, _Value], key: _Key, value: _Value) -> None:
    """Names repeat; the answers are kept, within a bound."""
    if len(memory) >= _MEMORY_LIMIT:
        memory.clear()
    memory[key] = value


def is_credential_name(name: str) -> bool:
    """Whether a column of this name holds what opens something, by its name alone."""
    return _CREDENTIAL_NAME.fullmatch(name) is not None


class ColumnRules:
    """The column patterns of a configuration, with the kind that each one's values become."""

    __slots__ = (
        "_builtin",
        "_kinds",
        "_memory",
        "_nameless",
        "_rules",
        "_secret",
        "_touched",
        "configured",
    )

    def __init__(self, rules: Sequence[tuple[ColumnPattern, MarkKind]], secret: MarkKind) -> None:
        """``secret``: what becomes of a column whose name says that it holds a credential."""
        self._rules: Final = tuple(rules)
        self._secret: Final = secret
        self._builtin: Final = tuple(
            (ColumnPattern(*place), BUILTIN_KIND) for place in _CREDENTIAL_COLUMNS
        )
        self.configured: Final = bool(rules)
        """Whether an operator named any column at all."""
        self._memory: Final[dict[Relation, bool]] = {}
        self._kinds: Final[dict[Column, MarkKind | None]] = {}
        self._touched: Final = ObjectCache[tuple[Relation, ...], bool]()
        self._nameless: Final = ObjectCache[tuple[Relation, ...], bool]()

    def kind_of(self, columns: Sequence[Column]) -> MarkKind | None:
        """The kind of the first rule that meets one of these columns."""
        for column in columns:
            try:
                kind = self._kinds[column]
            except KeyError:
                kind = self._find_kind(column)
                _remember(self._kinds, column, kind)
            if kind is not None:
                return kind
        return None

    def _find_kind(self, column: Column) -> MarkKind | None:
        for pattern, kind in self._rules:
            if pattern.meets(column):
                return kind
        if column.schema != "pg_catalog" and is_credential_name(column.name):
            return self._secret
        if column.schema == "pg_catalog":
            for pattern, kind in self._builtin:
                if pattern.meets(column):
                    return kind
            if self.configured and (
                column.relation in _SAMPLE_RELATIONS
                or column.name in _SESSION_COLUMNS.get(column.relation, ())
            ):
                return BUILTIN_KIND
        return None

    def kind_of_output(self, column: OutputColumn) -> MarkKind | None:
        """The kind of a result's column: by its origin, or by its name alone where it has none."""
        if column.origin is not None:
            kind = self.kind_of((column.origin,))
        else:
            kind = self._secret if is_credential_name(column.name) else None
        return None if kind is self._secret and column.type in _NO_CREDENTIAL_TYPES else kind

    def touch(self, relations: tuple[Relation, ...], *, resolved: bool) -> bool:
        """Whether values of a masked column may come from, or go to, these relations."""
        if self.configured and (not resolved or not relations):
            return not resolved
        known = self._touched.recall(relations)
        if known is not None:
            return known
        touches = self._touches if self.configured else self._holds_credentials
        return self._touched.keep(relations, any(map(touches, relations)))

    def may_show_credentials(self, relations: tuple[Relation, ...], *, resolved: bool) -> bool:
        """Whether a column of these may have a credential's name, where no name was told."""
        known = self._nameless.recall(relations)
        if known is None:
            found = any(map(self._may_name_credentials, relations))
            known = self._nameless.keep(relations, found)
        return known or not resolved

    def _may_name_credentials(self, relation: Relation) -> bool:
        if relation.columns is None:
            return relation.schema not in {"pg_catalog", "information_schema"}
        return any(map(is_credential_name, relation.columns))

    def names(self, schema: str, relation: str) -> bool:
        """Whether a rule names this relation, not only any."""
        return any(
            pattern.relation != ANY and pattern.meets_relation(schema, relation)
            for pattern, _ in self._rules
        )

    def _touches(self, relation: Relation) -> bool:
        known = self._memory.get(relation)
        if known is None:
            known = self._holds_credentials(relation) or self._may_hold(relation)
            _remember(self._memory, relation, known)
        return known

    def _may_hold(self, relation: Relation) -> bool:
        if relation.schema == "pg_catalog":
            if relation.name in _SAMPLE_RELATIONS:
                return True
            if relation.columns is None and relation.name in _KNOWN_VIEWS:
                return False
        if relation.schema == "information_schema":
            return False
        if relation.columns is None:
            return True
        places = ((relation.schema, relation.name), *relation.kin)
        return any(
            any(pattern.meets_relation(*place) for place in places)
            and (pattern.name == ANY or pattern.name in relation.columns)
            for pattern, _ in self._rules
        )

    def _holds_credentials(self, relation: Relation) -> bool:
        return (relation.schema, relation.name) in _CREDENTIAL_RELATIONS


BUILTIN_KIND: Final = MarkKind("credential", MaskForm.REDACT)
