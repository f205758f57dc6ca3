"""What each detector finds, and what it leaves alone."""

import base64

import pytest
from tests.masking.records import ALL_DETECTORS, NO_RULES, masked_text

CARDS = (
    "4111111111111111",
    "4111 1111 1111 1111",
    "4111-1111-1111-1111",
    "4111.1111.1111.1111",
    "4111 - 1111 - 1111 - 1111",
    "4 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1",
    "41 11 11 11 11 11 11 11",
    "4222222222222",
    "4917610000000000003",
    "5555555555554444",
    "2223003122003222",
    "378282246310005",
    "3782 822463 10005",
    "30569309025904",
    "38520000023237",
    "6011111111111117",
    "3530111333300000",
    "6200000000000005",
    "6759649826438453",
    "6304000000000000",
    "5019717010103742",
    "2200000000000004",
    "\uff14111111111111111",
    "４１１１１１１１１１１１１１１１",
    "٤١١١١١١١١١١١١١١١",
    "4111\u200b1111\u200b1111\u200b1111",
    "4111\u00a01111\u00a01111\u00a01111",
    "4111\u20131111\u20131111\u20131111",
    "4111\u00ad1111\u00ad1111\u00ad1111",
    "4111\x001111\x1f1111\x1a1111",
    "card4111111111111111",
    "卡号4111111111111111卡",
    "(4111111111111111)",
    "id 7 4111 1111 1111 1111 123",
    "4111\n1111\n1111\n1111",
    "4111 \r\n 1111\t1111     1111",
    "4111      1111      1111      1111",
    "a4111111111111111",
    "feed4111111111111111",
    "4111111111111111b",
)
NO_CARDS = (
    "4111111111111112",
    "1234567890123456",
    "1700000000000",
    "1700000000000000",
    "20240102030405",
    "4111 1111 1111",
    "9007199254740993",
    "f4111111111111111a",
    "550e8400-e29b-4111-8111-111111111111",
    "4, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1",
    "12 45 67 4 99 10023 3 8 15 16 23 42 4 8 15 16 23 42",
)
E_MAILS = (
    "jo@example.com",
    "Jo.Doe+tag@mail.example.co.uk",
    "jo_doe%40example.com",
    "jürgen@müller.de",
    "jo\u200b@example.com",
    "jo＠example．com",
    "用户@例子.公司",
    "x@xn--bcher-kva.example",
    '"jo doe"@example.com',
)
NO_E_MAILS = ("a @ b", "@decorator", "x@localhost", "user@", "1@2", "a@b.1")
PHONES = (
    "+49 170 1234567",
    "+1 (212) 555-0123",
    "+442079460958",
    "+33 1 23 45 67 89",
    "(212) 555-0123",
    "212-555-0123",
    "1-800-555-0199",
    "01 23 45 67 89",
    "030/901820123",
    "0049 170 1234567",
    "020 7946 0958",
    "phone = '5551234567'",
)
NO_PHONES = (
    "2024-01-02 03:04:05",
    "05-12-2024 10",
    "192.168.100.200",
    "0.12345678",
    "x = 12345678",
    "+ 1",
    "2 + 3",
)
IBANS = (
    "GB82WEST12345698765432",
    "GB82 WEST 1234 5698 7654 32",
    "de89370400440532013000",
    "DE89-3704-0044-0532-0130-00",
    "NO9386011117947",
    "FR1420041010050500013M02606",
    "MT84MALT011000012345MTLCAST001S",
)
NO_IBANS = ("GB82WEST12345698765433", "DE8937040044053201300", "XX82WEST12345698765432", "DE89")
SOCIAL = ("123-45-6789", "078-05-1120", "123 45 6789", "123.45.6789", "ssn: 123456789")
NO_SOCIAL = ("000-12-3456", "666-12-3456", "900-12-3456", "123-00-4567", "123-45-0000", "123456789")
ADDRESSES = ("10.0.0.1", "255.255.255.255", "fe80::1", "2001:db8::8a2e:370:7334", "::ffff:10.0.0.1")
NO_ADDRESSES = ("256.1.1.1", "1.2.3", "12:34:56", "x::text", "'a'::bytea", "1.2.3.4.5.6x")

