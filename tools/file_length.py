"""No Python file is longer than 400 lines, and no package has more than 20 of them side by side.

A file that is longer is two files, and a fuller room wants folders. Run with the folders to look
through; exits 1 and names each offender.
"""

import sys
from collections import Counter
from pathlib import Path

LONGEST = 400
FULLEST = 20
"""Modules of one package, its ``__init__`` among them."""


def too_long(folders: list[Path]) -> list[tuple[Path, int]]:
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    counted = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in files)
    return [(path, lines) for path, lines in counted if lines > LONGEST]


def too_full(folders: list[Path]) -> list[tuple[Path, int]]:
    """Packages with more modules than there may be; other folders hold what they like."""
    files = [path for folder in folders for path in folder.rglob("*.py")]
    packages = {path.parent for path in files if path.name == "__init__.py"}
    counted = Counter(path.parent for path in files if path.parent in packages)
    return sorted((package, count) for package, count in counted.items() if count > FULLEST)


def main(folders: list[Path]) -> int:
    long, full = too_long(folders), too_full(folders)
    for path, lines in long:
        print(f"{path}: {lines} lines, {lines - LONGEST} too many")
    for package, count in full:
        print(f"{package}: {count} files side by side, {count - FULLEST} too many")
    return 1 if long or full else 0


if __name__ == "__main__":
    sys.exit(main([Path(name) for name in sys.argv[1:]]))
