"""Lines for what happens often: bounded, and none without its count."""

import logging

import pytest

from custody.recording.event_lines import LINES_A_SECOND, EventLines


def test_a_burst_is_counted_and_the_count_is_said(caplog: pytest.LogCaptureFixture) -> None:
    now = 0.0
    lines = EventLines(logging.getLogger("custody.test"), logging.INFO, lambda: now)
    with caplog.at_level(logging.INFO):
        for _ in range(1000):
            lines.write("a command was refused", code="denied")
        assert len(caplog.records) == LINES_A_SECOND
        now = 1.5
        lines.write("a command was refused", code="denied")
        lines.write("a command was refused", code="denied")
    facts = [getattr(record, "facts", {}) for record in caplog.records[-2:]]
    assert facts == [{"code": "denied", "left_out": 1000 - LINES_A_SECOND}, {"code": "denied"}]


def test_a_level_that_is_not_wanted_costs_nothing(caplog: pytest.LogCaptureFixture) -> None:
    lines = EventLines(logging.getLogger("custody.test"), logging.INFO, lambda: 0.0)
    with caplog.at_level(logging.WARNING):
        lines.write("a session began")
    assert caplog.records == []