PERSONAL = {
    "card": (CARDS, NO_CARDS),
    "email": (E_MAILS, NO_E_MAILS),
    "phone": (PHONES, NO_PHONES),
    "iban": (IBANS, NO_IBANS),
    "ssn": (SOCIAL, NO_SOCIAL),
    "ip": (ADDRESSES, NO_ADDRESSES),
}

LETTERS = "aB3dE5gH7jK9mN1pQ2sT4vW6xY8zA0cD" * 4
HEX = "0a1b2c3d4e5f60718293a4b5c6d7e8f9" * 3
TOKENS = (
    "ghp_" + LETTERS[:36],
    "gho_" + LETTERS[:36],
    "github_pat_" + LETTERS[:22] + "_" + LETTERS[:59],
    "glpat-" + LETTERS[:20],
    "xoxb-" + "123456789012-1234567890123-" + LETTERS[:24],
    "xapp-1-A012-" + LETTERS[:20],
    "hooks.slack.com/services/T0000000/B0000000/" + LETTERS[:24],
    "sk_live_" + LETTERS[:24],
    "rk_test_" + LETTERS[:24],
    "whsec_" + LETTERS[:32],
    "npm_" + LETTERS[:36],
    "pypi-AgEIcHlwaS5vcmc" + LETTERS[:60],
    "dckr_pat_" + LETTERS[:27],
    "SG." + LETTERS[:22] + "." + LETTERS[:43],
    "hvs." + LETTERS[:24],
    LETTERS[:14] + ".atlasv1." + LETTERS[:60],
    "dop_v1_" + HEX[:64],
    "shpat_" + HEX[:32],
    "sq0atp-" + LETTERS[:22],
    "hf_" + LETTERS[:34],
    "lin_api_" + LETTERS[:40],
    "ATATT3" + LETTERS[:60],
    "PMAK-" + HEX[:24] + "-" + HEX[:34],
    "NRAK-" + LETTERS[:27].upper(),
    "glsa_" + LETTERS[:32] + "_" + HEX[:8],
    "dapi" + HEX[:32],
    "sk-" + LETTERS[:48],
    "sk-proj-" + LETTERS[:48],
    "sk-ant-api03-" + LETTERS[:80],
    "AC" + HEX[:32],
    "SK" + HEX[:32],
    "ct_" + LETTERS[:43],
    "Authorization: Bearer " + LETTERS[:40],
    "Basic " + LETTERS[:24] + "==",
)
CLOUD_KEYS = (
    "AKIA" + "IOSFODNN7EXAMPLE",
    "ASIA" + "Y34FZKBOKMUTVV7A",
    "wJalrXUtnFEMI/K7MDENG/bPxRfiCY" + "EXAMPLEKEY",
    "AIza" + LETTERS[:35],
    "ya29." + LETTERS[:40],
    "GOCSPX-" + LETTERS[:28],
    "AccountKey=" + LETTERS[:86] + "==",
    "abc8Q~" + LETTERS[:34],
    '"private_key_id": "' + HEX[:40] + '"',
)
PRIVATE_KEYS = (
    "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEAx\n-----END RSA PRIVATE KEY-----",
    "-----BEGIN PRIVATE KEY-----\\nMIIEvQ\\n-----END PRIVATE KEY-----\\n",
    "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1r",
    "-----BEGIN PGP PRIVATE KEY BLOCK-----\nlQOYBF\n-----END PGP PRIVATE KEY BLOCK-----",
)
JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0NTY3ODkwIn0.dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P"


@pytest.mark.parametrize(
    ("kind", "text"), [(k, t) for k, (found, _) in PERSONAL.items() for t in found]
)
def test_found(kind: str, text: str) -> None:
    masked = masked_text(ALL_DETECTORS, f"SELECT 1 -- [{text}]")
    assert f"‹{kind}:" in masked
    assert not any(part in masked for part in text.split() if len(part) > 3 and part.isdigit())


