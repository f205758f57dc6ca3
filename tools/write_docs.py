"""Writes the generated parts of docs/: error codes, the command line's help, configuration
keys, references to secrets, the HTTP API.

Run by `make docs`; a test compares what is there with what this would write. `--check` only says
which pages differ, and exits 1 if one does.
"""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from tools.docs_api import with_endpoints
from tools.docs_cli import cli_page
from tools.docs_configuration import with_keys, with_references
from tools.docs_errors import errors_page

ROOT = Path(__file__).resolve().parent.parent
DOCS = ROOT / "docs"


def pages() -> dict[Path, str]:
    """Every page that is written here, whole or in part, with its text as it should be."""
    configuration, api, vaults = (
        DOCS / f"{page}.md" for page in ("configuration", "api", "vaults")
    )
    return {
        DOCS / "errors.md": errors_page(ROOT / "src" / "custody"),
        DOCS / "cli.md": cli_page(),
        configuration: with_keys(configuration.read_text(encoding="utf-8")),
        vaults: with_references(vaults.read_text(encoding="utf-8")),
        api: with_endpoints(api.read_text(encoding="utf-8")),
    }


def main(arguments: list[str]) -> int:
    stale = 0
    for path, text in pages().items():
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{path.relative_to(ROOT)} is out of date: run `make docs`")
        else:
            path.write_text(text, encoding="utf-8")
            print(f"wrote {path.relative_to(ROOT)}")
    return 1 if stale and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
