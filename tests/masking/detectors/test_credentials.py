"""Every way in which a text carries a credential behind its name, and what only looks like one."""

import html
import json
from collections.abc import Callable
from urllib.parse import quote

import pytest
from tests.masking.records import NO_RULES, masked_text
from tests.masking.scenes import mask_command, mask_response

from custody.model.command import Argument, Column, Relation, TextMark
from custody.model.record import OutputColumn

SECRETS = ("hunter2", "Zq8vLw-2pX!", "correcthorse")

SQL = (
    "SELECT set_config('app.secret', '{}', false)",
    "SELECT set_config('app.secret','{}',true)",
    "SET app.password = '{}'",
    "SET LOCAL app.password TO '{}'",
    "SET app.password TO {}",
    "ALTER ROLE x PASSWORD'{}'",
    "ALTER ROLE x SET app.password TO '{}'",
    "ALTER SYSTEM SET primary_conninfo = 'host=h password={}'",
    "SELECT 'password','{}'",
    "SELECT ARRAY['password','{}']",
    "SELECT hstore('password', '{}')",
    "SELECT json_build_object('user', 'joe', 'password', '{}')",
    """SELECT jsonb_set(doc, '{{password}}', '"{}"')""",
    """SELECT jsonb_set(doc, '{{auth,password}}', '"{}"'::jsonb)""",
    "SELECT 1 FROM t WHERE doc->>'password' = '{}'",
    "SELECT 1 FROM t WHERE doc #>> '{{auth,password}}' = '{}'",
    "SELECT 1 FROM t WHERE doc['password'] = '\"{}\"'",
    "SELECT 1 FROM t WHERE current_setting('app.password') = '{}'",
    "SELECT 1 FROM t WHERE lower(password) = lower('{}')",
    "SELECT 1 FROM t WHERE password IN ('{}', 'x')",
    "SELECT 1 FROM t WHERE password IN ('x', '{}')",
    "SELECT 1 FROM t WHERE password IS NOT DISTINCT FROM '{}'",
    "SELECT 1 FROM t WHERE password = crypt('{}', password)",
    "UPDATE t SET \"password\" = '{}'",
    "UPDATE t SET password = 'x' || '{}'",
    "INSERT INTO users (login, password) VALUES ('joe', '{}')",
    "INSERT INTO users (login, \"password\", age) VALUES ('joe', '{}', 3), ('jim', '{}', 4)",
    "INSERT INTO users (password) VALUES (E'{}')",
    "CREATE TABLE t (id int, password text NOT NULL DEFAULT '{}')",
    "EXECUTE format('ALTER ROLE x PASSWORD %L', '{}')",
    "EXECUTE format('ALTER ROLE %I PASSWORD %L', 'joe', '{}')",
    "SELECT format('password=%s', '{}')",
    "EXECUTE 'UPDATE t SET password = $1' USING '{}'",
    "SELECT 'ALTER ROLE x PASSWORD ' || quote_literal('{}')",
    "SELECT 'password=' || '{}'",
    "SELECT concat('password=', '{}')",
    "SELECT concat_ws('=', 'password', '{}')",
    "CREATE USER x IDENTIFIED BY {}",
    "ALTER ROLE x PASSWORD ''{}''",
    "ALTER ROLE x PASSWORD ''''{}''''",
    "CREATE USER MAPPING FOR u SERVER s OPTIONS (SET password '{}')",
)
JSON = (
    '{{"password":{{"value":"{}"}}}}',
    '{{"password": {{"kind": "clear", "value": "{}"}}, "x": 1}}',
    '["password","{}"]',
    '["user", "joe", "password", "{}"]',
    '{{"password":["{}"]}}',
    '{{"passwords": ["x", "{}"]}}',
    '{{"password" : "{}"}}',
    '{{"db_password":"{}"}}',
    '{{"dbPassword":"{}"}}',
    '{{"pass":"{}"}}',
    '{{"name":"DB_PASSWORD","value":"{}"}}',
    '{{"key": "password", "value": "{}"}}',
    '{{\\\\"password\\\\":\\\\"{}\\\\"}}',
    '{{\\\\\\"password\\\\\\":\\\\\\"{}\\\\\\"}}',
    "{{'password': '{}'}}",
    "{{password: '{}'}}",
    '{{"credentials":{{"user":"joe","passphrase":"{}"}}}}',
    "('password', '{}')",
    '"password","{}!"',
)
YAML = (
    "password: {}",
    "db:\n  password: {}\n  port: 1",
    "- password: {}",
    "password: |\n  {}\n",
    "password: >-\n  {}\nuser: x",
    "password:\n  {}\n",
    "password: !vault {}",
    '"password": {}',
    "env:\n- name: DB_PASSWORD\n  value: {}",
    '- name: DB_PASSWORD\n  value: "{}"',
)
XML = (
    "<password>{}</password>",
    "<password type='clear'>{}</password>",
    "<c:password>{}</c:password>",
    "<Password>\n  {}\n</Password>",
    "<password><![CDATA[{}]]></password>",
    "<password><value>{}</value></password>",
    '<add key="Password" value="{}"/>',
    '<property name="password">{}</property>',
    "<property name='db.password' value='{}'/>",
    '<connection user="u" password="{}"/>',
    "<key>Password</key><string>{}</string>",
    "<Name>Password</Name>\n<Value>{}</Value>",
    "&lt;password&gt;{}&lt;/password&gt;",
)
SHELL = (
    "passwd {}",
    "curl -u user:{} https://h/",
    "curl -uuser:{} https://h/",
    "curl --user 'user:{}' https://h/",
    "curl --proxy-user=user:{} https://h/",
    "COPY t FROM PROGRAM 'curl -u user:{} https://h/'",
    "mysql -u root -p{} db",
    "mysqldump -uroot -p'{}' db",
    "mysql --password={} db",
    "sshpass -p {} ssh h",
    "sshpass -p'{}' ssh h",
    "redis-cli -a {} ping",
    "ldapsearch -D cn=x -w {} -b y",
    "docker login -u joe -p {} registry",
    "mongosh -u joe -p {} db",
    "gpg --passphrase {} -d f",
    "tool --password {}",
    "tool --password '{}'",
    "tool --db-password={}",
    "openssl rsa -passin pass:{} -in k",
    "smbclient -U joe%{} //h/x",
    "sqlcmd -S h -U sa -P {}",
    "htpasswd -b f joe {}",
    "echo 'joe:{}' | chpasswd",
    "echo {} | passwd --stdin joe",
    "echo '{}' | sudo -S ls",
    "useradd -p {} joe",
    "export PGPASSWORD='{}'",
    'PGPASSWORD="{}" psql',
    "set DB_PASS={}",
    "ENV DB_PASSWORD {}",
    "requirepass {}",
    "machine h login joe password {}",
    "kubectl create secret generic s --from-literal=k={}",
)
LINKS = (
    "postgres://user:{}@host/db",
    "https://h/x?user=u&password={}&y=1",
    "https://h/cb#password={}",
    "ldap://cn=u:{}@h",
    "postgres:\\/\\/user:{}@host\\/db",
    "host=h password={} user=u",
    "host=h password = '{}' user=u",
    "host=h password='it\\'s {}' user=u",
    "Server=h;Password={};User=u",
    "Driver=x;Pwd={{{}}};Server=h",
    'Server=h;Password="{}";User=u',
    "password=a&{} host=h",
    "password=a;{} host=h",
    "password=a({} host=h",
    "db.example.com:5432:orders:app:{}",
    "127.0.0.1:5432:orders:app:{}",
    "*:*:*:app:{}",
    "localhost:5432:*:app:with\\:colon\\:{}",
    "[::1]:5432:orders:app:{}",
    "scott/{}@//host:1521/x",
)
ERRORS = (
    'missing "=" after "{}" in connection info string',
    "login failed: password: {}",
    'the password "{}" is too weak',
    "invalid password '{}'",
    "could not connect to postgres://joe:{}@h/db: refused",
    'name="password"\r\n\r\n{}\r\n--x',
    "Cookie: x\nX-Password: {}\n",
)


