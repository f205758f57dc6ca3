"""Writes ``statements-1.txt``: ``python -m tests.golden.write_statements_1``.

Law: it is written anew only where a change of what is recorded, or of what clients are told, is
meant; whoever does so reads the difference line by line.
"""

import tempfile
from pathlib import Path

from tests.real.same_evidence import FILE, statements

from custody.demo.scratch_postgres import scratch_postgres


def write() -> None:
    with scratch_postgres() as server, tempfile.TemporaryDirectory() as folder:
        FILE.write_text(statements(server, Path(folder) / "gateway"), "utf-8")


if __name__ == "__main__":
    write()
