"""What a person sees: hostile names do nothing there, and nothing comes from elsewhere."""

import re
from collections.abc import Iterator

import pytest
from tests.web.scene import ASKED, Scene, scene

from custody.model.identity import Identity


@pytest.fixture
def play() -> Iterator[Scene]:
    with scene() as ready:
        yield ready


def test_hostile_names_are_shown_and_do_nothing(play: Scene) -> None:
    play.played.identity = Identity(
        '<script>alert("x")</script>\u202eada',
        "https://id.example.com/'\"><img src=x onerror=alert(1)>",
        ("</dd><form action=//evil>", "a" * 1000, *(f"g{n}" for n in range(50))),
    )
    browser = play.browser()
    text = browser.get(f"/confirm?state={play.to_confirmation(browser)}").text
    assert "<script" not in text
    assert "<img" not in text
    assert text.count("<form") == 1
    assert "\u202e" not in text
    assert "a" * 300 not in text
    assert "and 40 more" in text


def test_a_login_begins_where_a_person_goes(play: Scene) -> None:
    for kind in ("iframe", "image", "script", "empty"):
        path = "/login/corp?" + "&".join(f"{k}={v}" for k, v in ASKED.items())
        answer = play.browser().get(path, sec_fetch_dest=kind)
        assert (answer.status, answer.location) == (403, "")


def test_the_choice_goes_on_with_what_it_was_given(play: Scene) -> None:
    browser = play.browser()
    page = browser.get("/login?" + "&".join(f"{k}={v}" for k, v in ASKED.items()) + "&x=%22%3E")
    assert page.status == 200
    assert 'href="/login/corp?redirect_uri=http%3A%2F%2F127.0.0.1%3A41000%2Fdone&amp;' in page.text
    assert 'href="/login/corp-saml?' in page.text
    assert "x=" not in page.text
    assert "custody login" in browser.get("/login").text
    wrong = browser.get("/login?redirect_uri=https://evil.example/")
    assert wrong.status == 400
    assert "evil" not in wrong.text


def test_pages_have_no_script_and_nothing_from_elsewhere(play: Scene) -> None:
    browser = play.browser()
    state = play.to_confirmation(browser)
    for path in ("/login", "/done", f"/confirm?state={state}", "/confirm?state=unknown"):
        page = browser.get(path)
        policy = page.header("content-security-policy")
        assert "default-src 'none'" in policy
        assert "frame-ancestors 'none'" in policy
        assert "script" not in policy
        assert "unsafe" not in policy
        assert not re.search(r"<(script|img|iframe|object|link)|\son\w+=|javascript:", page.text)
        assert page.header("cache-control") == "no-store"
        assert page.header("x-frame-options") == "DENY"