def _cases() -> list[str]:
    return [*SQL, *JSON, *YAML, *XML, *SHELL, *LINKS, *ERRORS]


@pytest.mark.parametrize("secret", SECRETS)
@pytest.mark.parametrize("form", _cases())
def test_a_credential_behind_its_name_is_masked(form: str, secret: str) -> None:
    if secret == "Zq8vLw-2pX!" and form == "CREATE USER x IDENTIFIED BY {}":
        secret = "Zq8vLw_2pX"
    masked = masked_text(NO_RULES, form.format(*[secret] * form.count("{}")))
    assert secret not in masked
    assert "‹" in masked


AROUND: dict[str, Callable[[str], str]] = {
    "a string": lambda text: "SELECT '" + text.replace("'", "''") + "'",
    "an escape string": lambda text: "SELECT E'" + _escaped(text) + "'",
    "a dollar-quoted string": lambda text: f"SELECT $q${text}$q$ AS x, 1",
    "JSON": lambda text: json.dumps({"a": 1, "text": text, "b": [2]}),
    "JSON in a string": lambda text: (
        "INSERT INTO l VALUES ('" + json.dumps({"text": text}).replace("'", "''") + "')"
    ),
    "a body": lambda text: "DO $$ BEGIN EXECUTE '" + text.replace("'", "''") + "'; END $$",
    "CSV": lambda text: 'a,"' + text.replace('"', '""') + '",b',
    "an address": lambda text: f"https://h/x?q={quote(text)}",
    "XML": lambda text: f"<note>{html.escape(text)}</note>",
}