CARD = "4111111111111111"
ENCODED = (
    CARD.encode().hex(),
    "0x" + CARD.encode().hex().upper(),
    "\\x" + f"card {CARD}".encode().hex(),
    f"X'{CARD.encode().hex()}'",
    f"decode('{CARD.encode().hex()}', 'hex')",
    base64.b64encode(CARD.encode()).decode(),
    base64.b64encode(f"a long text about card {CARD} and more of it".encode()).decode(),
    base64.encodebytes(b"x" * 50 + f" card {CARD} ".encode() + b"y" * 60).decode(),
    "".join(f"\\u{ord(char):04x}" for char in CARD),
    "".join(f"%{ord(char):02X}" for char in CARD),
    "".join(f"&#{ord(char)};" for char in CARD),
    "".join(f"\\x{ord(char):02x}" for char in CARD),
    "".join(f"\\{ord(char):03o}" for char in CARD),
)


@pytest.mark.parametrize("text", ENCODED)
@pytest.mark.parametrize("around", ["{}", "SELECT '{}'", '{{"k": "{}"}}', "a {} b"])
def test_a_card_is_found_in_an_encoding(text: str, around: str) -> None:
    masked = masked_text(ALL_DETECTORS, around.format(text))
    assert text not in masked
    assert "‹" in masked


@pytest.mark.parametrize(
    "text", ["U&'\\0034111111111111111'", "E'\\x34111111111111111'", "E'\\u0034111111111111111'"]
)
def test_a_card_is_found_in_an_escaped_literal(text: str) -> None:
    assert "11111111" not in masked_text(ALL_DETECTORS, f"SELECT {text}")


@pytest.mark.parametrize(
    ("kind", "text"), [(k, t) for k, (_, left) in PERSONAL.items() for t in left]
)
def test_left_alone(kind: str, text: str) -> None:
    masked = masked_text(ALL_DETECTORS, f"SELECT 1 -- [{text}]")
    assert f"‹{kind}:" not in masked


@pytest.mark.parametrize("text", [t for found, _ in PERSONAL.values() for t in found])
def test_personal_data_is_looked_for_only_where_a_rule_asks(text: str) -> None:
    kept = f"SELECT 1 -- [{text}]"
    assert masked_text(NO_RULES, kept) == kept


@pytest.mark.parametrize("text", [*TOKENS, *CLOUD_KEYS, *PRIVATE_KEYS, JWT, JWT.rpartition(".")[0]])
@pytest.mark.parametrize("around", ["{}", "x={} ", "'{}'", '{{"k": "{}"}}', "key_{}", "\u200b{}é"])
def test_secrets_are_masked_without_any_rule(text: str, around: str) -> None:
    if around == "key_{}" and text[:3] in {"sk-", "AC0", "SK0"}:
        around = "key {}"  # too short a beginning to be told apart inside a word
    masked = masked_text(NO_RULES, around.format(text))
    core = max(text.replace('"', " ").split(), key=len)
    assert core[-20:] not in masked
    assert "‹" in masked


