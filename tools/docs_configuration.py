"""The tables of configuration keys, from the structs that read them; of references, from stores."""

from collections.abc import Mapping
from enum import Enum
from pathlib import Path

import msgspec

from custody.config.logins import ConsoleConfig, LoginConfig
from custody.config.read_table import ConfigField, fields_of
from custody.config.tables import (
    LATER_PROTOCOLS,
    LATER_TABLES,
    CaptureConfig,
    GatewayConfig,
    ListenerConfig,
    RetentionConfig,
    TargetConfig,
)
from custody.identity.oidc import OidcSettings, WorkloadSettings
from custody.identity.saml import SamlSettings
from custody.masking import MaskRule
from custody.policy import CONDITION_FIELDS, CONDITION_FUNCTIONS, Grant, Rule
from custody.vault import KIND_OF_TABLE, STORE_KINDS

BEGIN = "<!-- generated: keys; change them where a room declares its table, then `make docs` -->"
REFERENCES = "<!-- generated: references; change them in a store's module, then `make docs` -->"
END = "<!-- end of the generated part -->"
TABLES: Mapping[str, type[msgspec.Struct]] = {
    "[gateway]": GatewayConfig,
    "[listen.postgres]": ListenerConfig,
    "[listen.console]": ConsoleConfig,
    "[login]": LoginConfig,
    "[[oidc]]": OidcSettings,
    "[[workload]]": WorkloadSettings,
    "[[saml]]": SamlSettings,
    "[[target]]": TargetConfig,
    **{f"[{name}]": kind.settings for name, kind in KIND_OF_TABLE.items()},
    "[[grant]]": Grant,
    "[[rule]]": Rule,
    "[[mask]]": MaskRule,
    "[capture]": CaptureConfig,
    "[retention]": RetentionConfig,
}


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
    parts = [_table(name, kind) for name, kind in TABLES.items()]
    parts.append(_variables())
    parts.append(_later())
    return "\n".join(parts)


def _table(name: str, kind: type[msgspec.Struct]) -> str:
    lines = [f"### `{name}`", "", "| key | form | default | meaning |", "|---|---|---|---|"]
    for field in fields_of(kind):
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
                f"{said(LATER_PROTOCOLS, '[listen.{}]')}; tables {said(LATER_TABLES, '[{}]')}; "
                f"targets whose protocol is {said(LATER_PROTOCOLS, '{}')}."
            ),
            "",
        ]
    )
