"""Nothing raw reaches the disk: secrets go through every path, then every byte is searched.

Law: the program at the client sees its values unchanged (each planter checks that), and nothing
that the gateway leaves behind, nothing that it shows and nothing that it says holds one of them.
"""

import contextlib
import socket
import struct
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql
from tests.real.configs import HEAD, RULES, target
from tests.real.planted_scene import MASKS, SCHEMA, Scene, message, until
from tests.real.planting import Planter
from tests.real.running import RunningGateway, running_gateway
from tests.real.searching import every_file, find

from custody.demo.scratch_postgres import ScratchPostgres

pytestmark = [pytest.mark.real, pytest.mark.timeout(300)]

HARMLESS = "harmless-marker-in-the-clear"
CAPTURE = 4096


@pytest.fixture(scope="module")
def scene(postgres: ScratchPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    postgres.create_database("planted")
    postgres.execute(SCHEMA, database="planted")
    config = HEAD + target(postgres, "planted") + RULES + MASKS
    folder: Path = tmp_path_factory.mktemp("planted") / "gateway"
    with running_gateway(folder, config, {"TARGET_PASSWORD": postgres.password}) as gateway:
        planter = Planter(20)
        planter.remember(postgres.password, "the target's password")
        yield Scene(gateway, planter)
        # Only now, when every test of this module has planted its share, in whatever order.
        _nothing_is_left(gateway, planter)


def _nothing_is_left(gateway: RunningGateway, planter: Planter) -> None:
    time.sleep(0.5)  # Responses are durable within 50 ms; the index follows.
    shown = list(_all_that_is_shown(gateway))
    sightings = find(planter.planted, [*every_file(gateway.folder), *shown])
    gateway.stop()
    sightings += find(planter.planted, every_file(gateway.folder))
    assert len(planter.planted) > 300
    assert any(HARMLESS.encode() in content for _, content in shown), "the search saw no payload"
    assert not sightings, "\n".join(sorted(set(sightings))[:60])


def _all_that_is_shown(gateway: RunningGateway) -> Iterator[tuple[str, bytes]]:
    """What the commands print, as JSON and as text for people."""
    for session in gateway.items("sessions"):
        for form in ((), ("--json",)):
            words = ("show", str(session["id"]), *form)
            yield " ".join(words), gateway.custody(*words).stdout.encode()
    for words in (("sessions",), ("loops",), ("search", HARMLESS), ("search", "ssn", "--json")):
        done = gateway.custody(*words, expect=None)
        yield " ".join(words), (done.stdout + done.stderr).encode()


def test_literals(scene: Scene) -> None:
    plant = scene.planter
    with scene.connection() as connection:
        assert connection.execute(f"SELECT '{HARMLESS}'").fetchone() == (HARMLESS,)
        for make in plant.shaped:
            for template in (
                "SELECT '{}'",
                "SELECT '{}' AS note /* and {} */",
                "SELECT 1 -- {}",
                "SELECT $tag${}$tag$",
                "SELECT E'{}\\n'",
                'SELECT 1 AS "{}"',
                "INSERT INTO users (id, note) VALUES ({{id}}, '{}')",
                "WITH a AS (SELECT '{}'::text AS b) SELECT * FROM a WHERE b LIKE '%{}%'",
                "SELECT 1; SELECT '{}'",
                "SET application_name = '{}'",
                "SELECT set_config('my.setting', '{}', false)",
                "DO $$ BEGIN PERFORM '{}'; END $$",
                "COMMENT ON TABLE users IS '{}'",
                "PREPARE held_{{id}} AS SELECT '{}'; EXECUTE held_{{id}}",
                "NOTIFY news, '{}'",
            ):
                secrets = [make(f"literal in {template}") for _ in range(template.count("{}"))]
                text = template.format(*secrets).replace("{id}", str(scene.number()))
                with contextlib.suppress(psycopg.Error):
                    connection.execute(text.encode())


def test_literals_that_meet_a_masked_column(scene: Scene) -> None:
    plant = scene.planter
    with scene.connection() as connection:
        for template in (
            "INSERT INTO users (id, ssn) VALUES ({id}, '{}')",
            "INSERT INTO users VALUES ({id}, 'name', '{}', 1, 'note')",
            "INSERT INTO public.users AS u (ssn, id) SELECT '{}', {id}",
            "UPDATE users SET ssn = '{}' WHERE id = {id}",
            "SELECT id FROM users WHERE ssn = '{}'",
            "SELECT id FROM users u WHERE u.ssn IN ('{}', '{}')",
            "SELECT id FROM users WHERE ssn LIKE '{}%'",
            "SELECT id FROM users WHERE '{}' = ssn",
            "SELECT id FROM users WHERE ssn BETWEEN '{}' AND '{}'",
            "SELECT id FROM users WHERE lower(ssn) = '{}'",
            "SELECT id FROM users WHERE ssn = any (ARRAY['{}', '{}'])",
            "SELECT id FROM users WHERE (id, ssn) = (1, '{}')",
            "SELECT CASE ssn WHEN '{}' THEN 1 END FROM users",
            "SELECT x.number FROM people x WHERE x.number = '{}'",
            "DELETE FROM users WHERE ssn = '{}'",
            "INSERT INTO logins (password) VALUES ('{}')",
            "UPDATE logins SET password = '{}' WHERE password = '{}'",
            "EXPLAIN SELECT * FROM users WHERE ssn = '{}'",
            "WITH w AS (SELECT '{}' AS s) SELECT id FROM users, w WHERE ssn = s",
            "SELECT id FROM users JOIN (VALUES ('{}')) v(s) ON ssn = v.s",
            "PREPARE p{id} (text) AS SELECT id FROM users WHERE ssn = $1; EXECUTE p{id} ('{}')",
            "DECLARE c{id} CURSOR WITH HOLD FOR SELECT 1 FROM users WHERE ssn = '{}'",
            "DO $$ BEGIN UPDATE users SET ssn = '{}' WHERE id = {id}; END $$",
        ):
            path = f"literal on a masked column: {template}"
            secrets = [plant.plain(path) for _ in range(template.count("{}"))]
            text = template.replace("{id}", str(scene.number())).format(*secrets)
            with contextlib.suppress(psycopg.Error):
                connection.execute(text.encode())


def test_passwords_in_statements(scene: Scene) -> None:
    with scene.connection() as connection:
        for template in (
            "CREATE ROLE role_{id} LOGIN PASSWORD '{}'",
            "ALTER ROLE role_missing PASSWORD '{}'",
            "alter user role_missing with encrypted password '{}'",
            "CREATE USER user_{id} PASSWORD $${}$$",
            "ALTER ROLE role_missing PASSWORD E'{}'",
            "ALTER ROLE role_missing PASSWORD U&'{}'",
            "DO $$ BEGIN EXECUTE 'ALTER ROLE role_missing PASSWORD ''{}'''; END $$",
            "CREATE SUBSCRIPTION s CONNECTION 'host=h user=u password={}' PUBLICATION p",
            "SELECT 'postgresql://u:{}@db.example.com/x'",
            "SELECT dblink_connect('host=h password={}')",
        ):
            secret = scene.planter.plain(f"password in {template}")
            text = template.replace("{id}", str(scene.number())).replace("{}", secret)
            with contextlib.suppress(psycopg.Error):
                connection.execute(text.encode())


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_bind_values(scene: Scene, binary: bool) -> None:  # noqa: FBT001  # a case
    plant, mark = scene.planter, "%b" if binary else "%t"
    with scene.connection() as connection:
        for make in plant.shaped:
            secret = make(f"bind {mark}")
            assert connection.execute(f"SELECT {mark}::text", [secret]).fetchone() == (secret,)
            connection.execute(
                f"INSERT INTO users (id, note) VALUES (%s, {mark})", [scene.number(), secret]
            )
        for query in (
            f"SELECT id FROM users WHERE ssn = {mark}",
            f"SELECT id FROM people WHERE number = {mark}",
            f"UPDATE users SET ssn = {mark} WHERE id = 0",
            f"INSERT INTO logins (password) VALUES ({mark})",
        ):
            connection.execute(query, [plant.plain(f"bind {query}")])
        connection.execute(f"SELECT 1 FROM users WHERE pin = {mark}", [plant.number("bind pin")])
        connection.execute(
            f"INSERT INTO logins (password, blob) VALUES ('x', {mark})",
            [plant.token("bind of bytes").encode()],
        )
        for _ in range(8):
            # Often enough to become a named statement, then in batches and in a pipeline.
            scene.user(connection, "bind, prepared")
        rows = [(scene.number(), plant.plain("bind, batch")) for _ in range(5)]
        connection.cursor().executemany("INSERT INTO users (id, ssn) VALUES (%s, %s)", rows)


@pytest.mark.parametrize("binary", [False, True], ids=["text", "binary"])
def test_rows(scene: Scene, binary: bool) -> None:  # noqa: FBT001  # a case
    with scene.connection() as connection:
        for select in (
            "SELECT ssn FROM users WHERE id = {}",
            "SELECT ssn AS harmless, pin AS plain FROM users WHERE id = {}",
            "SELECT * FROM users WHERE id = {}",
            "SELECT u FROM users u WHERE id = {}",
            "SELECT upper(ssn), ssn || 'x', pin + 1 FROM users WHERE id = {}",
            "SELECT to_jsonb(u) FROM users u WHERE id = {}",
            "SELECT array_agg(ssn), min(pin) FROM users WHERE id = {}",
            "SELECT number, pin FROM people WHERE id = {}",
            "SELECT ssn_of({})",
            "SELECT * FROM (SELECT ssn AS a FROM users WHERE id = {}) b",
            "WITH c AS (SELECT ssn, pin FROM users WHERE id = {}) SELECT * FROM c",
            "SELECT x.ssn FROM users x JOIN people p USING (id) WHERE id = {}",
            "SELECT ssn FROM users WHERE id = {} UNION ALL SELECT 'other'",
            "UPDATE users SET name = 'n' WHERE id = {} RETURNING ssn, pin",
            "TABLE users",
            "SELECT query_to_xml('SELECT ssn FROM users WHERE id = {}', true, true, '')",
        ):
            number, secret = scene.user(connection, f"row of {select}")
            scene.planter.remember(secret.upper(), f"row of {select}, in capitals")
            answer = connection.execute(select.format(number).encode(), binary=binary).fetchall()
            assert secret in str(answer) or secret.upper() in str(answer)


def test_cursors_and_long_results(scene: Scene) -> None:
    with scene.connection() as connection:
        for _ in range(3):
            scene.user(connection, "cursor")
        with connection.transaction(), connection.cursor("walk", withhold=True) as cursor:
            cursor.execute("SELECT ssn, pin FROM users")
            assert cursor.fetchmany(2)
        # Each row is longer than what is captured, so that the bound falls inside a secret.
        for before in range(CAPTURE - 80, CAPTURE + 10, 6):
            secret = scene.planter.plain("row cut by the capture bound", head=8)
            query = "SELECT repeat('x', %s) || ssn FROM users WHERE id = %s"
            number = scene.number()
            connection.execute("INSERT INTO users (id, ssn) VALUES (%s, %s)", [number, secret])
            connection.execute(query, [before, number])
            email = scene.planter.email("detected value cut by the capture bound")
            connection.execute("SELECT repeat('x ', %s) || %s", [before // 2, email])
            connection.execute("SELECT repeat('x ', %s) || %s", [before, email])


COPY_OUT = (
    "COPY users TO STDOUT",
    "COPY users (ssn, pin) TO STDOUT (FORMAT csv, HEADER)",
    "COPY users (ssn) TO STDOUT (FORMAT binary)",
    "COPY (SELECT ssn AS x, pin FROM users) TO STDOUT",
    "COPY (SELECT upper(ssn) FROM users) TO STDOUT (FORMAT csv)",
    "COPY (SELECT number FROM people) TO STDOUT (DELIMITER '|')",
)


@pytest.mark.parametrize("statement", COPY_OUT)
def test_copy_out(scene: Scene, statement: str) -> None:
    with scene.connection() as connection:
        _, secret = scene.user(connection, statement)
        with connection.cursor().copy(statement.encode()) as copy:
            content = b"".join(bytes(piece) for piece in copy)
        assert secret.encode() in content or secret.upper().encode() in content


def test_copy_in(scene: Scene) -> None:
    plant = scene.planter
    columns = "(id, ssn, pin, note)"
    with scene.connection() as connection:
        for way, options in (("text", ""), ("csv", "(FORMAT csv)"), ("binary", "(FORMAT binary)")):
            path = f"COPY in, {way}"
            rows = [
                (scene.number(), plant.plain(path), plant.number(path), make(path))
                for make in plant.shaped
            ]
            with connection.cursor().copy(
                f"COPY users {columns} FROM STDIN {options}".encode()
            ) as copy:
                if way == "csv":
                    text = "".join(f'{a},"{b}",{c},{d}\n' for a, b, c, d in rows).encode()
                    for place in range(0, len(text), 7):
                        # Cut where no value ends.
                        copy.write(text[place : place + 7])
                else:
                    if way == "binary":
                        copy.set_types(["int4", "text", "int8", "text"])
                    for row in rows:
                        copy.write_row(row)
        with (
            contextlib.suppress(psycopg.Error),
            connection.cursor().copy(b"COPY users (id, ssn) FROM STDIN") as copy,
        ):
            copy.write(f"not-a-number\t{plant.plain('COPY in, refused row')}\n".encode())


def test_errors_and_notices(scene: Scene) -> None:
    with scene.connection() as connection:
        notices: list[str] = []
        connection.add_notice_handler(lambda notice: notices.append(notice.message_primary or ""))
        for query in (
            "INSERT INTO users (id, ssn) VALUES ({next}, '{ssn}')",
            "SELECT ssn::int FROM users WHERE id = {id}",
            "SELECT ssn::date FROM people, users WHERE users.id = {id}",
            "SELECT cry({id})",
            "SELECT shout({id})",
            "SELECT 1/0 FROM users WHERE ssn = '{ssn}'",
            "INSERT INTO users (id, ssn, pin) VALUES ({next}, '{ssn}', 'x')",
            "ALTER TABLE users ADD CONSTRAINT c{next} CHECK (ssn <> '{ssn}')",
            "SELEC ssn FROM users WHERE ssn = '{ssn}'",
            "INSERT INTO users (ssn) VALUES ('{ssn}'",
            "SELECT '{ssn}' FROM users WHERE",
        ):
            number, secret = scene.user(connection, f"error of {query}")
            text = query.format(id=number, ssn=secret, next=scene.number())
            with contextlib.suppress(psycopg.Error):
                connection.execute(text.encode())
        assert notices
        for make in scene.planter.shaped:
            for template in ("SELECT '{}'::int", "SELEC '{}'", 'SELECT "{}"', "RAISE {}", "{}"):
                with contextlib.suppress(psycopg.Error):
                    connection.execute(template.format(make(f"error of {template}")).encode())


def test_what_a_login_carries(scene: Scene) -> None:
    gateway, plant = scene.gateway, scene.planter
    for make in plant.shaped:
        with scene.connection(application_name=make("application_name")) as connection:
            connection.execute("SELECT 1")
        with scene.connection(options=f"-c my.word={make('startup option')}") as connection:
            connection.execute("SHOW my.word")
        dsn = gateway.dsn(scene.ticket, "orders", user=make("user name"))
        with psycopg.connect(dsn) as connection:
            connection.execute("SELECT 1")
        for ticket, database in (
            (plant.remember("ct_" + make("wrong ticket") + "x" * 10, "wrong ticket"), "orders"),
            (plant.plain("a password for a ticket"), "orders"),
            (scene.ticket, make("unknown target")),
            (scene.ticket, f"orders/{make('unknown database')}"),
        ):
            with pytest.raises(psycopg.OperationalError):
                psycopg.connect(gateway.dsn(ticket, database))


def test_messages_cut_anywhere(scene: Scene) -> None:
    """By hand, a few bytes at a time: no border of a packet may show a secret."""
    plant, secrets = scene.planter, []
    with socket.create_connection(("127.0.0.1", scene.gateway.port), timeout=30) as line:
        line.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        words = b"user\0anything\0database\0orders\0\0"
        line.sendall(struct.pack("!ii", len(words) + 8, 196608) + words)
        assert until(line, b"R")
        line.sendall(message(b"p", scene.ticket.encode() + b"\0"))
        assert until(line, b"Z")
        for make in plant.shaped:
            secrets.append(make("message cut anywhere"))
            column = plant.plain("message cut anywhere, column")
            text = f"SELECT '{secrets[-1]}' FROM users WHERE ssn = '{column}'"
            query = message(b"Q", text.encode() + b"\0")
            for place in range(0, len(query), 3):
                line.sendall(query[place : place + 3])
                time.sleep(0.0005)
            assert until(line, b"Z")


def test_identifiers_and_unknown_words(scene: Scene) -> None:
    with scene.connection() as connection:
        for make in scene.planter.shaped:
            secret = make("identifier")
            with contextlib.suppress(psycopg.Error):
                connection.execute(sql.SQL("CREATE TABLE {} ()").format(sql.Identifier(secret)))
            with contextlib.suppress(psycopg.Error):
                connection.execute(sql.SQL("SELECT 1 AS {}").format(sql.Identifier(make("alias"))))
