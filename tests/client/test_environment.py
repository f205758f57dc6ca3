"""What standard clients are given, and which variables are led through loopback."""

from pathlib import Path

import msgspec
import pytest

from custody.client.environment import rewrite_urls, routes_of, write_environment
from custody.client.gateway import (
    GatewayDescription,
    ListenerDescription,
    LoopDescription,
    TargetDescription,
)
from custody.model.client_environment import Route
from custody.model.errors import CustodyError
from custody.model.secret import Secret
from custody.protocols.postgres.client import CLIENT

TICKET = Secret("ct_secret")
LISTENERS = (
    ListenerDescription("postgres", "gw.example", 6432),
    ListenerDescription("postgres", "gw.example", 7000, "stock"),
)
FACTS = GatewayDescription("gw", "1", "PEM", (), LISTENERS)
TARGETS = (
    TargetDescription("orders", "postgres", "shop"),
    TargetDescription("stock", "postgres", "inventory"),
    TargetDescription("box", "ssh"),
)
LOOP = LoopDescription("loop_a", "ada@example.org", "corp", "2026", (), None, TARGETS)


def way(target: str, host: str = "127.0.0.1", port: int = 40000) -> Route:
    return Route(
        target, "postgres", host, port, target, own="shop", within=f"{target}/", subject="ada"
    )


def test_each_target_is_reached_through_its_own_listener_or_by_its_name() -> None:
    assert routes_of(FACTS, LOOP, ["stock", "orders"]) == [
        Route(
            "stock",
            "postgres",
            "gw.example",
            7000,
            "inventory",
            own="inventory",
            subject="ada@example.org",
        ),
        Route(
            "orders",
            "postgres",
            "gw.example",
            6432,
            "orders",
            own="shop",
            within="orders/",
            subject="ada@example.org",
        ),
    ]


def test_where_none_is_named_what_has_no_listener_is_left_out() -> None:
    assert [each.target for each in routes_of(FACTS, LOOP, [])] == ["orders", "stock"]


def test_a_loop_that_reaches_nothing_says_what_to_do() -> None:
    with pytest.raises(CustodyError, match=r"Ask the gateway's operator for a grant\."):
        routes_of(FACTS, msgspec.structs.replace(LOOP, targets=()), [])


@pytest.mark.parametrize(
    ("wanted", "code"), [(["nothing"], "run.target"), (["box"], "run.no-listener")]
)
def test_what_cannot_be_reached_is_named(wanted: list[str], code: str) -> None:
    with pytest.raises(CustodyError) as caught:
        routes_of(FACTS, LOOP, wanted)
    assert caught.value.code == code


def test_files_are_private_and_the_environment_holds_no_secret(tmp_path: Path) -> None:
    given = write_environment(
        [way("orders", "gw:1", 6432), way("stock", "gw:1", 6432)], TICKET, tmp_path, "PEM", {}
    )
    assert all("ct_secret" not in value for value in given.environment.values())
    assert "PGPASSWORD" in given.unset
    assert (tmp_path / "pgpass").read_text() == "gw\\:1:6432:*:*:ct_secret\n"
    for name in ("pgpass", "pg_service.conf", "ticket", "ca.pem"):
        assert (tmp_path / name).stat().st_mode & 0o777 == 0o600
    assert (
        "[stock]\nhost=gw:1\nport=6432\ndbname=stock\n"
        in (tmp_path / "pg_service.conf").read_text()
    )


@pytest.mark.parametrize(("before", "trusted"), [("OWN\n", "PEM\nOWN\n"), (None, "PEM\n")])
def test_node_trusts_the_gateway_beside_what_it_trusted_before(
    before: str | None, trusted: str, tmp_path: Path
) -> None:
    own = tmp_path / "own.pem"
    if before is not None:
        own.write_text(before)
    folder = tmp_path / "run"
    folder.mkdir()
    had = {"NODE_EXTRA_CA_CERTS": str(own)}
    given = write_environment([way("orders")], TICKET, folder, "PEM\n", had)
    assert Path(given.environment["NODE_EXTRA_CA_CERTS"]).read_text() == trusted


