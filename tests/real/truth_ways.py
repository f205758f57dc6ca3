"""The ways by which a value crosses a gateway: statements, formats, types and functions.

Law: each way is played with libpq itself and notes what the client saw, so that a way which carries
nothing is known. What a way does not promise to hide (a value turned round, cut in pieces, joined
from pieces) is no way here, and the documentation says so.
"""

import csv
import io
import struct
from collections.abc import Callable
from typing import Final

from psycopg import pq
from tests.real.truth_values import SHAPED, Made, TruthPlanter, ValueKind

SCHEMA: Final = """
CREATE EXTENSION IF NOT EXISTS citext;
CREATE DOMAIN note AS text;
CREATE TYPE pair AS (a int, b text);
CREATE TABLE users (id int, ssn text UNIQUE, pin bigint, note text);
CREATE TABLE members (since int) INHERITS (users);
CREATE VIEW people AS SELECT id, ssn AS number, pin FROM users;
CREATE TABLE notes (id int, note text, n note, c citext, p pair, j jsonb, b bytea, a text[]);
CREATE TABLE loud (id int);
CREATE FUNCTION shout() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  RAISE NOTICE 'it is %', (SELECT ssn FROM users WHERE id = NEW.id); RETURN NEW; END $$;
CREATE TRIGGER t BEFORE INSERT ON loud FOR EACH ROW EXECUTE FUNCTION shout();
"""
MASKS: Final = """
[[mask]]
columns = ["users.ssn"]
as = "token"
[[mask]]
columns = ["users.pin"]
[[mask]]
detect = ["card", "iban", "ssn", "secret"]
as = "token"
"""
TEXT_OF: Final = (
    "{}", "upper({})", "lower({})", "concat('a ', {}, ' b')", "{} || ''", "to_json({})",
    "json_build_object('k', {})", "to_jsonb(ARRAY[{}])", "format('%s', {})", "format('<%s>', {})",
    "overlay('- ' || {} placing '+' from 1 for 1)", "encode(convert_to({}, 'UTF8'), 'hex')",
    "convert_to({}, 'UTF8')", "ARRAY[{}, 'x']", "ROW(1, {})", "(1, {})::pair", "quote_literal({})",
    "xmlelement(name x, {})::text", "{}::citext", "{}::note", "trim({})", "ROW(ROW({}))",
    "json_build_object('a', json_build_array({}))::text", "coalesce({}, 'x')",
)  # fmt: skip
"""What a function or a type makes of a text."""
BASE64: Final = "encode(convert_to({}, 'UTF8'), 'base64')"
SOURCES: Final = (
    "SELECT {} FROM users WHERE id = {id}",
    "SELECT {} FROM (SELECT ssn AS ssn, pin AS pin FROM users WHERE id = {id}) x",
    "WITH c AS (SELECT ssn, pin FROM users WHERE id = {id}) SELECT {} FROM c",
    "SELECT {} FROM users JOIN people USING (id) WHERE id = {id} AND users.ssn IS NOT NULL",
    "UPDATE users SET note = NULL WHERE id = {id} RETURNING {}",
    "SELECT {} FROM users WHERE id = {id} UNION ALL SELECT NULL",
    "SELECT max(x) FROM (SELECT ({})::text AS x FROM users WHERE id = {id}) y",
)
PASSWORDS: Final = (
    "SELECT set_config('app.secret', '{}', false)",
    "SELECT 'password={}'",
    "SELECT 'postgres://u:{}@h/db'",
    'SELECT \'{{"password": {{"value": "{}"}}}}\'::json',
    'SELECT \'["password", "{}"]\'::jsonb',
    "SELECT format('ALTER ROLE x PASSWORD %L', '{}')",
    "SELECT xmlparse(content '<password>{}</password>')",
    "ALTER ROLE nobody PASSWORD '{}'",
    "DO $$ BEGIN PERFORM 'ALTER ROLE x PASSWORD ''{}'''; END $$",
    "SELECT 'curl -u joe:{} https://h'",
    "SELECT 1 /* password: {} */",
    "SELECT hstore_or_not('password', '{}')",
    "SELECT E'user: x\\npassword: {}\\n'",
    "NOTIFY news, 'password={}'",
)


