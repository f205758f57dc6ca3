"""A statement that writes more rows than its grant allows ends the loop, and its transaction."""

import psycopg
import pytest
from tests.conftest import StartGateway
from tests.real.configs import HEAD, target

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

LIMIT = "max_rows = 10\n"


def rows(postgres: ScratchPostgres, database: str) -> int:
    return int(postgres.execute("SELECT count(*) FROM t", database=database))


@pytest.mark.parametrize(
    ("autocommit", "left"), [(False, 100), (True, 80)], ids=["in a transaction", "by itself"]
)
def test_too_many_rows_end_the_loop(
    postgres: ScratchPostgres,
    database: str,
    start_gateway: StartGateway,
    autocommit: bool,  # noqa: FBT001  # the table's column
    left: int,
) -> None:
    postgres.execute(
        "CREATE TABLE t (id int); INSERT INTO t SELECT generate_series(1, 100)", database=database
    )
    gateway = start_gateway(HEAD + target(postgres, database) + LIMIT)
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=autocommit) as line:
        assert len(line.execute("SELECT id FROM t").fetchall()) == 100
        line.execute("UPDATE t SET id = id WHERE id <= 10")
        line.execute("DELETE FROM t WHERE id <= 20")
        with pytest.raises(psycopg.OperationalError):
            line.execute("SELECT pg_sleep(60)")
    assert rows(postgres, database) == left
    (exceeded,) = gateway.items("search", "kind:budget.exceeded")
    assert exceeded["kind"] == "budget.exceeded"
    assert "max_rows" in str(exceeded)
