"""A statement that names thousands of relations is looked up together, not one after the other."""

import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import errors
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway, running_gateway

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = pytest.mark.real

TABLES = 900


@pytest.fixture(scope="module")
def gateway(
    postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    postgres.create_database("many")
    made = ";".join(f"CREATE TABLE t{n} (a int)" for n in range(TABLES))
    postgres.execute(made, database="many")
    folder: Path = tmp_path_factory.mktemp("many") / "gateway"
    config = HEAD + target(postgres, "many")
    config = config.replace('"read", "write", "define", "grant", "execute", "unknown"', '"read"')
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as running:
        yield running


def test_all_of_them_are_named_in_the_record(gateway: RunningGateway) -> None:
    listed = " UNION ALL ".join(f"SELECT a FROM t{n}" for n in range(TABLES))
    with psycopg.connect(gateway.dsn(gateway.ticket(), "orders"), autocommit=True) as connection:
        begun = time.monotonic()
        assert connection.execute(listed.encode()).fetchall() == []
        first = time.monotonic() - begun
        begun = time.monotonic()
        connection.execute(listed.encode() + b" ")
        again = time.monotonic() - begun
        with pytest.raises(errors.InsufficientPrivilege):
            connection.execute("DELETE FROM t1")
    print(f"{TABLES} relations: {first:.2f} s, and {again:.2f} s once they are known")
    (found, *_) = [each for each in gateway.commands() if "UNION" in each["text"]]
    assert set(found["objects"]) == {f"public.t{n}" for n in range(TABLES)}
