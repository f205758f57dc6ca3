"""Values of the configuration, read and spelled."""

from hypothesis import given
from hypothesis import strategies as st

from custody.model.config.value_readers import duration
from custody.model.durations import duration_words


@given(st.integers(min_value=1, max_value=100 * 366 * 86_400_000))
def test_a_duration_is_read_back_as_it_is_spelled(milliseconds: int) -> None:
    assert duration(duration_words(milliseconds)) == milliseconds
