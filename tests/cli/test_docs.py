"""What docs/ says of keys, codes and commands is what the source says. `make docs` mends it."""

import functools
import re
from pathlib import Path

import pytest
from tools.docs_errors import CODE
from tools.write_docs import ROOT
from tools.write_docs import pages as made_pages

from custody.config.load import parse_config
from custody.operations.init_template import config_text

PAGES = [
    ROOT / "docs" / f"{name}.md" for name in ("errors", "cli", "configuration", "vaults", "api")
]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_the_page_is_up_to_date(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == pages()[path], "run `make docs`"


pages = functools.cache(made_pages)
DOCS = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
LINK = re.compile(r"\]\(([^():#]+\.(?:md|lock))?(?:#([a-z0-9-]+))?\)")


@pytest.mark.parametrize("page", sorted((ROOT / "docs").glob("*.md")), ids=lambda path: path.name)
def test_the_front_page_leads_to_every_page(page: Path) -> None:
    assert f"(docs/{page.name})" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("page", DOCS, ids=lambda path: path.name)
def test_links_lead_somewhere(page: Path) -> None:
    for place, part in LINK.findall(page.read_text(encoding="utf-8")):
        there = page.parent / place if place else page
        assert there.is_file(), place
        assert not part or part in parts_of(there), f"{place}#{part}"


def parts_of(page: Path) -> set[str]:
    """Its headings, as links name them."""
    headings = re.findall(r"^#+ (.*)$", page.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", heading.lower()).replace(" ", "-") for heading in headings}


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
