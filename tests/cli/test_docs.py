"""What docs/ says of keys, codes and commands is what the source says. `make docs` mends it."""

from pathlib import Path

import pytest
from tools.docs_errors import CODE
from tools.write_docs import ROOT, pages

from custody.app.config import parse_config
from custody.app.init_template import config_text

PAGES = [ROOT / "docs" / name for name in ("errors.md", "cli.md", "configuration.md", "api.md")]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run `make docs`"


def test_the_list_of_codes_is_not_short() -> None:
    text = pages()[ROOT / "docs" / "errors.md"]
    for code in ("config.unknown-key", "config.value", "policy.no-approvers", "init.exists",
                 "tls.authority-expired", "vault.empty", "config.secret-reference"):  # fmt: skip
        assert CODE.fullmatch(code)
        assert f"| `{code}` |" in text


def test_the_rule_in_the_page_is_sound() -> None:
    page = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
    rule = page.partition("```toml\n")[2].partition("```")[0]
    assert "[[rule]]" in rule
    parse_config((config_text("gw") + rule).encode(), Path("/x/custody.toml"))
