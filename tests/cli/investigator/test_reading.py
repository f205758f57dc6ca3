"""Reading evidence where no gateway runs: it changes nothing, and says what it could not read."""

import asyncio
import json
import os
from pathlib import Path
from typing import Any

import pytest
from tests.index.story import Story
from tests.investigation.evidence_scene import LOOP, SESSION, append, usual

from custody.cli.main import run
from custody.evidence.disk.files import DiskFiles
from custody.evidence.disk.segment import walk_year
from custody.evidence.keys.anchor import Anchor
from custody.evidence.keys.keyring import load_keyring
from custody.evidence.log.log import LogOptions
from custody.evidence.log.startup import open_log
from custody.evidence.record.frame import HEADER_SIZE

Capture = pytest.CaptureFixture[str]


class Gateway:
    """One that stopped, as it lies on disk."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.evidence = home / "data" / "evidence"

    def tell(self, story: Story) -> None:
        asyncio.run(self._telling(story))

    async def _telling(self, story: Story) -> None:
        anchor = Anchor(DiskFiles(), self.home / "anchor")
        keys = load_keyring(DiskFiles(), self.home / "keys", anchor, os.urandom)
        options = LogOptions(self.evidence, self.home / "anchor", "1", segment_bytes=1 << 18)
        async with open_log(options, keys) as log:
            await append(log, story)

    def snapshot(self) -> dict[str, tuple[int, int, bytes]]:
        """Every name below ``data``, with what a change of it would change."""
        return {
            str(path): (
                path.stat().st_mtime_ns,
                path.stat().st_mode,
                path.read_bytes() if path.is_file() else b"",
            )
            for path in [self.home / "data", *(self.home / "data").rglob("*")]
        }

    def harm(self, *indices: int) -> None:
        (year,) = {path.name[:4] for path in (self.evidence / "segments").glob("2*")}
        places = [each.place for each in walk_year(DiskFiles(), self.evidence, year)]
        for index in indices:
            place = places[index]
            segment = self.evidence / "segments" / f"{place.segment.text}.seg"
            data = bytearray(segment.read_bytes())
            data[place.offset + HEADER_SIZE + 4] ^= 1
            segment.write_bytes(data)


@pytest.fixture
def gateway(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Gateway:
    monkeypatch.chdir(tmp_path)
    assert run(["init", "gw"]) == 0
    monkeypatch.setenv("CUSTODY_CONFIG", str(tmp_path / "gw" / "custody.toml"))
    gateway = Gateway(tmp_path / "gw")
    gateway.tell(usual())
    return gateway


def asked(capsys: Capture, *words: str) -> tuple[int, dict[str, Any]]:
    capsys.readouterr()
    code = run([*words, "--json"])
    return code, json.loads(capsys.readouterr().out)


READS = [
    ["search", ""],
    ["search", "orders"],
    ["search", "--count", "verdict"],
    ["sessions"],
    ["show", SESSION],
    ["timeline", LOOP],
    ["loops"],
    ["ticket", "list"],
    ["identity", "list"],
    ["grants", "unused"],
]


@pytest.mark.parametrize("words", READS, ids=" ".join)
@pytest.mark.parametrize("indexed", ["never", "before", "now"])
def test_reading_leaves_every_byte_and_every_name_as_it_was(
    gateway: Gateway, words: list[str], indexed: str, capsys: Capture
) -> None:
    if indexed != "never":
        assert run(["index", "rebuild"]) == 0
    if indexed == "before":
        more = Story()
        more.loop("loop_" + "b" * 20)
        gateway.tell(more)
    before = gateway.snapshot()
    capsys.readouterr()
    assert run(words) == 0
    assert gateway.snapshot() == before


def test_a_day_whose_index_was_cut_off_is_read_as_it_was_written(
    gateway: Gateway, capsys: Capture
) -> None:
    """What a crash leaves beside a day's file stays there."""
    assert run(["index", "rebuild"]) == 0
    (day,) = (gateway.home / "data" / "index").glob("*.db")
    Path(f"{day}-wal").write_bytes(b"left by a crash")
    before = gateway.snapshot()
    code, document = asked(capsys, "search", "orders")
    assert (code, len(document["items"])) == (0, 1)
    assert gateway.snapshot() == before


def test_what_is_damaged_hides_nothing_else_and_is_said_with_every_answer(
    gateway: Gateway, capsys: Capture
) -> None:
    gateway.harm(4, 6)
    for words in (["search", ""], ["sessions"], ["loops"], ["timeline", LOOP], ["show", SESSION]):
        code, document = asked(capsys, *words)
        assert code == 2, words
        assert document["unread"]["records"] == 2
        assert [(each["first"], each["last"]) for each in document["unread"]["ranges"]] == [
            (4, 4),
            (6, 6),
        ]
        assert run(words) == 2
        assert "warning: 2 records could not be read" in capsys.readouterr().err
    texts = [item["text"] for item in asked(capsys, "search", "")[1]["items"]]
    assert any("ses_" not in text and "owned" in text for text in texts)


def test_a_rebuilt_index_says_what_it_lacks(gateway: Gateway, capsys: Capture) -> None:
    whole = {path: path.read_bytes() for path in gateway.evidence.glob("segments/*/*.seg")}
    gateway.harm(5)
    code, document = asked(capsys, "index", "rebuild")
    assert (code, document["unread"]["records"]) == (2, 1)
    assert run(["index", "rebuild"]) == 2
    assert "but for what could not be read" in capsys.readouterr().err
    for path, data in whole.items():
        path.write_bytes(data)
    assert run(["index", "rebuild"]) == 0
    assert asked(capsys, "search", "")[0] == 0


def test_all_that_was_captured_is_found(gateway: Gateway, capsys: Capture) -> None:
    story = Story()
    session = "ses_" + "z" * 20
    story.session(session, LOOP)
    read = story.command("SELECT * FROM people", session=session, loop=LOOP)
    rows = [(str(number), f"person{number}") for number in range(1500)]
    story.response(read, *rows, session=session, loop=LOOP)
    gateway.tell(story)
    code, document = asked(capsys, "search", "person1499")
    assert (code, len(document["items"])) == (0, 1)


def test_an_answer_says_how_far_it_can_be_relied_on(gateway: Gateway, capsys: Capture) -> None:
    story = Story()
    session = "ses_" + "z" * 20
    story.session(session, LOOP)
    read = story.command("SELECT * FROM people", session=session, loop=LOOP)
    story.response(read, ("1", "Ada"), session=session, loop=LOOP, truncated=True)
    gateway.tell(story)
    code, document = asked(capsys, "search", "Grace")
    assert (code, document["items"], document["cut"]) == (0, [], 1)
    assert document["indexed"]["records"] > 10
    assert asked(capsys, "search", f"Grace session:{SESSION}")[1]["cut"] == 0
    assert run(["search", "Grace"]) == 0
    said = capsys.readouterr().err
    assert "nothing found" in said
    assert "complete up to" in said
    assert "1 answer that may fit held more than was captured" in said


@pytest.mark.parametrize("words", [words for words in READS if words[1:] != ["list"]], ids=" ".join)
def test_a_reading_that_no_gateway_recorded_says_so(
    gateway: Gateway, words: list[str], capsys: Capture
) -> None:
    assert asked(capsys, *words)[1]["recorded"] is False
    assert run(words) == 0
    assert capsys.readouterr().err.count("this reading is on no record") == 1