class TruthClient:
    """A libpq connection that notes all that it saw."""

    def __init__(self, dsn: str) -> None:
        self._line: Final = pq.PGconn.connect(dsn.encode())
        assert self._line.status == pq.ConnStatus.OK, self._line.error_message
        self.seen: Final[list[bytes]] = []
        self._line.notice_handler = lambda result: self.seen.append(
            result.error_field(pq.DiagnosticField.MESSAGE_PRIMARY) or b""
        )
        self._names = 0

    def close(self) -> None:
        self._line.finish()

    def simple(self, text: str) -> None:
        self._note(self._line.exec_(text.encode()))

    def extended(
        self,
        text: str,
        *values: bytes,
        types: tuple[int, ...] = (),
        form: int = 0,
        result: int = 0,
    ) -> None:
        given = types or (0,) * len(values)
        self._note(
            self._line.exec_params(text.encode(), list(values), given, [form] * len(values), result)
        )

    def prepared(self, text: str, *values: bytes, form: int = 0, result: int = 0) -> None:
        self._names += 1
        name = f"p{self._names}".encode()
        self._note(self._line.prepare(name, text.encode()))
        for _ in range(2):
            self._note(self._line.exec_prepared(name, list(values), [form] * len(values), result))

    def copy_in(self, text: str, data: bytes) -> None:
        if self._line.exec_(text.encode()).status == pq.ExecStatus.COPY_IN:
            for at in range(0, len(data), 37):
                self._line.put_copy_data(data[at : at + 37])
            self._line.put_copy_end()
        self._drain()

    def copy_out(self, text: str) -> None:
        result = self._line.exec_(text.encode())
        self._note(result)
        while result.status == pq.ExecStatus.COPY_OUT:
            size, piece = self._line.get_copy_data(0)
            if size <= 0:
                break
            self.seen.append(bytes(piece))
        self._drain()

    def _drain(self) -> None:
        while (result := self._line.get_result()) is not None:
            self._note(result)

    def _note(self, result: pq.abc.PGresult) -> None:
        self.seen.append(result.error_message)
        for field in (pq.DiagnosticField.MESSAGE_DETAIL, pq.DiagnosticField.CONTEXT):
            self.seen.append(result.error_field(field) or b"")
        for row in range(result.ntuples):
            for column in range(result.nfields):
                self.seen.append(result.get_value(row, column) or b"")


Way = Callable[[TruthClient, TruthPlanter, int], None]


def quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _text_kind(plant: TruthPlanter) -> ValueKind:
    return plant.chance.choice((*SHAPED, ValueKind.PRIVATE_KEY))


def _of(plant: TruthPlanter, made: Made | None = None) -> str:
    """A function. Base64 of what is too short for it to be seen is no promise, nor is a token in
    other letters than its service's, which opens nothing any more.
    """
    kind = made.kind if made is not None else ValueKind.COLUMN
    forms = [form for form in TEXT_OF if kind is not ValueKind.TOKEN or "er(" not in form]
    return plant.chance.choice(forms if kind is ValueKind.SSN else [*forms, BASE64])


def _user(client: TruthClient, plant: TruthPlanter, number: int, way: str) -> tuple[Made, Made]:
    ssn, pin = plant.make(ValueKind.COLUMN, way), plant.make(ValueKind.NUMBER, way)
    table = plant.chance.choice(("users", "members"))
    insert = f"INSERT INTO {table} (id, ssn, pin) VALUES ($1, $2, $3)"
    if plant.chance.random() < 0.5:
        values = struct.pack("!iq", number, int(pin.written))
        client.extended(
            insert, values[:4], ssn.written.encode(), values[4:], types=(23, 25, 20), form=1
        )
    else:
        client.prepared(insert, str(number).encode(), ssn.written.encode(), pin.written.encode())
    return ssn, pin


