"""Keycloak as an identity provider on loopback: another XML signature than PHP's, written in Java.

Law: it runs from the folder that ``KEYCLOAK_HOME`` names, an unpacked ``keycloak-quarkus-dist``,
copied to a folder of the test's own.
"""

import contextlib
import html
import os
import re
import shutil
import signal
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx
import msgspec
from tests.providers.saml.simplesaml import Posted

_START_SECONDS: Final = 100.0
_FIELD: Final = r'name="{}" value="([^"]*)"'


def missing() -> str:
    home = os.environ.get("KEYCLOAK_HOME", "")
    if not home or not (Path(home) / "bin" / "kc.sh").is_file() or shutil.which("java") is None:
        return "no Keycloak here: unpack keycloak-quarkus-dist, point KEYCLOAK_HOME at it"
    return ""


def _realm(entity_id: str, address: str) -> bytes:
    mapper = {
        "name": "groups",
        "protocol": "saml",
        "protocolMapper": "saml-group-membership-mapper",
        "config": {
            "attribute.name": "groups",
            "attribute.nameformat": "Basic",
            "single": "true",
            "full.path": "false",
        },
    }
    client = {
        "clientId": entity_id,
        "protocol": "saml",
        "redirectUris": [address],
        "frontchannelLogout": True,
        "attributes": {
            "saml.client.signature": "false",
            "saml.server.signature": "true",
            "saml.assertion.signature": "true",
            "saml.authnstatement": "true",
            "saml.encrypt": "false",
            "saml.force.post.binding": "true",
            "saml_force_name_id_format": "true",
            "saml_name_id_format": "username",
            "saml.signature.algorithm": "RSA_SHA256",
            "saml_assertion_consumer_url_post": address,
        },
        "protocolMappers": [mapper],
        "defaultClientScopes": [],
    }
    user = {
        "username": "ada",
        "enabled": True,
        "email": "ada@example.com",
        "firstName": "Ada",
        "lastName": "Lovelace",
        "credentials": [{"type": "password", "value": "lovelace"}],
        "groups": ["/agents", "/dba"],
    }
    return msgspec.json.encode(
        {
            "realm": "corp",
            "enabled": True,
            "sslRequired": "none",
            "groups": [{"name": "agents"}, {"name": "dba"}],
            "users": [user],
            "clients": [client],
        }
    )


class Keycloak:
    def __init__(self, port: int) -> None:
        self._address: Final = f"http://127.0.0.1:{port}/realms/corp"
        self.entity_id: Final = self._address

    def metadata(self) -> bytes:
        answer = httpx.get(f"{self._address}/protocol/saml/descriptor", timeout=20)
        answer.raise_for_status()
        return answer.content

    def log_in(self, url: str) -> Posted:
        with httpx.Client(follow_redirects=True, timeout=30) as browser:
            page = browser.get(url)
            page.raise_for_status()
            # Cookies marked as secure would not come back to a plain address.
            cookies = {cookie.name: cookie.value or "" for cookie in browser.cookies.jar}
            fields = {"username": "ada", "password": "lovelace"}
            header = "; ".join(f"{name}={value}" for name, value in cookies.items())
            back = browser.post(_action(page.text), data=fields, headers={"cookie": header})
            back.raise_for_status()
        return Posted(
            _action(back.text),
            _field(back.text, "SAMLResponse").encode(),
            _field(back.text, "RelayState"),
        )


def _action(page: str) -> str:
    found = re.search(r'<form[^>]*action="([^"]*)"', page, re.IGNORECASE)
    assert found is not None, page
    return html.unescape(found[1])


def _field(page: str, name: str) -> str:
    found = re.search(_FIELD.format(name), page, re.IGNORECASE)
    assert found is not None, f"no {name} in: {page}"
    return html.unescape(found[1])


@contextlib.contextmanager
def keycloak(home: Path, entity_id: str, address: str) -> Iterator[Keycloak]:
    shutil.copytree(os.environ["KEYCLOAK_HOME"], home)
    (home / "data" / "import").mkdir(parents=True, exist_ok=True)
    (home / "data" / "import" / "corp-realm.json").write_bytes(_realm(entity_id, address))
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    running = Keycloak(port)
    with (home / "log").open("wb") as log:
        server = subprocess.Popen(
            [str(home / "bin" / "kc.sh"), "start-dev", "--import-realm", "--http-host=127.0.0.1",
             f"--http-port={port}", "--cache=local"],
            stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True,
        )  # fmt: skip
    try:
        _wait(running, home / "log")
        yield running
    finally:
        # The script starts Java as a child of its own: the group that it leads ends.
        os.killpg(server.pid, signal.SIGKILL)
        server.wait()


def _wait(running: Keycloak, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while True:
        try:
            running.metadata()
        except httpx.HTTPError:
            if time.monotonic() > until:
                raise TimeoutError(log.read_text(encoding="utf-8")[-2_000:]) from None
            time.sleep(0.5)
        else:
            return
