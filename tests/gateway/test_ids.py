"""Identifiers of sessions, and the keys that cancel them."""

import re

from custody.gateway.ids import new_cancel_key, new_session_id


def test_a_session_id_has_the_shape_that_the_log_takes_and_is_never_the_same() -> None:
    ids = {new_session_id() for _ in range(1000)}
    assert len(ids) == 1000
    assert all(re.fullmatch(r"ses_[a-z2-7]{20}", each) for each in ids)


def test_a_cancel_key_begins_with_a_positive_process_number() -> None:
    keys = {new_cancel_key() for _ in range(1000)}
    assert len(keys) == 1000
    assert all(len(key) == 8 and key[0] < 0x80 for key in keys)
