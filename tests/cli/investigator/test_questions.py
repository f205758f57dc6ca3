"""The commands that read evidence and make tickets, on data that nobody serves."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
from tests.investigation.evidence_scene import LOOP, SESSION, Scene, usual

from custody.cli.main import run

CONFIG = """
[gateway]
name = "gw1.example.com"
[listen.postgres]
address = "127.0.0.1:6432"
[[target]]
name = "orders"
protocol = "postgres"
address = "127.0.0.1:5432"
database = "orders"
user = "app"
password = "plain:hunter2"
[[grant]]
groups = ["agents"]
targets = ["orders"]
effects = ["read"]
"""
HIDDEN = re.compile("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202a-\u202e]")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    (tmp_path / "custody.toml").write_text(CONFIG)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    return Scene(tmp_path)


def documents(capsys: pytest.CaptureFixture[str], *arguments: str) -> dict[str, Any]:
    assert run([*arguments, "--json"]) == 0
    out = capsys.readouterr().out
    assert out.count("\n") == 1
    assert out.isascii()
    document = json.loads(out)
    assert isinstance(document, dict)
    assert set(document) >= {"items", "next"}
    return document


@pytest.mark.usefixtures("scene")
def test_a_ticket_is_made_listed_and_withdrawn_on_the_record(
    capsys: pytest.CaptureFixture[str],
) -> None:
    made = ["ticket", "create", "--subject", "ada", "--group", "agents", "--ttl", "1h"]
    assert run([*made, "--quiet"]) == 0
    secret = capsys.readouterr().out.strip()
    assert re.fullmatch(r"ct_[A-Za-z0-9_-]{43}", secret)
    (item,) = documents(capsys, "ticket", "list")["items"]
    assert (item["identity"], item["groups"], item["state"]) == ("ada", ["agents"], "valid")
    assert secret not in json.dumps(item)
    (withdrawn,) = documents(capsys, "ticket", "revoke", item["id"])["items"]
    assert withdrawn["state"] == "revoked"
    kinds = [each["kind"] for each in documents(capsys, "timeline", item["loop"])["items"]]
    assert kinds == ["loop.start", "admin", "admin", "loop.end"]
    (loop,) = documents(capsys, "loops")["items"]
    assert (loop["id"], loop["reason"]) == (item["loop"], "ticket.revoked")
    assert run(["ticket", "list"]) == 0
    assert item["id"] in capsys.readouterr().out


@pytest.mark.usefixtures("scene")
def test_a_ticket_explains_its_use_and_warns_where_it_has_none(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run(["ticket", "create", "--subject", "ada", "--group", "agents", "--ttl", "1h"])
    out, err = capsys.readouterr()
    assert 'psql "host=127.0.0.1 port=6432 dbname=orders' in out
    assert "hunter2" not in out
    assert "warning" not in err
    run(["ticket", "create", "--subject", "ada", "--group", "nobodies", "--ttl", "1h", "-q"])
    assert "no grant" in capsys.readouterr().err


def test_the_secret_is_nowhere_on_disk(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    run(["ticket", "create", "--subject", "ada", "--group", "agents", "--ttl", "1h", "-q"])
    secret = capsys.readouterr().out.strip()
    documents(capsys, "search", "kind:*")
    for path in scene.root.rglob("*"):
        if path.is_file():
            assert secret.removeprefix("ct_").encode() not in path.read_bytes(), path


def test_lists_and_hits(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.tell(usual())
    assert documents(capsys, "loops")["items"][0]["id"] == LOOP
    assert documents(capsys, "sessions", "--loop", LOOP)["items"][0]["id"] == SESSION
    hits = documents(capsys, "search", "verdict:deny", "object:payments")
    assert [each["text"] for each in hits["items"]] == ["DELETE FROM public.payments"]
    first = documents(capsys, "search", "--limit", "2", "--oldest")
    rest = documents(capsys, "search", "--limit", "2", "--oldest", "--cursor", first["next"])
    assert [each["id"] for each in first["items"] + rest["items"]] == [
        f"{SESSION}-{n}" for n in (1, 3, 5)
    ]
    assert rest["next"] is None
    counted = documents(capsys, "search", "--count", "verdict")["items"]
    assert counted == [{"value": "allow", "count": 2}, {"value": "deny", "count": 1}]
    assert documents(capsys, "show", SESSION)["session"]["id"] == SESSION


def test_nothing_found_is_said(scene: Scene, capsys: pytest.CaptureFixture[str]) -> None:
    scene.tell(usual())
    assert run(["search", "nowhere_to_be_found"]) == 0
    said = capsys.readouterr()
    assert said.out == ""
    assert "nothing found\ncomplete up to 2" in said.err


HUMAN = [
    ["loops"],
    ["sessions"],
    ["search"],
    ["search", "--count", "object"],
    ["show", SESSION],
    ["show", SESSION, "--rows", "1"],
    ["timeline", LOOP],
]


@pytest.mark.parametrize("arguments", HUMAN, ids=" ".join)
def test_people_see_ids_whole_and_nothing_hidden(
    scene: Scene, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    scene.tell(usual())
    assert run(arguments) == 0
    out = capsys.readouterr().out
    assert not HIDDEN.search(out)
    assert LOOP in out or SESSION in out or "public.orders" in out


def test_a_transcript_reads_as_it_happened(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.tell(usual())
    run(["show", SESSION])
    out = capsys.readouterr().out
    wanted = [
        f"session {SESSION}",
        "SELECT * FROM orders WHERE id = $1",
        "$1 = 7",
        "Ada Lovelace",
        "NULL",
        "2 rows",
        "DELETE FROM public.payments",
        "rule unbounded-write: because",
        "custody denied this",
        r"\x1b]0;owned\x07\u202e[bold red]",
    ]
    at = 0
    for each in wanted:
        at = out.index(each, at)


def test_a_timeline_says_who_and_how_each_command_ended(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.tell(usual())
    run(["timeline", LOOP])
    out = capsys.readouterr().out
    at = 0
    for each in ["loop.start  agent-7", "SELECT * FROM orders", "→ ok  2 rows", "→ refused"]:
        at = out.index(each, at)
    assert re.match(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3} ", out)
    run(["show", LOOP])
    assert capsys.readouterr().out == out


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(
    ("arguments", "code", "status"),
    [
        (["show", "nothing"], "record.not-found", 1),
        (["timeline", "loop_x"], "loop.not-found", 1),
        (["search", "a:b"], "search.unknown-key", 3),
        (["ticket", "revoke", "tkt_x"], "ticket.not-found", 1),
        (["ticket", "create", "--subject", "a", "--ttl", "soon"], "usage.ttl", 3),
        (["ticket", "create", "--subject", "", "--ttl", "1h"], "admin.arguments", 1),
        (["ticket", "create", "--ttl", "1h"], "usage.arguments", 3),
    ],
)
def test_a_fault_is_one_document(
    capsys: pytest.CaptureFixture[str], arguments: list[str], code: str, status: int
) -> None:
    assert run([*arguments, "--json"]) == status
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code


def test_the_index_is_rebuilt_with_one_command(
    scene: Scene, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.tell(usual())
    before = documents(capsys, "search", "kind:*")
    assert run(["index", "rebuild"]) == 0
    capsys.readouterr()
    assert documents(capsys, "search", "kind:*") == before
