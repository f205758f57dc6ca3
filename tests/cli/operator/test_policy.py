"""`custody policy explain`: which rule decides about a statement, and why."""

import json
from pathlib import Path

import pytest

from custody.cli.main import run

CONTRACT = Path(__file__).parents[2] / "config" / "contract.toml"
AGENT = ["--target", "orders", "--subject", "ada", "--group", "agents"]


@pytest.fixture
def config(tmp_path: Path) -> list[str]:
    path = tmp_path / "custody.toml"
    path.write_bytes(CONTRACT.read_bytes())
    return ["-c", str(path)]


@pytest.mark.parametrize(
    ("sql", "effects", "verdict", "rule"),
    [
        ("SELECT 1", ["read"], "allow", "grant"),
        ("DELETE FROM orders", ["write"], "deny", "unbounded-write"),
        ("DELETE FROM orders WHERE id = 7", ["write"], "allow", "grant"),
        ("UPDATE payments SET a = 1 WHERE id = 7", ["write"], "ask", "big-write"),
        ("WITH x AS (DELETE FROM a RETURNING *) SELECT * FROM x", None, "deny", "unbounded-write"),
        ("DROP TABLE orders", ["define"], "deny", "grant"),
        ("SELECT pg_read_file('/etc/passwd')", ["execute", "read"], "deny", "grant"),
        ("SELECT my_function(1)", ["execute", "read"], "deny", "grant"),
        ("SELECT o.id FROM orders o", ["read"], "allow", "grant"),
        ("SELECT ('x'::text).my_function", ["execute", "read"], "deny", "grant"),
        ("not sql", ["unknown"], "deny", "grant"),
        ("ROLLBACK", [], "allow", "grant"),
        ("BEGIN", [], "allow", "grant"),
    ],
)
def test_what_decides(  # noqa: PLR0917 - one row of the table
    sql: str,
    effects: list[str] | None,
    verdict: str,
    rule: str,
    config: list[str],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert run(["policy", "explain", *config, *AGENT, "--json", sql]) == 0
    (item,) = json.loads(capsys.readouterr().out)["items"]
    assert (item["verdict"], item["rule"]) == (verdict, rule)
    assert effects is None or item["effects"] == effects


def test_a_person_reads_every_step(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    sql = "SELECT 1; UPDATE public.payments SET a = 1 WHERE id = 7"
    assert run(["policy", "explain", *config, *AGENT, sql]) == 0
    out, err = capsys.readouterr()
    assert [line.rstrip() for line in out.splitlines()] == [
        "SELECT: read",
        "  holds  grant 1          allows read, write",
        "  deny   unbounded-write  false",
        "  ask    big-write        false",
        "  => allow by grant: A grant allows it.",
        "UPDATE: write on public.payments",
        "  holds  grant 1          allows read, write",
        "  deny   unbounded-write  false",
        "  ask    big-write        true",
        '  => ask by big-write: The rule "big-write" asks dba.',
    ]
    assert "The target was not asked" in err


def test_a_stranger_has_no_grant(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "explain", *config, "--target", "orders", "SELECT 1"]) == 0
    out = capsys.readouterr().out
    assert "names neither this subject nor one of its groups" in out
    assert "=> deny by grant: No grant lets this identity use orders now." in out


def test_an_unknown_target_is_wrong_use(
    config: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(["policy", "explain", *config, "--target", "order", "SELECT 1"]) == 3
    assert "There is no target 'order'. The configuration has: orders." in capsys.readouterr().err


def test_text_without_a_statement(config: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["policy", "explain", *config, *AGENT, " -- nothing"]) == 0
    assert "There is no statement" in capsys.readouterr().out