def _escaped(text: str) -> str:
    return text.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n")


@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("form", _cases())
def test_a_credential_is_masked_inside_another_notation(form: str, around: str) -> None:
    secret = "Zq8vLw_2pX9"
    text = AROUND[around](form.format(*[secret] * form.count("{}")))
    assert secret not in masked_text(NO_RULES, text)


def test_a_line_of_yaml_is_masked_to_its_end() -> None:
    text = "db:\n  password: correct horse battery # staple\n  port: 1"
    assert masked_text(NO_RULES, text) == "db:\n  password: ‹password› # staple\n  port: 1"


INNOCENT = (
    "SELECT pg_read_file('/etc/passwd')",
    "SELECT pg_read_file('/etc/passwd'), 1",
    'SELECT "users"."id", "users"."password", "users"."email" FROM "users"',
    'INSERT INTO "users" ("password", "email") VALUES ($1, $2)',
    "SELECT id, password, email FROM users WHERE email = 'joe'",
    "INSERT INTO users (login, password) VALUES ($1, $2)",
    "INSERT INTO users (login, password) VALUES (%s, %s), (%s, %s)",
    "INSERT INTO users (login, password) SELECT l, p FROM old",
    "CREATE TABLE users (password text, passwd varchar(20), secret bytea)",
    "CREATE TABLE users (password text NOT NULL, x int DEFAULT '3')",
    "SELECT usename, passwd FROM pg_shadow ORDER BY passwd DESC",
    "GRANT SELECT (password) ON users TO joe",
    "ALTER TABLE users DROP COLUMN password",
    "ALTER TABLE users RENAME COLUMN password TO password_hash",
    'password authentication failed for user "joe"',
    "FATAL:  password authentication failed",
    "the password must be changed",
    "SELECT length(password) FROM users",
    "SELECT has_column_privilege('users', 'password', $1)",
    "host all all 0.0.0.0/0 password",
    "psql -U joe -p 5432 -h db.example.com orders",
    "chown -R joe:staff /srv",
    "12:30:45:10:11:12",
    "00:11:22:33:44:55",
    "2024-01-01T10:20:30:40",
    "SELECT 'forgot password?'",
    "bypass=1 compass=north passed: 12 tests",
    '{"total_tokens": 12345678901234567}',
    "password_reset_at > now() - interval '1 day'",
    "SELECT 'tokens: 5'",
    "SELECT password IS NULL FROM users",
    "password=$PASSWORD host=h",
    "password=${DB_PASSWORD}",
    "password={password} host={host}",
    "password=<password> host=h",
)  # fmt: skip


@pytest.mark.parametrize("text", INNOCENT)
def test_what_only_names_a_credential_is_kept(text: str) -> None:
    assert masked_text(NO_RULES, text) == text


USERS = Relation("public", "users", ("id", "login", "password", "has_password"))


@pytest.mark.parametrize("name", ["password", "api_key", "db_passwd", "refresh_token", "secret"])
def test_a_column_that_says_it_holds_a_credential_is_masked_everywhere(name: str) -> None:
    column = Column("public", "users", name)
    bound = Argument("hunter2", "text", 7, columns=(column,), proven=True)
    command = mask_command(
        NO_RULES,
        "UPDATE users SET x = 'hunter2'",
        arguments=(bound,),
        marks=(TextMark(21, 30, (column,), proven=True),),
        relations=(USERS,),
    )
    assert "hunter2" not in command.text
    assert command.arguments[0].value == "‹password›"
    for origin in (column, None):
        answer = mask_response(
            NO_RULES,
            columns=(OutputColumn(name, "text", origin), OutputColumn("login", "text")),
            captured=(("hunter2", "joe"), (None, "jim")),
            relations=(USERS,),
        )
        assert answer.captured == (("‹password›", "joe"), (None, "jim"))


@pytest.mark.parametrize(
    ("name", "kind"),
    [("password", "bool"), ("password_changed_at", "timestamptz"), ("secret_santa", "text")],
)
def test_a_column_that_only_speaks_of_a_credential_is_kept(name: str, kind: str) -> None:
    column = OutputColumn(name, kind, Column("public", "users", name))
    answer = mask_response(NO_RULES, columns=(column,), captured=(("t",),), relations=(USERS,))
    assert answer.captured == (("t",),)
