"""A damaged day of the index is named, forgotten, and built again from the evidence."""

import sqlite3
from pathlib import Path

import pytest
from tests.index.story import DAY, NEXT_DAY, everything, usual

from custody.index import IndexDamagedError, OwnDayFiles, SqliteIndex, Watermark


def damage_header(path: Path) -> None:
    path.write_bytes(b"\xff" * 200)


def damage_middle(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[8192:] = b"\xa5" * (len(data) - 8192)
    path.write_bytes(data)


def damage_version(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE meta SET value = '99' WHERE key = 'version'")
    connection.close()


def damage_tables(path: Path) -> None:
    with sqlite3.connect(path) as connection:
        connection.execute("DROP TABLE event")
    connection.close()


@pytest.mark.parametrize("damage", [damage_header, damage_middle, damage_version, damage_tables])
def test_a_damaged_day_is_named_discarded_and_built_again(tmp_path: Path, damage: object) -> None:
    assert callable(damage)
    story = usual()
    index = SqliteIndex(OwnDayFiles(tmp_path / "index"))
    story.into(index)
    whole = everything(index)
    index.close()
    damage(tmp_path / "index" / f"{NEXT_DAY}.db")
    index = SqliteIndex(OwnDayFiles(tmp_path / "index"))
    with pytest.raises(IndexDamagedError) as caught:
        everything(index)
    assert caught.value.day == NEXT_DAY
    assert index.discard(caught.value.day) == [NEXT_DAY]
    reached = index.watermark()
    assert reached == Watermark(story.log, 13)
    story.into(index, start=reached.index)
    assert everything(index) == whole
    index.close()


def test_a_writer_notices_that_its_file_was_discarded(tmp_path: Path) -> None:
    story = usual()
    writer, other = (
        SqliteIndex(OwnDayFiles(tmp_path / "index")),
        SqliteIndex(OwnDayFiles(tmp_path / "index")),
    )
    story.into(writer)
    other.discard(DAY)
    assert writer.watermark() is None
    story.into(writer)
    assert len(everything(other)) == len(everything(writer)) > 10
    writer.close()
    other.close()
