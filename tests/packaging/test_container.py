"""The image: the same twice, nothing in it that is not asked for, and a gateway that starts.

Law: with the real builder and a base that is to be had; what is missing is named. ``BASE_IMAGE`` in
the environment names the base, which must be able to reach the package index.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BASE = os.environ.get("BASE_IMAGE", "docker.io/library/python:3.12-slim-bookworm")
STORE = ("--storage-driver", "vfs")


def buildah(*words: str, timeout: float = 120) -> str:
    done = subprocess.run(
        ("buildah", *STORE, *words), capture_output=True, text=True, timeout=timeout, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


@pytest.fixture(scope="module")
def images() -> Iterator[list[str]]:
    """Two builds."""
    if shutil.which("buildah") is None or os.getuid() != 0:
        pytest.skip("buildah is not here, or this is not root's")
    try:
        buildah("pull", "--policy", "missing", BASE)
    except (AssertionError, subprocess.TimeoutExpired):
        pytest.skip(f"the base {BASE} is not to be had: BASE_IMAGE names another")
    names = [f"localhost/custody-test-{os.getpid()}:{number}" for number in (1, 2)]
    for name in names:
        environment = {
            **os.environ,
            "BUILDER": "buildah",
            "BUILDER_OPTIONS": " ".join(STORE),
            "BUILDAH_ISOLATION": "chroot",
            "NAME": name,
        }
        subprocess.run(
            (ROOT / "tools" / "container", BASE), env=environment, check=True, timeout=600
        )
    yield names
    buildah("rmi", "--force", *names)


def digest(image: str, folder: Path) -> str:
    buildah("push", "--quiet", image, f"oci:{folder}:image")
    index = json.loads((folder / "index.json").read_text(encoding="utf-8"))
    return str(index["manifests"][0]["digest"])


@pytest.mark.provider
@pytest.mark.timeout(1300)
def test_it_is_the_same_image_bit_for_bit(images: list[str], tmp_path: Path) -> None:
    one, other = (digest(image, tmp_path / str(n)) for n, image in enumerate(images))
    assert one == other


@pytest.mark.provider
@pytest.mark.timeout(1300)
def test_a_gateway_begins_and_serves_as_its_own_account(images: list[str]) -> None:
    container = buildah("from", images[0])
    try:

        def run(script: str) -> str:
            return buildah("run", "--isolation", "chroot", container, "--", "sh", "-c", script)

        assert run("id -u") == "10001"
        assert "custody.toml" in run("custody init /var/lib/custody")
        run("sed -i s/127.0.0.1:6432/127.0.0.1:0/ custody.toml")
        said = run("ORDERS_PASSWORD=x timeout -s TERM 10 custody serve 2>&1 || true")
        assert "ready" in said
        assert "custody verify" not in said
        assert "CONSISTENT" in run("custody verify data --keys keys 2>&1 || true").upper()
        assert set(run("ls /opt/custody/bin").split()) == {"custody", "python", "python3"} | {
            name for name in run("ls /opt/custody/bin").split() if name.startswith("python3.")
        }
        assert run("ls /opt/custody/lib/python3*/site-packages | grep -c '^pip' || true") == "0"
    finally:
        buildah("rm", container)


def test_the_image_says_what_must_be_said() -> None:
    text = (ROOT / "packaging" / "Containerfile").read_text(encoding="utf-8")
    for wanted in ("USER 10001:10001", "--require-hashes", "STOPSIGNAL SIGTERM", 'CMD ["serve"]'):
        assert wanted in text
    assert "COPY . " not in text
