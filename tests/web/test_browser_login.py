"""A browser's login, from the tool's link to its one-time code, and every way to spoil it."""

import re
from collections.abc import Iterator

import pytest
from tests.web.browsing import Answer, Browser
from tests.web.scene import ASKED, CHALLENGE, TOOL, VERIFIER, Scene, scene

from custody.model.errors import CustodyError


@pytest.fixture
def play() -> Iterator[Scene]:
    with scene() as ready:
        yield ready


def redeem(browser: Browser, code: str, verifier: str = VERIFIER, **other: str) -> Answer:
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier}
    return browser.post("/oauth/token", form | other)


def test_the_whole_way(play: Scene) -> None:
    browser, tool = play.browser(), play.browser("192.0.2.8")
    begun = play.begin(browser)
    assert begun.status == 303
    assert begun.location.startswith("https://id.example.com/auth?")
    assert begun.told("redirect_uri") == "https://gw.example.com:8443/login/corp/callback"
    assert begun.told("code_challenge") != CHALLENGE, "towards the provider it has its own PKCE"
    (set_cookie,) = [value for name, value in begun.headers if name == "set-cookie"]
    assert re.fullmatch(
        r"__Host-custody-[0-9a-f]{16}=[\w-]{43}; Path=/; Max-Age=600; HttpOnly; SameSite=Lax; "
        r"Secure",
        set_cookie,
    )

    state = begun.told("state")
    back = browser.get(f"/login/corp/callback?code=the-code&state={state}")
    assert (back.status, back.location) == (303, f"/confirm?state={state}")
    assert play.played.seen[0]["code"] == "the-code"
    assert play.played.seen[0]["nonce"] == begun.told("nonce")

    asked = browser.get(back.location)
    assert asked.status == 200
    for shown in ("ada", "dba", "corp", "127.0.0.1:41000", "192.0.2.7", "Check code"):
        assert shown in asked.text
    assert "form-action &#39;self&#39;" not in asked.text
    assert "form-action 'self' http://127.0.0.1:41000" in asked.header("content-security-policy")
    assert not play.played.records, "nothing is a login before its owner agreed"

    agreed = play.agree(browser, state)
    assert agreed.status == 303
    assert agreed.location.startswith(TOOL + "?code=cc_")
    assert agreed.told("state") == "the-tools-state"
    assert not browser.jar, "the cookie went with the login"

    login = redeem(tool, agreed.told("code"), redirect_uri=TOOL)
    assert login.status == 200
    assert login.json["access_token"] == "cl_the-login"
    assert login.json["issued_token_type"] == "urn:custody:token-type:login"
    assert login.json["login"]["identity"]["subject"] == "ada"
    assert login.header("cache-control") == "no-store"
    assert play.played.records == ["accepted ada oidc.code 192.0.2.8"]


@pytest.mark.parametrize(
    "redirect_uri",
    [
        "https://evil.example/",
        "http://evil.example:80/",
        "http://127.0.0.1/",  # no port
        "http://127.0.0.1:0/",
        "http://127.0.0.1:65536/",
        "http://127.0.0.1:08080/",
        "http://127.0.0.1.evil.example:8080/",
        "http://127.0.0.1:8080@evil.example/",
        "http://user:8080@127.0.0.1:8080/",
        "http://localhost.evil.example:8080/",
        "http://127.1:8080/",
        "http://2130706433:8080/",
        "http://0.0.0.0:8080/",
        "http://[::ffff:127.0.0.1]:8080/",
        "http://127.0.0.1:8080/\\evil.example",
        "http://127.0.0.1:8080/?next=x",
        "http://127.0.0.1:8080/#x",
        "http://127.0.0.1:8080/\r\nSet-Cookie: a=b",
        "http://127.0.0.1:8080/\n",
        "HTTP://127.0.0.1:8080/",
        "//127.0.0.1:8080/",
        "javascript:alert(1)//127.0.0.1:8080/",
        "custody://127.0.0.1:8080/",
        "http://127.0.0.\u0661:8080/",
        "http://127.0.0.1:\u0668080/",
        "",
    ],
)
def test_the_way_out_is_a_loopback_port_or_nothing(play: Scene, redirect_uri: str) -> None:
    browser = play.browser()
    answer = play.begin(browser, redirect_uri=redirect_uri)
    assert answer.status == 400
    assert not answer.location
    assert "login.redirect-uri" in answer.text


@pytest.mark.parametrize(
    "redirect_uri",
    ["http://127.0.0.1:1", "http://[::1]:65535/a/b", "http://localhost:8080/", TOOL],
)
def test_a_loopback_port_is_fine(play: Scene, redirect_uri: str) -> None:
    assert play.begin(play.browser(), redirect_uri=redirect_uri).status == 303


