"""A command that finds a gateway which has its log, and does not answer yet."""

from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest

from custody.app.admin import client
from custody.model.errors import CustodyError

LOCKED = CustodyError("log.locked", "Another process is writing the evidence log.")
STARTING = CustodyError("admin.starting", "The gateway's listeners are not open yet.")
ANSWER = {"items": ["there"], "next": None}


def told(*answers: object) -> Callable[..., Any]:
    """Gives these in turn; the last again and again."""
    left = list(answers)

    def give(*_words: object) -> object:
        answer = left.pop(0) if len(left) > 1 else left[0]
        if isinstance(answer, CustodyError):
            raise answer
        return answer

    return give


@pytest.fixture
def config(monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setattr(client, "socket_path", lambda _config: Path("admin.sock"))
    monkeypatch.setattr(client, "AGAIN_SECONDS", 0.0)
    return cast("Any", None)


def test_it_is_asked_again_until_it_answers(
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
) -> None:
    monkeypatch.setattr(client, "ask_gateway", told(None, None, STARTING, ANSWER))
    monkeypatch.setattr(client, "_offline", told(LOCKED))
    assert client.ask(config, "ticket.create", {}) == ANSWER


def test_another_that_never_answers_is_named_in_the_end(
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
) -> None:
    monkeypatch.setattr(client, "BEGIN_SECONDS", 0.05)
    monkeypatch.setattr(client, "ask_gateway", told(None))
    monkeypatch.setattr(client, "_offline", told(LOCKED))
    with pytest.raises(CustodyError) as refused:
        client.ask(config, "ticket.create", {})
    assert refused.value.code == "log.locked"


def test_what_has_another_reason_is_told_at_once(
    monkeypatch: pytest.MonkeyPatch,
    config: Any,
) -> None:
    refusal = CustodyError("loop.unknown", "There is no such loop.")
    monkeypatch.setattr(client, "ask_gateway", told(refusal, ANSWER))
    with pytest.raises(CustodyError) as refused:
        client.ask(config, "kill", {})
    assert refused.value is refusal
