"""``[[escrow]]``: recipients are taken whole, or refused with the line and the cure."""

import msgspec
import pytest
from tests.config.test_load import MINIMAL, read, refused

from custody.config.changes import fixed_keys_changed, tables_changed
from custody.evidence.keys.escrow_recipient import MOST_RECIPIENTS, public_key_text


def table(name: str, number: int, more: str = "") -> bytes:
    key = public_key_text(bytes([number]) * 32)
    return f'[[escrow]]\nname = "{name}"\nkey = "{key}"\n{more}\n'.encode()


def test_a_recipient_loses_its_right_with_retention_unless_it_is_said() -> None:
    text = MINIMAL + table("dpo", 1) + table("court", 2, "outlives_retention = true")
    found = [(each.name, each.outlives_retention) for each in read(text).escrow]
    assert found == [("dpo", False), ("court", True)]
    assert read(MINIMAL).escrow == ()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (table("dpo", 1) + table("dpo", 2), "config.duplicate-name"),
        (table("dpo", 1).replace(b"AQEB", b"AQEC", 1), "config.value"),
        (table("a b", 1), "config.value"),
        (b'[[escrow]]\nname = "dpo"\n', "config.missing-key"),
        (
            b"".join(table(f"r{number}", number) for number in range(MOST_RECIPIENTS + 1)),
            "config.escrow-count",
        ),
    ],
)
def test_what_would_seal_for_nobody_is_refused(text: bytes, code: str) -> None:
    assert [fault.code for fault in refused(MINIMAL + text).faults] == [code]


def test_recipients_are_read_at_a_start_alone() -> None:
    old, new = read(MINIMAL + table("dpo", 1)), read(MINIMAL + table("dpo", 2))
    assert list(fixed_keys_changed(old, new)) == ["escrow"]
    assert list(tables_changed(old, new)) == ["escrow"]
    assert list(fixed_keys_changed(old, msgspec.structs.replace(old))) == []