@pytest.mark.parametrize(
    ("other", "code"),
    [
        ({"code_challenge_method": "plain"}, "login.challenge"),
        ({"code_challenge_method": ""}, "login.challenge"),
        ({"code_challenge": ""}, "login.challenge"),
        ({"code_challenge": "short"}, "login.challenge"),
        ({"code_challenge": "é" * 43}, "login.challenge"),
        ({"state": ""}, "login.state"),
        ({"state": "short"}, "login.state"),
        ({"state": "with\r\na new line"}, "login.state"),
        ({"state": "x" * 513}, "web.parameter"),
    ],
)
def test_no_way_around_pkce_and_state(play: Scene, other: dict[str, str], code: str) -> None:
    answer = play.begin(play.browser(), **other)
    assert answer.status == 400
    assert code in answer.text


def test_a_code_from_another_browser_is_not_taken(play: Scene) -> None:
    """Login CSRF: the attacker's own code, in a link, must not log the victim's browser in."""
    attacker, victim = play.browser(), play.browser("198.51.100.9")
    state = play.begin(attacker).told("state")
    stolen = victim.get(f"/login/corp/callback?code=attackers&state={state}")
    assert stolen.status == 403
    assert "another browser" in stolen.text
    assert not play.played.seen, "the code was not even redeemed"
    assert play.played.records == ["refused login.browser 198.51.100.9"]
    still = attacker.get(f"/login/corp/callback?code=own&state={state}")
    assert still.status == 303, "and the right browser is not disturbed"


def test_a_confirmation_is_shown_to_the_browser_that_began(play: Scene) -> None:
    browser, other = play.browser(), play.browser("198.51.100.9")
    state = play.to_confirmation(browser)
    form = field_of(browser, state)
    assert other.get(f"/confirm?state={state}").status == 403
    answer = other.post("/confirm", {"state": state, "form": form, "answer": "yes"})
    assert answer.status == 403
    assert not answer.location


def field_of(browser: Browser, state: str) -> str:
    return browser.get(f"/confirm?state={state}").text.split('name="form" value="')[1].split('"')[0]


def test_only_the_page_itself_can_agree(play: Scene) -> None:
    browser = play.browser()
    state = play.to_confirmation(browser)
    said = {"state": state, "form": field_of(browser, state), "answer": "yes"}
    for headers in (
        {"sec_fetch_site": "cross-site"},
        {"sec_fetch_site": "same-site"},
        {"sec_fetch_site": "none"},
    ):
        assert browser.post("/confirm", said, **headers).status == 403
    assert browser.post("/confirm", said | {"form": "x" * 43}).status == 403
    assert browser.post("/confirm", said | {"form": ""}).status == 400
    assert browser.post("/confirm", said | {"answer": "maybe"}).status == 400
    assert browser.post("/confirm", said, sec_fetch_site="same-origin").status == 303
    assert browser.post("/confirm", said).status == 400, "once"


def test_declining_tells_the_tool(play: Scene) -> None:
    browser = play.browser()
    state = play.to_confirmation(browser)
    answer = play.agree(browser, state, "no")
    assert answer.status == 303
    assert answer.location.startswith(TOOL)
    assert answer.told("error") == "access_denied"
    assert answer.told("error_code") == "login.declined"
    assert answer.told("state") == "the-tools-state"
    assert not answer.told("code")
    assert play.played.records == ["refused login.declined 192.0.2.7 ada"]


def test_a_code_is_for_one_use(play: Scene) -> None:
    browser = play.browser()
    code = play.to_code(browser)
    assert redeem(browser, code).status == 200
    again = redeem(browser, code, "w" * 43)
    assert (again.status, again.json["error"]) == (400, "invalid_grant")
    assert not play.played.ended, "whoever has only the code ends nothing"


def test_a_code_brought_twice_with_its_verifier_ends_the_login(play: Scene) -> None:
    browser = play.browser()
    code = play.to_code(browser)
    assert redeem(browser, code).status == 200
    assert redeem(browser, code).status == 400
    assert play.played.ended == ["login_aaaaaaaaaaaaaaaaaaaa revoked"]


@pytest.mark.parametrize(
    "verifier", ["w" * 43, CHALLENGE, "v" * 42, "v" * 129, "v" * 44, VERIFIER + "\n"]
)
def test_a_wrong_verifier_spends_the_code(play: Scene, verifier: str) -> None:
    browser = play.browser()
    code = play.to_code(browser)
    wrong = redeem(browser, code, verifier)
    assert wrong.json["code"] == "login.code"
    right = redeem(browser, code)
    assert right.json["code"] == "login.code"
    assert not any(line.startswith("accepted") for line in play.played.records)


