"""Every text of FORMAT.md that a gateway writes or wrote is known."""

from hashlib import sha256
from importlib import resources
from pathlib import Path

import pytest

from custody.evidence.verifier.known_formats import FORMAT_FILE, KNOWN_FORMATS

GOLDEN = Path(__file__).parents[2] / "golden"


def test_what_this_version_writes_is_known() -> None:
    text = resources.files("custody.evidence").joinpath(FORMAT_FILE).read_bytes()
    assert sha256(text).hexdigest() in KNOWN_FORMATS


@pytest.mark.parametrize("path", sorted(GOLDEN.rglob(FORMAT_FILE)), ids=lambda path: path.parts[-4])
def test_what_earlier_versions_wrote_is_known(path: Path) -> None:
    text = path.read_bytes()
    assert sha256(text).hexdigest() in KNOWN_FORMATS
