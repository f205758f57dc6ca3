"""What is kept of a value that nobody could decode: its length, wherever a mask holds."""

import pytest
from tests.masking.records import masker
from tests.masking.scenes import ORDERS, SSN, USERS, mask_command, mask_response

from custody.masking.marks import MaskForm
from custody.masking.mask_rule import MaskRule
from custody.model.command import Argument
from custody.model.record import OutputColumn

UNREAD = b"\0\xd0qwert".hex()
TOKEN_BYTES = b"\0" + b"ghp_" + b"a1B2c3D4e5" * 4
SECRETIVE = masker(MaskRule(detect=("card",)))


def test_where_a_mask_holds_only_the_length_of_an_unread_value_is_kept() -> None:
    answer = mask_response(
        SECRETIVE,
        columns=(
            OutputColumn("x", "oid 5"),
            OutputColumn("y", "text"),
        ),
        captured=((UNREAD, "kept"), (None, "kept")),
        unread=((0, 0, 7),),
        relations=(ORDERS,),
    )
    assert answer.captured == (("‹binary:7 bytes›", "kept"), (None, "kept"))
    assert answer.unread == ()
    bound = Argument(UNREAD, "", 7, readable=False)
    command = mask_command(SECRETIVE, "SELECT $1", arguments=(bound,), relations=(ORDERS,))
    assert command.arguments[0].value == "‹binary:7 bytes›"


def test_without_any_mask_an_unread_value_is_kept_unless_a_secret_stands_in_it() -> None:
    for value, kept in ((UNREAD, UNREAD), (TOKEN_BYTES.hex(), "‹redacted›")):
        answer = mask_response(
            masker(),
            columns=(OutputColumn("x", "oid 5"),),
            captured=((value,),),
            unread=((0, 0, len(value) // 2),),
            relations=(ORDERS,),
        )
        assert answer.captured == ((kept,),)


@pytest.mark.parametrize("form", MaskForm)
def test_an_unread_value_of_a_masked_column_is_redacted_in_every_form(form: MaskForm) -> None:
    one = masker(MaskRule(columns=("users.ssn",), form=form))
    bound = Argument(UNREAD, "", 7, readable=False, columns=(SSN,), proven=True)
    command = mask_command(one, "SELECT $1", arguments=(bound,), relations=(USERS,))
    assert command.arguments[0].value == "‹users.ssn›"
    answer = mask_response(
        one,
        columns=(OutputColumn("ssn", "oid 5", SSN),),
        captured=((UNREAD,),),
        unread=((0, 0, 7),),
        relations=(USERS,),
    )
    assert answer.captured == (("‹users.ssn›",),)
