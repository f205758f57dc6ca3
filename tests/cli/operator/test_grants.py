"""`custody grants`, on data that nobody serves."""

import json
from pathlib import Path

import pytest
from tests.investigation.evidence_scene import Scene, usual

from custody.cli.main import run
from custody.config.load import parse_config
from custody.model.words import Effect

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
"""
GRANT = """
[[grant]]
name = "wide"
groups = ["agents", "nobodies"]
targets = ["orders"]
effects = ["read", "write", "define"]
"""
EVER = ("--since", "36000d")


@pytest.fixture
def scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Scene:
    (tmp_path / "custody.toml").write_text(CONFIG + GRANT)
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("CUSTODY_CONFIG", raising=False)
    scene = Scene(tmp_path)
    scene.tell(usual())
    return scene


@pytest.mark.usefixtures("scene")
def test_what_is_printed_can_be_pasted(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grants", "suggest", "--identity", "agent-7", *EVER, "--objects"]) == 0
    out, err = capsys.readouterr()
    Path("custody.toml").write_text(CONFIG + out)
    assert run(["policy", "check"]) == 0
    (grant,) = parse_config((CONFIG + out).encode(), Path("/x/custody.toml")).grants
    assert grant.groups == ("agents",)
    assert grant.effects == {Effect.READ}
    assert grant.objects == ("public.orders",)
    assert "unbounded-write" in err
    assert "still refused" in err
    assert "is not in it" in err
    assert "hunter2" not in out + err


@pytest.mark.usefixtures("scene")
def test_suggestions_as_a_document(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grants", "suggest", "--group", "agents", *EVER, "--json"]) == 0
    out, err = capsys.readouterr()
    document = json.loads(out)
    assert err.count("\n") == 1
    assert document["recorded"] is False
    (item,) = document["items"]
    assert (item["targets"], item["effects"]) == (["orders"], ["read"])
    assert (document["loops"], document["sessions"], document["commands"]) == (1, 1, 2)
    assert [each["rule"] for each in document["refused"]] == ["unbounded-write"]
    assert document["toml"].endswith("\n")


@pytest.mark.usefixtures("scene")
def test_what_was_never_used(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["grants", "unused", *EVER]) == 0
    out, err = capsys.readouterr()
    assert "wide" in out
    assert "effects define, write; groups nobodies" in out
    assert "as it is now" in err
    assert run(["grants", "unused", *EVER, "--json"]) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert item["never"]["effects"] == ["define", "write"]


@pytest.mark.usefixtures("scene")
@pytest.mark.parametrize(
    ("words", "code", "exit_code"),
    [
        (["suggest"], "usage.whose", 3),
        (["suggest", "--identity", "a", "--group", "b"], "usage.whose", 3),
        (["suggest", "--identity", "a", "--since", "soon"], "usage.since", 3),
        (["suggest", "--identity", "nobody"], "grants.unseen", 1),
        (["unused", "--since", "0d"], "usage.since", 3),
    ],
)
def test_wrong_use_is_said(
    words: list[str], code: str, exit_code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["grants", *words, "--json"]) == exit_code
    assert json.loads(capsys.readouterr().out)["error"]["code"] == code
