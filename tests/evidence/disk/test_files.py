"""The file operations: what a crash must not lose is synced."""

from pathlib import Path

import pytest
from tests.evidence.log.simulated_disk import SimulatedDisk

from custody.evidence.disk.files import make_durable_directory

NEW = [
    ("one", "/a/b", "/a/b/c", ["/a/b", "/a"]),
    ("two", "/a", "/a/b/c", ["/a/b", "/a", "/"]),
    ("none, but perhaps never synced", "/a/b/c", "/a/b/c", ["/a/b"]),
]


@pytest.mark.parametrize(("there", "wanted", "synced"), [row[1:] for row in NEW])
def test_the_name_of_a_directory_is_synced_new_or_not(
    there: str, wanted: str, synced: list[str]
) -> None:
    disk = SimulatedDisk()
    disk.make_directory(Path(there))
    seen: list[str] = []
    disk.fails = lambda _number, what, path: seen.append(str(path)) if what == "sync" else None
    make_durable_directory(disk, Path(wanted))
    assert seen == synced