PASSWORDS = (
    "ALTER ROLE x PASSWORD 'hunter2'",
    "alter user x with encrypted password 'hunter2' valid until 'infinity'",
    "CREATE USER x PASSWORD/* why */'hunter2'",
    "CREATE USER x PASSWORD -- why\n 'hunter2'",
    "CREATE USER x PASSWORD E'hunter2'",
    "CREATE USER x PASSWORD $$hunter2$$",
    "CREATE USER x PASSWORD $tag$hunter2$tag$",
    "CREATE USER x PASSWORD U&'hunter2'",
    "CREATE USER x PASSWORD 'hunter2",
    "CREATE USER x PASSWORD 'it''s hunter2'",
    "CREATE USER x IDENTIFIED BY 'hunter2'",
    'CREATE USER x IDENTIFIED BY "hunter2"',
    "CREATE USER x IDENTIFIED WITH plugin BY 'hunter2'",
    "SET PASSWORD FOR x = PASSWORD('hunter2')",
    "CREATE USER MAPPING FOR x SERVER y OPTIONS (user 'u', password 'hunter2')",
    "SELECT dblink('host=h user=u password=hunter2')",
    "SELECT dblink('host=h password=''hunter2'' user=u')",
    "CREATE SUBSCRIPTION s CONNECTION 'host=h password=hunter2' PUBLICATION p",
    "postgres://user:hunter2@host/db",
    "postgresql://user:p@ss:hunter2@host:5432/db?x=y",
    "jdbc:postgresql://h/db?user=u&password=hunter2&ssl=true",
    "jdbc:sqlserver://h;user=u;password=hunter2;",
    "jdbc:oracle:thin:scott/hunter2@host:1521/x",
    "Server=h;Uid=u;Pwd=hunter2;",
    "user:hunter2@tcp(127.0.0.1:3306)/db",
    "db.example.com:5432:orders:app:hunter2",
    "PGPASSWORD=hunter2 psql",
    "mysql://root:hunter2@h",
    "redis://:hunter2@h:6379",
    "amqp://u:hunter2%40x@h",
    '{"password": "hunter2"}',
    '{"password":"with \\" quote hunter2"}',
    '{\\"password\\":\\"hunter2\\"}',
    "password: hunter2",
    "UPDATE users SET password = 'hunter2' WHERE id = 1",
    "SELECT * FROM users WHERE password = 'hunter2'",
    "api_key=hunter2hunter2",
    "client_secret => 'hunter2'",
)


@pytest.mark.parametrize("text", PASSWORDS)
def test_passwords_in_statements_and_connection_strings(text: str) -> None:
    masked = masked_text(NO_RULES, text)
    assert "hunter2" not in masked
    assert "‹" in masked


INNOCENT = (
    "SELECT password FROM users WHERE id = $1",
    "UPDATE users SET password = $1 WHERE id = $2",
    "UPDATE users SET password = crypt($1, gen_salt('bf'))",
    "SELECT * FROM users WHERE password = ?",
    "SELECT * FROM users u JOIN logins l ON u.password = l.password",
    "INSERT INTO users (password) VALUES (%s)",
    "ALTER ROLE x PASSWORD NULL",
    "SELECT password::text, 'x' FROM users",
    "SELECT 1 FROM pg_class c WHERE c.oid = '16384' AND relkind IN ('r','v')",
    "https://example.com:8443/path/@scope/package",
    "SELECT '2024-01-02 03:04:05.678+00'::timestamptz, 1.25, 123456789012345",
    "SELECT md5('x'), sha256('y'), '5d41402abc4b2a76b9719d911017c592'",
    "SELECT '550e8400-e29b-41d4-a716-446655440000'::uuid",
    "/* traceparent='00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01' */ SELECT 1",
    "task-management-service-with-a-long-name risk-assessment-of-something-long",
    "SELECT setting FROM pg_settings WHERE name = 'password_encryption'",
    "CREATE TABLE t (id bigint PRIMARY KEY, token text, secret boolean)",
    "2ef7bde608ce5404e97d5f042f95f89f1c232871 da39a3ee5e6b4b0d3255bfef95601890afd80709",
)


@pytest.mark.parametrize("text", INNOCENT)
def test_the_innocent_is_kept_word_for_word(text: str) -> None:
    assert masked_text(NO_RULES, text) == text


PSQL = (
    (
        'SELECT n.nspname as "Schema", c.relname as "Name" FROM pg_catalog.pg_class c LEFT JOIN'
        " pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE c.relkind IN ('r','p','')"
        " AND n.nspname <> 'pg_catalog' AND n.nspname !~ '^pg_toast' ORDER BY 1,2;"
    ),
    (
        "SELECT a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod) FROM"
        " pg_catalog.pg_attribute a WHERE a.attrelid = '1259' AND a.attnum > 0"
    ),
    "SELECT t.oid, typarray FROM pg_type t WHERE t.typname = 'hstore'",
    "SET TIME ZONE 'UTC'",
    "SELECT * FROM generate_series(1, 1000000) AS x(y) WHERE y % 4111111 = 0",
)


@pytest.mark.parametrize("text", PSQL)
def test_ordinary_queries_are_kept_with_every_detector_on(text: str) -> None:
    assert masked_text(ALL_DETECTORS, text) == text
