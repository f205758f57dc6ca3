"""Secrets that lie where others read them are named by their place."""

from pathlib import Path

import pytest

from custody.config.load import parse_config
from custody.doctor.findings import Finding, Level
from custody.doctor.secrets import examine_secrets

BASE = """
[gateway]
name = "gw"
[listen.postgres]
address = "127.0.0.1:0"
[[target]]
name = "orders"
protocol = "postgres"
address = "127.0.0.1:5432"
database = "orders"
user = "app"
password = "{password}"
"""
OIDC = """
[listen.console]
address = "127.0.0.1:0"
[[oidc]]
name = "corp"
issuer = "https://id.example.com"
client_id = "custody"
client_secret = "plain:hidden-word"
flows = ["client_credentials"]
"""


def examined(folder: Path, text: str, mode: int = 0o600) -> list[Finding]:
    path = folder / "custody.toml"
    path.write_text(text)
    path.chmod(mode)
    findings = list(examine_secrets(parse_config(text.encode(), path)))
    assert all("hidden" not in f"{each.what} {each.cure}" for each in findings)
    return findings


def test_a_variable_is_no_finding(tmp_path: Path) -> None:
    assert examined(tmp_path, BASE.format(password="env:WORD"), 0o644) == []


@pytest.mark.parametrize(("mode", "faults"), [(0o600, 0), (0o644, 1), (0o640, 1)])
def test_a_plain_secret_is_named_and_its_file_must_be_private(
    tmp_path: Path, mode: int, faults: int
) -> None:
    first, *others = examined(tmp_path, BASE.format(password="plain:hidden"), mode)
    assert (first.level, "[[target]] orders" in first.what) == (Level.WARN, True)
    assert [each.level for each in others] == [Level.FAULT] * faults


@pytest.mark.parametrize(("mode", "faults"), [(0o600, 0), (0o604, 1)])
def test_a_secrets_file_must_be_private(tmp_path: Path, mode: int, faults: int) -> None:
    place = tmp_path / "word"
    place.write_text("hidden")
    place.chmod(mode)
    found = examined(tmp_path, BASE.format(password="file:word"), 0o644)
    assert [str(place) in each.what for each in found] == [True] * faults


def test_a_providers_secret_is_looked_at_too(tmp_path: Path) -> None:
    found = examined(tmp_path, BASE.format(password="env:WORD") + OIDC)
    assert ["[[oidc]] corp" in each.what for each in found] == [True]
