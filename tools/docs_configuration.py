"""The tables of configuration keys, from the structs that read them; of references, from stores."""

from collections.abc import Iterator, Sequence
from enum import Enum
from pathlib import Path

from custody import protocols
from custody.config.config_table import tables_of
from custody.config.later_parts import later_protocols, later_tables
from custody.config.read_table import ConfigField, fields_of
from custody.config.tables import Config, ListenerConfig, TargetConfig
from custody.policy import CONDITION_FIELDS, CONDITION_FUNCTIONS
from custody.vault import KIND_OF_TABLE, STORE_KINDS

BEGIN = "<!-- generated: keys; change them where a room declares its table, then `make docs` -->"
REFERENCES = "<!-- generated: references; change them in a store's module, then `make docs` -->"
Fields = Sequence[ConfigField]
END = "<!-- end of the generated part -->"


def with_keys(page: str) -> str:
    """The page with its generated part replaced."""
    return _with(page, BEGIN, _generated())


def with_references(page: str) -> str:
    """The page with its list of references replaced."""
    lines = ["| reference | where the secret is | rotates |", "|---|---|---|"]
    for kind in STORE_KINDS:
        for form in kind.forms:
            written = ", ".join(f"`{kind.scheme}:{place}`" for place in form.places)
            lines.append(f"| {written} | {form.where} | {form.rotates} |")
    return _with(page, REFERENCES, "\n".join([*lines, ""]))


def _with(page: str, begin: str, generated: str) -> str:
    before, _, rest = page.partition(begin)
    _, _, after = rest.partition(END)
    return f"{before}{begin}\n\n{generated}\n{END}{after}"


def _generated() -> str:
    parts = [_table(name, kinds) for name, kinds in _tables()]
    parts.append(_variables())
    parts.append(_later())
    return "\n".join(parts)


def _tables() -> Iterator[tuple[str, Fields]]:
    """In the order of ``Config``; a protocol's own keys stand behind those that are shared."""
    for each in tables_of(Config):
        if each.kind is ListenerConfig:
            yield from _listeners()
        elif each.kind is TargetConfig:
            yield from _targets()
            for name, store in KIND_OF_TABLE.items():
                yield f"[{name}]", fields_of(store.settings)
        else:
            yield each.heading, fields_of(each.kind)


def _listeners() -> Iterator[tuple[str, Fields]]:
    for name in sorted(protocols.names()):
        settings = protocols.settings_of(name)
        yield (
            f"[listen.{name}]",
            [
                *(
                    each
                    for each in fields_of(ListenerConfig)
                    if each.key not in settings.listener_lacks
                ),
                *fields_of(settings.listener),
            ],
        )


def _targets() -> Iterator[tuple[str, Fields]]:
    yield "[[target]]", fields_of(TargetConfig)
    for name in sorted(protocols.names()):
        if own := fields_of(protocols.settings_of(name).target):
            yield f'[[target]] with protocol = "{name}"', own


def _table(name: str, fields: Fields) -> str:
    lines = [f"### `{name}`", "", "| key | form | default | meaning |", "|---|---|---|---|"]
    for field in fields:
        form = field.how.form or field.how.read.form
        cells = (f"`{field.key}`", form, _default(field), field.how.says)
        lines.append(f"| {' | '.join(map(_cell, cells))} |")
    return "\n".join([*lines, ""])


def _default(field: ConfigField) -> str:
    if field.how.default:
        return field.how.default
    if field.required:
        return "**required**"
    match field.default:
        case bool() as value:
            return f"`{str(value).lower()}`"
        case Enum() as value:
            return f'`"{value.value}"`'
        case Path() | str():
            return f'`"{field.default}"`'
        case tuple() as values:
            return "`[" + ", ".join(f'"{value}"' for value in values) + "]`"
        case value:
            return f"`{value}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def _variables() -> str:
    lines = ["### What a rule's `when` can mention", "", "| variable | fields |", "|---|---|"]
    for variable, fields in CONDITION_FIELDS.items():
        said = ", ".join(f"`{field}`" for field in sorted(fields)) or "the time, UTC"
        lines.append(f"| `{variable}` | {said} |")
    functions = ", ".join(f"`{name}`" for name in sorted(CONDITION_FUNCTIONS))
    return "\n".join([*lines, "", f"Functions: {functions}, and CEL's operators and macros.", ""])


def _later() -> str:
    def said(names: frozenset[str], form: str) -> str:
        return ", ".join(f"`{form.format(name)}`" for name in sorted(names))

    return "\n".join(
        [
            "### Parts that are not built yet",
            "",
            (
                "Accepted with a warning at start, without effect: "
                f"{said(later_protocols(), '[listen.{}]')}; tables {said(later_tables(), '[{}]')}; "
                f"targets whose protocol is {said(later_protocols(), '{}')}."
            ),
            "",
        ]
    )