def column_read(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    column = plant.chance.choice(("ssn", "ssn", "pin::text"))
    expression = _of(plant).format(column)
    text = plant.chance.choice(SOURCES).format(expression, id=number)
    _user(client, plant, number, f"read of {text.replace(str(number), '#')}")
    result = plant.chance.randrange(2)
    match plant.chance.randrange(4):
        case 0:
            client.simple(text)
        case 1:
            client.extended(text, result=result)
        case 2:
            client.prepared(text, result=result)
        case _ if text.startswith(("SELECT", "WITH")):
            client.simple(f"BEGIN; DECLARE c{number} CURSOR FOR {text}; FETCH ALL c{number}; END")
        case _:
            client.simple(text)


def column_met(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    template = plant.chance.choice(
        (
            "SELECT id FROM users WHERE ssn = {}",
            "SELECT id FROM people WHERE number = {}",
            "SELECT id FROM members WHERE lower(ssn) LIKE {}",
            "UPDATE users SET ssn = {} WHERE id = -1",
            "DELETE FROM users WHERE ssn IN ({}, 'x')",
            "SELECT json_populate_record(NULL::users, json_build_object('ssn', {}))",
            "EXPLAIN SELECT 1 FROM users WHERE ssn = {}",
            "INSERT INTO users (id, ssn) SELECT 1, {} WHERE false",
        )
    )
    value = plant.make(ValueKind.COLUMN, f"met: {template}").written
    del number
    match plant.chance.randrange(3):
        case 0:
            client.simple(template.format(quoted(value)))
        case 1:
            client.extended(template.format("$1::text"), value.encode(), form=1)
        case _:
            client.prepared(template.format("$1::text"), value.encode())


def shaped(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    """A value that a detector knows, in a literal or a bind, in any function."""
    kind = _text_kind(plant)
    form = _of(plant, Made(kind, ""))
    made = plant.make(kind, f"function {form}")
    del number
    result = plant.chance.randrange(2)
    match plant.chance.randrange(5):
        case 0:
            client.simple("SELECT " + form.format(quoted(made.written) + "::text"))
        case 1:
            escaped = made.written.replace("\n", "\\n")
            client.simple("SELECT " + form.format(f"E{quoted(escaped)}::text"))
        case 2:
            client.simple("SELECT " + form.format(f"$x${made.written}$x$::text"))
        case 3:
            client.extended(
                "SELECT " + form.format("$1::text"),
                made.written.encode(),
                types=(25,),
                form=plant.chance.randrange(2),
                result=result,
            )
        case _:
            client.prepared(
                "SELECT " + form.format("$1::text"), made.written.encode(), result=result
            )


def stored(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    """A value in a column of any type, written and read again."""
    column, cast = plant.chance.choice(
        (
            ("note", "$2"), ("n", "$2"), ("c", "$2"), ("p", "ROW(1, $2)::pair"),
            ("j", "to_jsonb($2::text)"), ("b", "convert_to($2, 'UTF8')"), ("a", "ARRAY[$2, 'x']"),
            ("j", "jsonb_build_object('k', jsonb_build_array($2::text))"),
        )
    )  # fmt: skip
    made = plant.make(_text_kind(plant), f"stored in {column} by {cast}")
    client.prepared(
        f"INSERT INTO notes (id, {column}) VALUES ($1, {cast})",
        str(number).encode(),
        made.written.encode(),
    )
    text = f"SELECT {column} FROM notes WHERE id = {number}"
    client.extended(text, result=plant.chance.randrange(2))
    form = plant.chance.choice(("", "(FORMAT csv)", "(FORMAT binary)"))
    client.copy_out(f"COPY ({text}) TO STDOUT {form}")
    client.copy_out(f"COPY notes ({column}) TO STDOUT {form}")


def copied(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    form = plant.chance.choice(("text", "csv", "binary"))
    ssn = plant.make(ValueKind.COLUMN, f"COPY in, {form}").written
    pin = plant.make(ValueKind.NUMBER, f"COPY in, {form}").written
    note = plant.make(_text_kind(plant), f"COPY in, {form}").written
    row = (str(number), ssn, pin, note)
    match form:
        case "text":
            data = ("\t".join(row[:3]) + "\t" + note.replace("\n", "\\n") + "\n").encode()
        case "csv":
            out = io.StringIO()
            csv.writer(out, lineterminator="\n").writerow(row)
            data = out.getvalue().encode()
        case _:
            cells = [struct.pack("!i", number), ssn.encode(), struct.pack("!q", int(pin))]
            cells.append(note.encode())
            body = b"".join(struct.pack("!i", len(cell)) + cell for cell in cells)
            data = b"PGCOPY\n\xff\r\n\0" + bytes(8) + struct.pack("!h", 4) + body + b"\xff\xff"
    client.copy_in(f"COPY users (id, ssn, pin, note) FROM STDIN (FORMAT {form})", data)
    out_form = plant.chance.choice(("text", "csv", "binary"))
    client.copy_out(
        f"COPY (SELECT ssn, pin FROM users WHERE id = {number}) TO STDOUT (FORMAT {out_form})"
    )
    client.copy_out(f"COPY users (pin, ssn) TO STDOUT (FORMAT {out_form})")


def failing(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    ssn, _ = _user(client, plant, number, "error")
    shape = plant.make(plant.chance.choice(SHAPED), "error of a cast").written
    for text in (
        f"INSERT INTO users (id, ssn) VALUES (0, {quoted(ssn.written)})",
        f"SELECT ssn::int FROM users WHERE id = {number}",
        f"INSERT INTO loud VALUES ({number})",
        f"SELECT {quoted(shape)}::int",
        f"SELECT * FROM users WHERE ssn = {quoted(ssn.written)} AND",
        f"SELEC {quoted(shape)}",
    ):
        client.simple(text)
    client.copy_in("COPY users (id, ssn) FROM STDIN", f"x\t{ssn.written}\n".encode())
    client.copy_in("COPY users (pin, ssn) FROM STDIN", f"{ssn.written}\tx\n".encode())


def named(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    """A password, in all the texts that carry one."""
    template = plant.chance.choice(PASSWORDS)
    word = plant.make(ValueKind.PASSWORD, f"password in {template}").written
    client.simple(template.format(word))
    note = plant.chance.choice(("password={}", '{{"password":"{}"}}', "passwd: {}", "pwd='{}'"))
    other = plant.make(ValueKind.PASSWORD, f"password in a bind, {note}").written
    client.prepared(
        "INSERT INTO notes (id, note) VALUES ($1, $2)",
        str(number).encode(),
        note.format(other).encode(),
    )
    client.extended(f"SELECT note FROM notes WHERE id = {number}", result=1)


def settings(client: TruthClient, plant: TruthPlanter, number: int) -> None:
    _user(client, plant, number, "a session's parameters")
    client.simple(
        f"SELECT set_config('application_name', ssn, false) FROM users WHERE id = {number}"
    )
    for text in (
        "SHOW application_name",
        "SELECT current_setting('application_name')",
        "SELECT setting FROM pg_settings WHERE name = 'application_name'",
        "SELECT application_name, query FROM pg_stat_activity WHERE pid = pg_backend_pid()",
        "RESET application_name",
    ):
        client.simple(text)
    client.simple("LISTEN news")
    client.simple(f"SELECT pg_notify('news', ssn) FROM users WHERE id = {number}")
    client.simple("UNLISTEN news")


WAYS: Final[tuple[Way, ...]] = (
    column_read, column_read, column_met, shaped, shaped, stored, copied, failing, named, settings,
)  # fmt: skip
