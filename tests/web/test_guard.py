"""What no handler ever sees, and what every answer carries."""

import asyncio
import contextlib
import logging
from collections.abc import Iterator

import pytest
from tests.web.browsing import FORM, Browser
from tests.web.scene import ASKED, URL, Scene, scene

from custody.web.errors import RequestRefusedError
from custody.web.guard import Guard, hosts_of
from custody.web.quotas import AddressQuotas
from custody.web.rate_limit import RateLimiter


@pytest.fixture
def play() -> Iterator[Scene]:
    with scene() as ready:
        yield ready


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("https://gw:8443", {b"gw:8443"}),
        ("https://GW.example.com", {b"gw.example.com", b"gw.example.com:443"}),
        ("https://gw:443", {b"gw:443", b"gw"}),
        ("http://127.0.0.1", {b"127.0.0.1", b"127.0.0.1:80"}),
        ("https://[::1]:8443", {b"[::1]:8443"}),
    ],
)
def test_how_a_host_may_be_spelled(url: str, hosts: set[bytes]) -> None:
    assert hosts_of(url) == hosts


@pytest.mark.parametrize(
    "host",
    ["evil.example", "gw.example.com", "gw.example.com:8443.evil.example", "", "127.0.0.1:8443"],
)
def test_another_name_is_not_ours(play: Scene, host: str) -> None:
    """DNS rebinding, and links that a Host header would have made."""
    answer = play.browser().ask("GET", "/api/v1/gateway", host=host)
    assert (answer.status, answer.json["code"]) == (421, "web.host")


def test_a_host_in_capitals_is_ours(play: Scene) -> None:
    assert play.browser().ask("GET", "/done", host="GW.Example.com:8443").status == 200


@pytest.mark.parametrize(
    "path",
    [
        "//evil.example/login",
        "/login/../oauth/token",
        "/login/.",
        "/login/%2e%2e/x",
        "/login//corp",
        "/login/",
        "/login/corp;x",
        "/login/corp%00",
        "/login/c\u00f6rp",
        "/login\\corp",
        "http://evil.example/login",
        "*",
        "",
        "/" + "a" * 129,
        "/a" * 9,
        "/static/style.css",
        "/schema/openapi.json",
        "/schema/swagger",
        "/login/corp/callback/x",
        "/.well-known/x",
    ],
)
def test_paths_that_are_nowhere(play: Scene, path: str) -> None:
    answer = play.browser().get(path)
    assert answer.status == 404, path
    assert answer.header("content-type").startswith("application/json")
    assert "evil" not in answer.text


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "PATCH", "TRACE", "CONNECT", "get"])
def test_methods_that_are_not_taken(play: Scene, method: str) -> None:
    answer = play.browser().ask(method, "/oauth/token", headers={"origin": "https://evil.example"})
    assert answer.status == 405
    assert not answer.header("access-control-allow-origin")


@pytest.mark.parametrize(
    ("method", "path"), [("GET", "/oauth/token"), ("POST", "/login"), ("DELETE", "/confirm")]
)
def test_a_method_of_another_path(play: Scene, method: str, path: str) -> None:
    headers = {"content-type": FORM}
    assert play.browser().ask(method, path, headers=headers).status == 405


def test_no_other_site_may_read_an_answer(play: Scene) -> None:
    browser = play.browser()
    paths = ("/api/v1/gateway", "/schema", "/nowhere", "/done", "/login", "/api/v1/loops/self")
    for path in paths:
        answer = browser.get(path, origin="https://evil.example")
        names = {name for name, _ in answer.headers}
        assert not any(name.startswith("access-control") for name in names)
        assert answer.header("cache-control") == "no-store"
        assert answer.header("x-content-type-options") == "nosniff"
        assert answer.header("referrer-policy") == "no-referrer"
        assert answer.header("cross-origin-resource-policy") == "same-origin"
        assert "default-src 'none'" in answer.header("content-security-policy")
        assert "server" not in names
        assert len([name for name, _ in answer.headers if name == "cache-control"]) == 1


