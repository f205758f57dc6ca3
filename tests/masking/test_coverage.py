"""An operator is told which masked values nothing would recognise elsewhere."""

import pytest

from custody.masking.coverage import uncovered
from custody.masking.mask_rule import MaskRule


@pytest.mark.parametrize(
    ("columns", "detect", "said"),
    [
        (("payments.iban",), ("card",), 'Add "iban" to detect.'),
        (("payments.iban",), ("iban",), ""),
        (("users.ssn", "*.password"), ("card", "secret"), 'Add "ssn" to detect.'),
        (("*.password", "app.api_key"), (), ""),
        (("hr.*.salary",), ("card",), "Describe them by a pattern"),
        (("users.e_mail", "users.work_email"), (), "Values of users.e_mail, users.work_email are"),
    ],
)
def test_a_column_without_a_detector_is_named(
    columns: tuple[str, ...], detect: tuple[str, ...], said: str
) -> None:
    rules = [MaskRule(columns=columns)] + ([MaskRule(detect=detect)] if detect else [])
    sentences = uncovered(rules)
    assert len(sentences) == bool(said)
    assert said in "".join(sentences)


def test_a_pattern_may_be_what_knows_the_values() -> None:
    rules = [MaskRule(columns=("hr.badge",)), MaskRule(pattern="EMP[0-9]+", name="badge")]
    assert uncovered(rules) == ()
