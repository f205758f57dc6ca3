"""No Python file is longer than 400 lines: one that is, is two files.

Run with the folders to look through; exits 1 and names each offender.
"""

import sys
from pathlib import Path

LONGEST = 400


def too_long(folders: list[Path]) -> list[tuple[Path, int]]:
    files = sorted(path for folder in folders for path in folder.rglob("*.py"))
    counted = ((path, len(path.read_text(encoding="utf-8").splitlines())) for path in files)
    return [(path, lines) for path, lines in counted if lines > LONGEST]


if __name__ == "__main__":
    offenders = too_long([Path(name) for name in sys.argv[1:]])
    for path, lines in offenders:
        print(f"{path}: {lines} lines, {lines - LONGEST} too many")
    sys.exit(1 if offenders else 0)
