"""A browser's login at a SAML provider, whose answer comes by another site's POST."""

from collections.abc import Iterator

import pytest
from tests.web.scene import VERIFIER, Scene, scene


@pytest.fixture
def play() -> Iterator[Scene]:
    with scene() as ready:
        yield ready


def test_saml_there_and_back(play: Scene) -> None:
    browser = play.browser()
    begun = play.begin(browser, "corp-saml")
    relay = begun.told("RelayState")
    # The browser's POST comes from the provider's page: a Lax cookie stays behind.
    jar, browser.jar = browser.jar, {}
    posted = {"SAMLResponse": "cmVzcG9uc2U=", "RelayState": relay}
    back = browser.post("/saml/corp-saml/acs", posted, sec_fetch_site="cross-site")
    assert (back.status, back.location) == (303, f"/confirm?state={relay}")
    assert browser.get(back.location).status == 403, "another browser gets no further"
    browser.jar = jar
    code = play.agree(browser, relay).told("code")
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    assert browser.post("/oauth/token", form).status == 200
    assert "accepted ada saml 192.0.2.7" in play.played.records
    assert browser.post("/saml/corp-saml/acs", posted).status == 400, "a response is for one use"


@pytest.mark.parametrize(
    "form",
    [
        {"SAMLResponse": "cmVzcG9uc2U="},  # an unsolicited response
        {"SAMLResponse": "cmVzcG9uc2U=", "RelayState": "https://evil.example/"},
        {"RelayState": "x" * 43},
        {},
    ],
)
def test_saml_that_nobody_asked_for(play: Scene, form: dict[str, str]) -> None:
    answer = play.browser().post("/saml/corp-saml/acs", form)
    assert (answer.status, answer.location) == (400, "")


def test_a_saml_assertion_used_before(play: Scene) -> None:
    browser = play.browser()
    for expected in ("", "identity.replayed"):
        relay = play.begin(browser, "corp-saml").told("RelayState")
        posted = {"SAMLResponse": "cmVzcG9uc2U=", "RelayState": relay}
        assert browser.post("/saml/corp-saml/acs", posted).told("error_code") == expected


def test_a_saml_response_to_another_request(play: Scene) -> None:
    browser = play.browser()
    relay = play.begin(browser, "corp-saml").told("RelayState")
    play.played.answered_to = "_another"
    posted = {"SAMLResponse": "cmVzcG9uc2U=", "RelayState": relay}
    back = browser.post("/saml/corp-saml/acs", posted)
    assert back.told("error_code") == "identity.malformed"


def test_an_oidc_login_cannot_end_at_the_saml_door(play: Scene) -> None:
    browser = play.browser()
    state = play.begin(browser).told("state")
    posted = {"SAMLResponse": "cmVzcG9uc2U=", "RelayState": state}
    assert browser.post("/saml/corp-saml/acs", posted).status == 400
    assert browser.post("/saml/corp/acs", posted).status == 404
