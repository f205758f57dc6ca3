"""A real Keycloak in a process of its own, with a realm that is made for it.

Law: the distribution is only read: what Keycloak writes goes into a copy of the folders that it
writes to, in a folder of the test's own; and it ends with the test.
"""

import json
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

import httpx

_START_SECONDS: Final = 240


def why_not() -> str:
    """Why no Keycloak can be had here; empty where one can."""
    home = os.environ.get("KEYCLOAK_HOME", "")
    if not home or not (Path(home) / "bin" / "kc.sh").exists():
        return "KEYCLOAK_HOME does not name an unpacked Keycloak (keycloak-quarkus-dist)"
    return "" if shutil.which("java") else "java is not on this machine"


def realm(name: str, clients: list[Mapping[str, Any]], users: Mapping[str, list[str]]) -> str:
    """A realm as Keycloak imports it: each user with password ``any`` and in groups."""
    groups = sorted({group for listed in users.values() for group in listed})
    return json.dumps(
        {
            "realm": name,
            "enabled": True,
            "sslRequired": "none",
            "groups": [{"name": group} for group in groups],
            "users": [
                {
                    "username": user,
                    "enabled": True,
                    "email": f"{user}@example.com",
                    "emailVerified": True,
                    "firstName": user,
                    "lastName": user,
                    "credentials": [{"type": "password", "value": "any"}],
                    "groups": [f"/{group}" for group in listed],
                    "realmRoles": [f"default-roles-{name}", "offline_access"],
                }
                for user, listed in users.items()
            ],
            "clients": clients,
        }
    )


@contextmanager
def running_keycloak(folder: Path, port: int, imported: str) -> Iterator[str]:
    """Gives its address. ``imported`` is a realm."""
    home = Path(os.environ["KEYCLOAK_HOME"])
    for part in home.iterdir():
        if part.name == "lib":
            # It writes its own build there; the jars themselves may be shared.
            shutil.copytree(part, folder / part.name, copy_function=os.link)
        elif part.is_dir():
            shutil.copytree(part, folder / part.name)
    (folder / "data" / "import").mkdir(parents=True, exist_ok=True)
    (folder / "data" / "import" / "realm.json").write_text(imported)
    start = ["start-dev", "--import-realm", "--http-host=127.0.0.1", f"--http-port={port}"]
    with (folder / "keycloak.log").open("wb") as log:
        process = subprocess.Popen(
            [str(folder / "bin" / "kc.sh"), *start],
            stdout=log,
            stderr=subprocess.STDOUT,
            env={**os.environ, "JAVA_OPTS_APPEND": "-Xmx700m"},
            start_new_session=True,
        )
        try:
            _wait(process, f"http://127.0.0.1:{port}/realms/master", folder / "keycloak.log")
            yield f"http://127.0.0.1:{port}"
        finally:
            # The script starts java as its child: the whole session ends.
            os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    until = time.monotonic() + _START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None, log.read_text()[-2000:]
        try:
            if httpx.get(url, trust_env=False).status_code == 200:
                return
        except httpx.HTTPError:
            pass
        time.sleep(0.5)
    raise AssertionError(f"Keycloak did not start: {log.read_text()[-2000:]}")
