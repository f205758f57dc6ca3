"""Values of the configuration, read and spelled."""

from hypothesis import given
from hypothesis import strategies as st

from custody.model.durations import duration_words
from custody.model.value_readers import duration


@given(st.integers(min_value=1, max_value=100 * 366 * 86_400_000))
def test_a_duration_is_read_back_as_it_is_spelled(milliseconds: int) -> None:
    assert duration(duration_words(milliseconds)) == milliseconds
