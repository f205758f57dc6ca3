"""A real browser without a screen (Debian's Chromium), and a tool that waits on a loopback port.

Law: each browser has a profile of its own, asks nobody but the pages that it is told to open, and
ends with its test.
"""

import base64
import hashlib
import http.server
import secrets
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import parse_qs, urlencode, urlsplit

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.expected_conditions import staleness_of
from selenium.webdriver.support.ui import WebDriverWait

WAIT_S: Final = 20
_FLAGS: Final = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--window-size=900,760",
)


def why_not() -> str:
    """Why there is no browser here; empty where there is one."""
    for program in ("chromium", "chromedriver"):
        if shutil.which(program) is None:
            return f"there is no {program}; on Debian: apt-get install chromium chromium-driver"
    return ""


class Browser:
    def __init__(self, driver: Chrome) -> None:
        self.driver: Final = driver

    def open(self, url: str) -> None:
        self.driver.get(url)

    @property
    def url(self) -> str:
        return self.driver.current_url

    @property
    def text(self) -> str:
        return self.driver.find_element(By.TAG_NAME, "body").text

    def fill(self, **fields: str) -> None:
        for name, value in fields.items():
            box = self.driver.find_element(By.NAME, name)
            box.clear()
            box.send_keys(value)

    def press(self, selector: str) -> None:
        """And wait until the page has gone."""
        page = self.driver.find_element(By.TAG_NAME, "html")
        self.driver.find_element(By.CSS_SELECTOR, selector).click()
        WebDriverWait(self.driver, WAIT_S).until(staleness_of(page))

    def has(self, selector: str) -> bool:
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def until(self, seen: str) -> None:
        """Until the page's text or address holds this."""
        WebDriverWait(
            self.driver,
            WAIT_S,
            ignored_exceptions=[NoSuchElementException, StaleElementReferenceException],
        ).until(lambda _: seen in self.text or seen in self.url, f"{seen} at {self.url}")

    def cookies(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.driver.get_cookies()
        return found

    def complaints(self) -> list[str]:
        """What the browser's console says of blocked or broken things."""
        entries = self.driver.get_log("browser")  # type: ignore[no-untyped-call]  # as published
        return [str(entry["message"]) for entry in entries]


@contextmanager
def browser() -> Iterator[Browser]:
    options = ChromeOptions()
    options.binary_location = shutil.which("chromium") or ""
    # The gateway's certificate is one of its own CA's, which this profile does not know.
    options.accept_insecure_certs = True
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile:
        for flag in (*_FLAGS, f"--user-data-dir={profile}"):
            options.add_argument(flag)
        driver = Chrome(options=options, service=Service(shutil.which("chromedriver") or ""))
        try:
            driver.set_page_load_timeout(WAIT_S)
            yield Browser(driver)
        finally:
            driver.quit()


class Tool:
    """What `custody login` is to the browser: a loopback port, a state and a PKCE verifier."""

    def __init__(self, host: str = "127.0.0.1") -> None:
        self.state: Final = secrets.token_urlsafe(24)
        self.verifier: Final = secrets.token_urlsafe(40)
        self.heard: Final[list[dict[str, str]]] = []
        self._server: Final = http.server.ThreadingHTTPServer((host, 0), self._handler())
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True).start()
        self.redirect_uri: Final = f"http://{host}:{self._server.server_port}/back"

    @property
    def query(self) -> str:
        digest = hashlib.sha256(self.verifier.encode()).digest()
        return urlencode(
            {
                "redirect_uri": self.redirect_uri,
                "state": self.state,
                "code_challenge": base64.urlsafe_b64encode(digest).decode().rstrip("="),
                "code_challenge_method": "S256",
            }
        )

    @property
    def check(self) -> str:
        """As docs/api.md says how to make it."""
        challenge = parse_qs(self.query)["code_challenge"][0]
        digest = hashlib.sha256(b"custody check\n" + challenge.encode()).digest()
        text = base64.b32encode(digest).decode()
        return f"{text[:3]}-{text[3:6]}"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def _handler(self) -> type[http.server.BaseHTTPRequestHandler]:
        heard = self.heard

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                parts = urlsplit(self.path)
                if parts.path == "/back":
                    heard.append({name: v[0] for name, v in parse_qs(parts.query).items()})
                self.send_response(200)
                self.end_headers()
                self.wfile.write(b"the tool has heard")

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - as it is called
                pass

        return Handler


@contextmanager
def tool(host: str = "127.0.0.1") -> Iterator[Tool]:
    found = Tool(host)
    try:
        yield found
    finally:
        found.close()
