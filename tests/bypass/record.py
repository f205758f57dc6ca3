"""Asks a real server all that the corpus needs to know, and writes it to ``catalogue.json``.

Run it as ``python -m tests.bypass.record CONNINFO`` against an empty database of a PostgreSQL 15.
"""

import json
import sys

import psycopg
from tests.bypass.corpus import HERE, evasions, innocents, limited, run

from custody.protocols.postgres.statements import catalogue


def main(conninfo: str) -> None:
    rows: dict[str, list[list[str | None]]] = {}
    with psycopg.connect(conninfo, autocommit=True) as connection:
        connection.execute((HERE / "schema.sql").read_bytes())

        def known(question: catalogue.CatalogueQuestion) -> catalogue.CatalogueAnswer:
            found = connection.execute(catalogue.sql(question).encode()).fetchall()
            text = [[None if value is None else str(value) for value in row] for row in found]
            rows[repr(question)] = text
            return catalogue.read(question, text)

        for case in (*evasions(), *innocents(), *limited()):
            run(case, known)
    (HERE / "catalogue.json").write_text(
        "{\n"
        + ",\n".join(f"{json.dumps(key)}: {json.dumps(rows[key])}" for key in sorted(rows))
        + "\n}\n"
    )


if __name__ == "__main__":
    main(sys.argv[1])