URLS = {
    "postgres://root:real@db.internal/orders": (
        "postgres://ada:ct_secret@127.0.0.1:40000/orders?sslmode=disable"
    ),
    "postgresql+psycopg://root:real@db/orders?connect_timeout=3&sslmode=require&sslcert=x": (
        "postgresql+psycopg://ada:ct_secret@127.0.0.1:40000/orders"
        "?connect_timeout=3&sslmode=disable"
    ),
    "jdbc:postgresql://db:5432/orders?user=root&password=real&ApplicationName=a": (
        "jdbc:postgresql://127.0.0.1:40000/orders"
        "?ApplicationName=a&user=ada&password=ct_secret&sslmode=disable"
    ),
    # "Connecting to the Database" of pgJDBC: the two slashes may be left out.
    "jdbc:postgresql:shop?user=root&password=real": (
        "jdbc:postgresql://127.0.0.1:40000/orders?user=ada&password=ct_secret&sslmode=disable"
    ),
    # Whatever is called a password is one.
    "postgres://root@db/shop?sslpassword=real&PGPASSWORD=real&application_name=a@b": (
        "postgres://ada:ct_secret@127.0.0.1:40000/orders?application_name=a%40b&sslmode=disable"
    ),
    # The target's own database, or none: what the target gives by itself.
    "postgres://db/shop": "postgres://ada:ct_secret@127.0.0.1:40000/orders?sslmode=disable",
    "postgres://db": "postgres://ada:ct_secret@127.0.0.1:40000/orders?sslmode=disable",
    # Another database of the same server stays that other database.
    "postgres://db/billing": (
        "postgres://ada:ct_secret@127.0.0.1:40000/orders/billing?sslmode=disable"
    ),
    "postgres://db/orders/billing": (
        "postgres://ada:ct_secret@127.0.0.1:40000/orders/billing?sslmode=disable"
    ),
    # SQLAlchemy's dialects that do not know libpq's word for it.
    "postgresql+asyncpg://db/shop": (
        "postgresql+asyncpg://ada:ct_secret@127.0.0.1:40000/orders?ssl=disable"
    ),
    "postgresql+pg8000://db/shop?ssl=true": (
        "postgresql+pg8000://ada:ct_secret@127.0.0.1:40000/orders"
    ),
}  # fmt: skip


@pytest.mark.parametrize("url", URLS)
def test_a_url_is_led_to_loopback_and_loses_its_own_credential(url: str) -> None:
    changed, unclear = rewrite_urls(
        {"DATABASE_URL": url}, {"orders": way("orders")}, [way("orders", "gw", 6432)], {}, TICKET
    )
    assert (changed, unclear) == ({"DATABASE_URL": URLS[url]}, [])
    assert "real" not in changed["DATABASE_URL"]


@pytest.mark.parametrize(
    "url",
    [
        "postgres://root:re/al@db/shop",
        "postgres://root:re?al@db/shop",
        "postgres://root:re#al@db/shop",
        "jdbc:postgresql://root:re/al@db/shop",
        "postgres://root:re[al@db/shop",
    ],
)
def test_a_url_whose_password_has_no_clear_end_is_left_alone(url: str) -> None:
    """Its rest would pass for a database's name, and so into the record."""
    ways = [way("orders")]
    assert rewrite_urls({"A": url}, {"orders": ways[0]}, ways, {}, TICKET) == ({}, ["A"])


def test_among_several_targets_the_url_or_the_caller_tells_which() -> None:
    remote = [way("orders", "gw", 6432), way("stock", "gw", 6432)]
    local = {"orders": way("orders", port=1), "stock": way("stock", port=2)}
    environment = {
        "ORDERS_URL": "postgres://x@y/orders",
        "READ_URL": "postgres://x@y/prod",
        "CACHE_URL": "redis://z/1",
        "PLAIN": "postgres",
        "OTHER": "postgres://x@y/else",
    }
    changed, unclear = rewrite_urls(environment, local, remote, {"READ_URL": "stock"}, TICKET)
    assert set(changed) == {"ORDERS_URL", "READ_URL"}
    assert ":2/stock/prod" in changed["READ_URL"]
    assert unclear == ["OTHER"]


def test_a_listener_in_clear_text_declines_encryption() -> None:
    assert {len(opening) for opening in CLIENT.declined_openings} == {8}
    given = CLIENT.environment_for([way("orders")], TICKET, folder="/run/x", authority="/ca")
    assert given.environment["PGSSLMODE"] == "verify-full"
