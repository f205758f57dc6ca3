"""What a gateway process does to itself."""

import gc
from collections.abc import Iterator

import pytest

from custody.app.process import freeze_heap


@pytest.fixture
def thawed() -> Iterator[None]:
    yield
    gc.unfreeze()


@pytest.mark.usefixtures("thawed")
def test_what_a_start_made_is_not_looked_at_again() -> None:
    kept = [[0]]
    freeze_heap()
    assert gc.get_freeze_count() > 1000
    assert not any(each is kept for each in gc.get_objects())
    passing = [[0]]
    assert any(each is passing for each in gc.get_objects())