def test_too_many_headers_and_too_long_a_query(play: Scene) -> None:
    browser = play.browser()
    many = {f"x-{number}": "1" for number in range(101)}
    assert browser.get("/done", **many).status == 431
    assert browser.get("/login?" + "x" * 8193).status == 414


def test_an_address_that_asks_too_often_waits(play: Scene) -> None:
    guard = Guard(play.site, URL, (), RateLimiter(burst=5, refill_s=3600))
    hasty = Browser(guard, play._runner)
    assert [hasty.get("/done").status for _ in range(7)] == [200] * 5 + [429] * 2
    assert hasty.get("/done").header("retry-after") == "1"
    assert Browser(guard, play._runner, "198.51.100.9").get("/done").status == 200


def test_one_address_takes_its_share_and_no_more() -> None:
    async def act() -> None:
        shares = AddressQuotas()
        async with contextlib.AsyncExitStack() as stack:
            greedy = [
                await stack.enter_async_context(shares.request("192.0.2.7")) for _ in range(9)
            ]
            for taking in greedy[:8]:
                taking.add_bytes(512 * 1024)
            with pytest.raises(RequestRefusedError, match="busy"):
                greedy[8].add_bytes(1)
            other = await stack.enter_async_context(shares.request("198.51.100.9"))
            other.add_bytes(512 * 1024)
        assert not shares._of
        assert shares._held == 0

    asyncio.run(act())


def test_one_address_that_waits_long_leaves_turns_to_others() -> None:
    async def act() -> None:
        shares = AddressQuotas()
        let_go = asyncio.Event()

        async def ask(address: str) -> None:
            async with shares.request(address) as taking, taking.turn():
                await let_go.wait()

        async with asyncio.TaskGroup() as tasks:
            for _ in range(40):
                tasks.create_task(ask("192.0.2.7"))
            await asyncio.sleep(0)
            async with asyncio.timeout(1), shares.request("198.51.100.9") as taking, taking.turn():
                let_go.set()

    asyncio.run(act())


def test_one_ipv6_network_is_one_address() -> None:
    rates = RateLimiter(burst=2, refill_s=3600)
    assert [rates.take(f"2001:db8::{n}", 0) for n in range(3)] == [True, True, False]
    assert rates.take("2001:db8:0:1::1", 0)


def test_rates_remember_a_bounded_number() -> None:
    rates = RateLimiter()
    for number in range(5000):
        rates.take(f"10.0.{number // 250}.{number % 250}", 0)
    assert len(rates._known) == 4096


def test_the_log_has_no_secret(play: Scene, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    browser = play.browser()
    state = play.to_confirmation(browser)
    code = play.agree(browser, state).told("code")
    secret = play.played.ticket_secret.reveal()
    browser.get("/api/v1/loops/self", authorization=f"Bearer {secret}")
    browser.get(f"/{secret}")
    browser.get(f"/login/{secret}")
    browser.post("/oauth/token", {"grant_type": "x", "subject_token": "planted"})
    for planted in (state, "the-code", code, secret, "planted", ASKED["state"], *browser.jar):
        assert planted not in caplog.text
    assert "192.0.2.7 GET /login/corp/callback 303" in caplog.text
    assert "192.0.2.7 GET /login/* 400" in caplog.text
    assert "192.0.2.7 GET /* 404" in caplog.text


def test_an_answer_that_breaks_is_an_error_without_a_traceback(
    play: Scene, caplog: pytest.LogCaptureFixture
) -> None:
    play.played.fails = RuntimeError("/srv/secret")
    answer = play.browser().get("/login/corp?" + "&".join(f"{k}={v}" for k, v in ASKED.items()))
    assert answer.status == 500
    assert "failed inside the gateway" in answer.text
    assert "srv" not in answer.text + caplog.text
    assert "Traceback" not in caplog.text
