"""The search itself: a search that finds nothing proves nothing unless it would have found it."""

import base64
import zlib
from pathlib import Path

import pytest
from tests.real.planting import Planter
from tests.real.searching import every_file, find

SECRET = Planter(7)
WORD = SECRET.plain("here")


@pytest.mark.parametrize(
    "hidden",
    [
        WORD.encode(),
        WORD.encode().hex().encode(),
        b'{"x":"' + base64.b64encode(b"some " + WORD.encode() + b" more") + b'"}',
        base64.b64encode(b"a" + WORD.encode()),
        base64.urlsafe_b64encode(b"ab" + WORD.encode() + b"??>"),
        WORD.encode("utf-16-le"),
        b"\0" * 100 + zlib.compress(b"rows: " + WORD.encode()) + b"tail",
        b"x" + zlib.compress(base64.b64encode(WORD.encode())),
    ],
)
def test_every_form_is_found(hidden: bytes, tmp_path: Path) -> None:
    (tmp_path / "deep").mkdir()
    (tmp_path / "deep" / "file").write_bytes(b"\0" * 5000 + hidden + b"\0" * 5000)
    found = find(SECRET.planted, every_file(tmp_path))
    assert found
    assert all("here" in line and line.startswith("deep/file") for line in found)


def test_names_of_files_are_searched(tmp_path: Path) -> None:
    (tmp_path / WORD).touch()
    assert find(SECRET.planted, every_file(tmp_path))


def test_nothing_is_found_where_nothing_is(tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(bytes(range(256)) * 100)
    assert find(SECRET.planted, every_file(tmp_path)) == []
