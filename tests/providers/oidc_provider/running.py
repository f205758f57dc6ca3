"""A real OpenID provider (npm ``oidc-provider``) in a process, and a browser without a screen.

Law: what is installed goes into a folder of the test's own, what is started ends with it, and
where it cannot run the reason is said.
"""

import json
import queue
import re
import shutil
import subprocess
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from html import unescape
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qs, urljoin, urlsplit

import httpx
from joserfc.jwk import ECKey, OKPKey, RSAKey

HERE: Final = Path(__file__).parent
OLDEST_NODE: Final = 20
_INSTALL_SECONDS: Final = 180
_ANSWER_SECONDS: Final = 20


def why_not() -> str:
    """Why no provider can be had here; empty where one can."""
    node, npm = shutil.which("node"), shutil.which("npm")
    if node is None or npm is None:
        return "node and npm are not on this machine"
    said = subprocess.run([node, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.match(r"v(\d+)\.", said)
    if found is None or int(found[1]) < OLDEST_NODE:
        return f"node is {said.strip() or 'unknown'}; oidc-provider needs {OLDEST_NODE} or later"
    return ""


def install(folder: Path) -> str:
    """Install the provider there; why that failed, or an empty text."""
    for name in ("package.json", "server.js"):
        shutil.copy(HERE / name, folder)
    npm = ["npm", "install", "--no-package-lock", "--ignore-scripts", "--no-audit", "--no-fund"]
    done = subprocess.run(
        npm, cwd=folder, capture_output=True, text=True, check=False, timeout=_INSTALL_SECONDS
    )
    return "" if done.returncode == 0 else f"npm install failed: {done.stderr.strip()[-300:]}"


def private_jwk(kid: str, algorithm: str) -> dict[str, Any]:
    key: RSAKey | ECKey | OKPKey
    match algorithm:
        case "ES256":
            key = ECKey.generate_key("P-256")
        case "EdDSA":
            key = OKPKey.generate_key("Ed25519")
        case _:
            key = RSAKey.generate_key(2048)
    return {**key.as_dict(private=True), "kid": kid, "use": "sig", "alg": algorithm}


class RunningProvider:
    """``issuer`` is where it is."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process: Final = process
        self._lines: Final[queue.Queue[str]] = queue.Queue()
        self.issuer = ""
        threading.Thread(target=self._read, daemon=True).start()

    def tell(self, **what: object) -> dict[str, Any]:
        """Say something and wait for the answer; what went wrong inside is raised here."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(what) + "\n")
        self._process.stdin.flush()
        said: dict[str, Any] = json.loads(self._lines.get(timeout=_ANSWER_SECONDS))
        assert "error" not in said, said
        return said

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            # The provider writes notices for its own developers there, too.
            if line.startswith("{"):
                self._lines.put(line)


@contextmanager
def running_provider(
    folder: Path,
    *,
    clients: list[Mapping[str, object]],
    accounts: Mapping[str, list[str]],
    algorithm: str = "RS256",
    resource: str | None = None,
) -> Iterator[RunningProvider]:
    """``folder`` is one that ``install`` filled. ``resource`` is whom access tokens are for, where
    a client does not say.
    """
    process = subprocess.Popen(
        ["node", "server.js"],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    try:
        provider = RunningProvider(process)
        said = provider.tell(
            keys=[private_jwk("first", algorithm)],
            clients=clients,
            accounts=accounts,
            algorithm=algorithm,
            **({"resource": resource} if resource else {}),
        )
        provider.issuer = said["issuer"]
        yield provider
    finally:
        assert process.stdin is not None
        process.stdin.close()
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        assert process.stdout is not None
        process.stdout.close()


class Browser:
    """Follows redirects, fills in the provider's forms, stops where the provider sends it away."""

    def __init__(self, login: str) -> None:
        self._login: Final = login
        self._http: Final = httpx.Client(trust_env=False, timeout=20)

    def close(self) -> None:
        self._http.close()

    def visit(self, url: str, *, until: str = "", press: str = "") -> tuple[str, dict[str, str]]:
        """The last page, and the parameters that it was sent away with to ``until``. ``press``
        is a button that stands outside of its form.
        """
        response = self._ask("GET", url)
        for _ in range(20):
            if response.is_redirect:
                target = urljoin(str(response.url), response.headers["location"])
                if until and target.startswith(until):
                    query = parse_qs(urlsplit(target).query)
                    return "", {name: values[0] for name, values in query.items()}
                response = self._ask("GET", target)
                continue
            form = re.search(
                r"<form[^>]*action=\"([^\"]+)\"[^>]*>.*?</form>", response.text, re.DOTALL
            )
            if form is None or "Success" in response.text:
                return response.text, {}
            response = self._ask(
                "POST",
                urljoin(str(response.url), unescape(form[1])),
                data=self._filled(form[0], press),
            )
        raise AssertionError("the provider never came to an end")

    def _ask(self, method: str, url: str, data: Mapping[str, str] | None = None) -> httpx.Response:
        response = self._http.request(method, url, data=data)
        for cookie in self._http.cookies.jar:
            # A browser sends cookies for secure places to loopback without TLS, too.
            cookie.secure = False
        return response

    def _filled(self, form: str, press: str) -> dict[str, str]:
        fields = {press: "yes"} if press else {}
        for tag in re.findall(r"<(?:input|button)[^>]*>", form, re.DOTALL):
            attributes = dict(re.findall(r"([a-z_]+)=\"([^\"]*)\"", tag))
            if attributes.get("name", "cancel") != "cancel":
                fields[attributes["name"]] = unescape(attributes.get("value", ""))
        if "password" in fields:
            name = "username" if "username" in fields else "login"
            fields |= {name: self._login, "password": "any"}
        return fields
