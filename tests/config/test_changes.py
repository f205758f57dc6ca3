"""What an operator and an investigator are told of two configurations' difference."""

from pathlib import Path

import pytest

from custody.config.changes import (
    fixed_keys_changed,
    new_approvers,
    tables_changed,
    targets_gone,
    weaker_masks,
)
from custody.config.load import parse_config
from custody.config.tables import Config

BASE = """
[gateway]
name = "gw1.example.com"
[listen.postgres]
address = "127.0.0.1:0"
[[target]]
name = "orders"
protocol = "postgres"
address = "127.0.0.1:5432"
database = "orders"
user = "app"
password = "plain:hidden"
[[grant]]
groups = ["agents"]
targets = ["*"]
effects = ["read"]
[[rule]]
name = "big"
when = '"write" in command.effects'
then = "ask"
approvers = ["dba"]
[[mask]]
columns = ["users.ssn"]
[[mask]]
detect = ["card"]
as = "token"
"""


def read(*changes: tuple[str, str]) -> Config:
    text = BASE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return parse_config(text.encode(), Path("/x/custody.toml"))


@pytest.mark.parametrize(
    ("change", "tables", "fixed"),
    [
        (("gw1", "gw2"), ["gateway"], ["gateway.name"]),
        (('address = "127.0.0.1:0"', 'address = "127.0.0.1:1"'), ["listen"],
         ["listen.postgres.address"]),
        (("[[grant]]", '[listen.console]\naddress = "127.0.0.1:0"\n[[grant]]'), [],
         ["listen.console"]),
        (('user = "app"', 'user = "app"\nlisten = "127.0.0.1:0"'), ["target"],
         ["target orders: listen"]),
        (('user = "app"', 'user = "other"'), ["target"], []),
        (("plain:hidden", "plain:other"), ["target"], []),
        (('"read"', '"write"'), ["grant"], []),
        (('"card"', '"email"'), ["mask"], []),
        (("[[grant]]", "[capture]\nresponse_bytes = 5\n[[grant]]"), ["capture"], []),
        (("[[grant]]", '[log]\nlevel = "error"\n[[grant]]'), ["log"], []),
    ],
)  # fmt: skip
def test_what_changed_and_what_cannot(
    change: tuple[str, str], tables: list[str], fixed: list[str]
) -> None:
    old, new = read(), read(change)
    assert list(tables_changed(old, new)) == tables
    assert list(fixed_keys_changed(old, new)) == fixed
    assert list(fixed_keys_changed(old, old)) == []
    assert "hidden" not in "".join([*tables_changed(old, new), *fixed_keys_changed(old, new)])


def test_a_file_read_twice_has_not_changed() -> None:
    assert list(tables_changed(read(), read())) == []


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ([], []),
        ([('columns = ["users.ssn"]', 'columns = ["users.ssn", "users.mail"]')], []),
        ([('columns = ["users.ssn"]', 'columns = ["users.mail"]')],
         ["columns users.ssn is no longer masked"]),
        ([('as = "token"', 'as = "last4"')],
         ["detector card is masked as last4, no longer as token"]),
        ([('as = "token"', 'as = "redact"')], []),
        ([("[[mask]]\ndetect", '[[mask]]\ndetect = ["card"]\nas = "last4"\n[[mask]]\ndetect')],
         ["detector card is masked as last4, no longer as token"]),
    ],
)  # fmt: skip
def test_a_weaker_mask_is_named(changes: list[tuple[str, str]], said: list[str]) -> None:
    assert list(weaker_masks(read(), read(*changes))) == said


def test_new_approvers_and_targets_that_are_gone_are_named() -> None:
    new = read(
        ('approvers = ["dba"]', 'approvers = ["dba", "all"]'), ('name = "orders"', 'name = "o"')
    )
    assert list(new_approvers(read(), new)) == ["rule big may now be approved by all"]
    assert list(new_approvers(new, read())) == []
    assert targets_gone(read(), new) == {"orders"}