def test_another_redirect_uri_spends_the_code(play: Scene) -> None:
    browser = play.browser()
    code = play.to_code(browser)
    assert redeem(browser, code, redirect_uri="http://127.0.0.1:1/").status == 400
    assert redeem(browser, code).status == 400


def test_codes_and_logins_run_out(play: Scene) -> None:
    browser = play.browser()
    code = play.to_code(browser)
    play.played.now += 60_000
    assert redeem(browser, code).json["code"] == "login.code"
    state = play.begin(browser).told("state")
    play.played.now += 600_000
    late = browser.get(f"/login/corp/callback?code=x&state={state}")
    assert late.status == 400
    assert "login.unknown" in late.text


def test_a_state_works_at_its_own_provider_once(play: Scene) -> None:
    browser = play.browser()
    state = play.begin(browser).told("state")
    assert browser.get(f"/login/other/callback?code=x&state={state}").status == 400, "mix-up"
    assert browser.get(f"/login/corp/callback?code=x&state={state}").status == 303
    assert browser.get(f"/login/corp/callback?code=x&state={state}").status == 400


@pytest.mark.parametrize("state", ["", "x", "x" * 43, "'\"><script>", "%00"])
def test_a_state_that_nobody_began(play: Scene, state: str) -> None:
    browser = play.browser()
    answer = browser.get(f"/login/corp/callback?code=x&state={state}")
    assert answer.status == 400
    assert "<script" not in answer.text


def test_a_state_of_ones_own_choosing_is_never_taken(play: Scene) -> None:
    """State fixation: a planted cookie and state of the attacker's making open nothing."""
    browser = play.browser()
    browser.jar["__Host-custody-0123456789abcdef"] = "c" * 43
    before = dict(browser.jar)
    state = play.begin(browser).told("state")
    assert state not in before.values()
    assert len(browser.jar) == 2
    assert "c" * 43 not in {v for k, v in browser.jar.items() if k not in before}


def test_two_logins_at_once_in_one_browser(play: Scene) -> None:
    browser = play.browser()
    first, second = (play.begin(browser).told("state") for _ in range(2))
    for state in (second, first):
        browser.get(f"/login/corp/callback?code=x&state={state}")
        assert play.agree(browser, state).told("code").startswith("cc_")


def test_the_issuer_in_the_answer_must_be_the_providers(play: Scene) -> None:
    browser = play.browser()
    state = play.begin(browser).told("state")
    wrong = browser.get(f"/login/corp/callback?code=x&state={state}&iss=https://evil.example")
    assert wrong.told("error_code") == "identity.issuer"
    assert not wrong.told("code")


def test_what_the_provider_says_of_its_error_is_not_repeated(play: Scene) -> None:
    browser = play.browser()
    state = play.begin(browser).told("state")
    back = browser.get(
        f"/login/corp/callback?state={state}&error=access_denied&code=x"
        "&error_description=call+0900-12345"
    )
    assert back.told("error") == "access_denied"
    assert "0900" not in back.location
    assert not play.played.seen


def test_a_refused_proof_is_told_to_the_tool_and_recorded(play: Scene) -> None:
    browser = play.browser()
    state = play.begin(browser).told("state")
    play.played.fails = CustodyError("identity.audience", "The token is for another audience.")
    back = browser.get(f"/login/corp/callback?code=x&state={state}")
    assert back.location.startswith(TOOL)
    assert back.told("error") == "server_error"
    assert back.told("error_code") == "identity.audience"
    assert play.played.records == ["refused identity.audience 192.0.2.7"]


def test_a_provider_that_is_away(play: Scene) -> None:
    play.played.fails = CustodyError("identity.unreachable", "The provider does not answer.")
    answer = play.begin(play.browser())
    assert answer.status == 503
    assert "does not answer" in answer.text
    for _ in range(300):
        play.begin(play.browser())
    play.played.fails = None
    assert play.begin(play.browser()).status == 303, "what never got away takes no room"


def test_a_flood_of_beginnings_from_one_address_is_bounded(play: Scene) -> None:
    flood, other = play.browser(), play.browser("198.51.100.9")
    statuses = [play.begin(flood).status for _ in range(257)]
    assert statuses == [303] * 256 + [503]
    assert play.begin(other).status == 303
    play.played.now += 600_000
    assert play.begin(flood).status == 303


def test_cleartext_on_loopback_does_without_the_host_prefix() -> None:
    with scene("http://127.0.0.1:8443") as play:
        browser = play.browser()
        path = "/login/corp?" + "&".join(f"{k}={v}" for k, v in ASKED.items())
        begun = browser.ask("GET", path, host="127.0.0.1:8443")
        assert begun.status == 303
        (name,) = browser.jar
        assert name.startswith("custody-")
        assert "Secure" not in begun.header("set-cookie")
