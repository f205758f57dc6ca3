"""What an operator may write, what is refused and how, and what a failure looks like."""

import msgspec
import pytest
from tests.masking.records import KEY, NO_RULES, masked_text, masker, seen, statement

from custody.masking.columns import parse_column
from custody.masking.marks import MaskForm
from custody.masking.mask_rule import MaskRule
from custody.masking.masker import RecordMasker
from custody.model.command import Argument, Column
from custody.model.errors import CustodyError
from custody.model.interfaces import Masker
from custody.model.record import CommandSeen, Record

SSN = Column("public", "users", "ssn")


@pytest.mark.parametrize(
    ("written", "column", "meets"),
    [
        ("users.ssn", SSN, True),
        ("USERS.SSN", SSN, True),
        ("public.users.ssn", SSN, True),
        ("other.users.ssn", SSN, False),
        ("*.ssn", SSN, True),
        ("public.*.ssn", SSN, True),
        ("users.*", SSN, True),
        ("*.password", SSN, False),
        ('"users"."ssn"', SSN, True),
        ('"Users".ssn', SSN, False),
        ('"Users"."S""SN"', Column("", "Users", 'S"SN'), True),
        ('"a.b".c', Column("x", "a.b", "c"), True),
        ("users.ssn", Column("", "", "ssn"), True),
        ("users.ssn", Column("", "orders", "ssn"), False),
        ("users.ssn", Column("public", "users", ""), True),
        ("straße.größe", Column("", "straße", "größe"), True),
    ],
)
def test_a_column_rule_meets(written: str, column: Column, *, meets: bool) -> None:
    assert parse_column(written, "mask[0]").meets(column) is meets


@pytest.mark.parametrize(
    "written",
    ["", "ssn", "a.b.c.d", "a..b", ".a", "a.", "a b.c", '"a.b', '"".a', "*.*.*", "1a.b", "a.b*"],
)
def test_a_column_rule_that_names_no_column_is_refused(written: str) -> None:
    with pytest.raises(CustodyError) as refused:
        masker(MaskRule(columns=("users.ssn", written)))
    assert refused.value.code == "config.mask-column"
    assert "mask[0].columns[1]" in refused.value.fault
    assert refused.value.cure


@pytest.mark.parametrize(
    ("rule", "code", "path"),
    [
        (MaskRule(), "config.mask-rule", "mask[0]"),
        (MaskRule(columns=("a.b",), detect=("card",)), "config.mask-rule", "mask[0]"),
        (MaskRule(pattern="a+"), "config.mask-rule", "mask[0]"),
        (MaskRule(detect=("card",), name="x"), "config.mask-rule", "mask[0].name"),
        (MaskRule(detect=("card", "cards")), "config.mask-detector", "mask[0].detect[1]"),
        (MaskRule(pattern="(", name="x"), "config.mask-pattern", "mask[0].pattern"),
        (MaskRule(pattern="(?=a)", name="x"), "config.mask-pattern", "mask[0].pattern"),
        (MaskRule(pattern="a*", name="x"), "config.mask-pattern", "mask[0].pattern"),
        (MaskRule(pattern="a|", name="x"), "config.mask-pattern", "mask[0].pattern"),
        (MaskRule(pattern=r"\b", name="x"), "config.mask-pattern", "mask[0].pattern"),
        (MaskRule(pattern="^", name="x"), "config.mask-pattern", "mask[0].pattern"),
        (MaskRule(pattern="a" * 5000, name="x"), "config.mask-pattern", "mask[0].pattern"),
    ],
)
def test_a_rule_that_cannot_work_is_refused(rule: MaskRule, code: str, path: str) -> None:
    with pytest.raises(CustodyError) as refused:
        masker(rule)
    assert (refused.value.code, path in refused.value.fault) == (code, True)
    assert refused.value.cure


def test_the_configuration_of_the_contract() -> None:
    tables = msgspec.convert(
        [
            {"columns": ["users.ssn", "*.password"]},
            {"detect": ["card", "email", "secret"], "as": "token"},
            {"pattern": "EMP-[0-9]{6}", "name": "employee", "as": "last4"},
        ],
        tuple[MaskRule, ...],
    )
    one = masker(*tables)
    assert masked_text(one, "SELECT 'EMP-123456'") == "SELECT '‹employee:****3456›'"
    with pytest.raises(msgspec.ValidationError):
        msgspec.convert([{"detects": ["card"]}], tuple[MaskRule, ...])


def test_the_first_rule_that_names_a_detector_decides() -> None:
    one = masker(MaskRule(detect=("card",)), MaskRule(detect=("card",), form=MaskForm.TOKEN))
    assert masked_text(one, "4111111111111111") == "‹card›"


def test_own_expressions_see_every_value_apart() -> None:
    one = masker(MaskRule(pattern=r"^EMP[0-9]+$", name="employee"))
    arguments = (Argument("EMP1", "text", 4), Argument("x EMP1", "text", 6))
    record = one.mask(seen(msgspec.structs.replace(statement(""), arguments=arguments)))
    assert isinstance(record.body, CommandSeen)
    assert [a.value for a in record.body.command.arguments] == ["‹employee›", "x EMP1"]


def test_the_digest_tells_rules_apart_and_nothing_of_the_key() -> None:
    rule = MaskRule(columns=("a.b",))
    assert masker(rule).digest == RecordMasker((rule,), bytes(32)).digest
    assert masker(rule).digest != masker().digest
    assert len(masker().digest) == 32


def test_another_key_gives_other_tokens() -> None:
    rule = MaskRule(detect=("card",), form=MaskForm.TOKEN)
    texts = {
        masked_text(RecordMasker((rule,), key), "4111111111111111") for key in (KEY, bytes(32))
    }
    assert len(texts) == 2


def test_a_short_key_is_refused() -> None:
    with pytest.raises(CustodyError, match="32 bytes"):
        RecordMasker((), b"short")


def test_a_failure_tells_nothing_of_the_record() -> None:
    broken = msgspec.structs.replace(statement("SELECT 'plum'"), arguments=("plum",))
    with pytest.raises(CustodyError) as failed:
        NO_RULES.mask(seen(broken))
    assert failed.value.code == "masking.failed"
    assert "plum" not in str(failed.value)
    assert failed.value.__context__ is None
    assert failed.value.__cause__ is None


def test_it_has_the_face_that_the_gateway_calls() -> None:
    def use(one: Masker, record: Record) -> Record:
        return one.mask(record)

    record = seen(statement("SELECT 1"))
    assert use(NO_RULES, record) == record
