"""The configuration file: taken whole, or refused with every fault, its line and its cure."""

import re
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from custody.config.checks import memory_of_a_command
from custody.config.faults import ConfigError, dotted_path
from custody.config.load import compile_policy, find_config, load_config, parse_config
from custody.config.tables import Config, Tls
from custody.config.values import Cleartext
from custody.masking.marks import MaskForm
from custody.model.words import Decision, Effect
from custody.protocols.postgres.options import MEMORY_OF_A_COMMAND

CONTRACT = (Path(__file__).parent / "contract.toml").read_bytes()
MINIMAL = b"""\
[gateway]
name = "gw"
[listen.postgres]
address = "127.0.0.1:0"
[[target]]
name = "orders"
protocol = "postgres"
address = "db.example.com:5432"
database = "orders"
user = "app"
[[grant]]
groups = ["agents"]
targets = ["orders"]
effects = ["read"]
"""
PLACE = Path("/etc/custody/custody.toml")


def read(text: bytes | str) -> Config:
    return parse_config(text.encode() if isinstance(text, str) else text, PLACE)


def refused(text: bytes | str) -> ConfigError:
    with pytest.raises(ConfigError) as caught:
        read(text)
    return caught.value


def test_the_contract_loads_as_it_stands() -> None:
    config = read(CONTRACT)
    folder = PLACE.parent
    assert msgspec.structs.asdict(config.gateway) == {
        "name": "gw1.example.com",
        "data": folder / "data",
        "keys": folder / "keys",
        "anchor": folder / "anchor",
        "contact": "the people who run this gateway",
        "durability": "disk",
        "responses": "async",
        "memory_bytes": 0,
        "loop_memory_bytes": 0,
    }
    (listener,) = config.listeners
    assert (listener.name, str(listener.address)) == ("postgres", "127.0.0.1:6432")
    assert (listener.cert, listener.cleartext) == (None, Cleartext.REFUSE)
    (target,) = config.targets
    assert (target.name, target.protocol, str(target.address)) == (
        "orders",
        "postgres",
        "127.0.0.1:5432",
    )
    assert (target.tls, target.database, target.user) == (Tls.PREFER, "orders", "app")
    assert str(target.password) == "env:ORDERS_PASSWORD"
    (grant,) = config.grants
    assert grant.groups == ("agents",)
    assert grant.effects == {Effect.READ, Effect.WRITE}
    assert grant.max_loop_ms == 8 * 3_600_000
    unbounded, big = config.rules
    assert (unbounded.name, unbounded.then) == ("unbounded-write", Decision.DENY)
    assert unbounded.reason == "UPDATE and DELETE need a WHERE here"
    assert (big.then, big.approvers, big.timeout_ms) == (Decision.ASK, ("dba",), 600_000)
    columns, detectors = config.masks
    assert (columns.columns, columns.form) == (("users.ssn", "*.password"), MaskForm.REDACT)
    assert (detectors.detect, detectors.form) == (("card", "email", "secret"), MaskForm.TOKEN)
    assert (config.capture.response_bytes, config.capture.command_bytes) == (65536, 1048576)
    assert config.retention.days == 365
    assert compile_policy(config).digest == compile_policy(read(CONTRACT)).digest


def test_parts_that_are_not_built_yet_are_accepted_with_a_warning() -> None:
    assert read(CONTRACT).warnings == (
        (
            "Values of users.ssn are masked in that column alone: in another column or a free text"
            ' they stand in clear. Add "ssn" to detect.'
        ),
        "[listen.ssh] belongs to a part that is not built yet and does nothing.",
        "[retention] belongs to a part that is not built yet: nothing is pruned.",
        'A rule that asks denies for now: "approval is not available yet".',
    )
    later = MINIMAL + b'[hub]\naddress = "hub:1"\n[[witness]]\nkey = "k"\n[alert]\nissuer = 1\n'
    assert [warning.split("]")[0] for warning in read(later).warnings] == [
        "[hub",
        "[witness",
        "[alert",
    ]
    ssh = MINIMAL.replace(b'["orders"]', b'["orders", "host"]')
    ssh += b'[[target]]\nname = "host"\nprotocol = "ssh"\nanything = 1\n'
    assert "number 2 has a protocol that is not built yet" in read(ssh).warnings[0]


@pytest.mark.parametrize(
    ("address", "tls"),
    [
        ("127.0.0.1:5432", Tls.PREFER),
        ("127.9.9.9:5432", Tls.PREFER),
        ("localhost:5432", Tls.PREFER),
        ("[::1]:5432", Tls.PREFER),
        ("10.0.0.1:5432", Tls.VERIFY_FULL),
        ("db.example.com:5432", Tls.VERIFY_FULL),
        ("[2001:db8::1]:5432", Tls.VERIFY_FULL),
        ("localhost.example.com:5432", Tls.VERIFY_FULL),
    ],
)
def test_tls_is_checked_off_loopback_unless_the_file_says_otherwise(address: str, tls: Tls) -> None:
    text = MINIMAL.decode().replace("db.example.com:5432", address)
    (target,) = read(text).targets
    assert target.tls is tls
    assert str(target.address) == address
    (target,) = read(text.replace("[[grant]]", 'tls = "off"\n[[grant]]')).targets
    assert target.tls is Tls.OFF


def test_defaults() -> None:
    config = read(MINIMAL)
    assert (config.gateway.keys, config.gateway.anchor) == (
        PLACE.parent / "keys",
        PLACE.parent / "anchor",
    )
    assert config.listeners[0].max_connections == 2000
    assert config.targets[0].password is None
    assert config.grants[0].name == "grant 1"
    assert config.capture.response_bytes == 65536
    assert config.warnings == ()


OFF = MINIMAL.decode()
FAULTS = [
    # what is written instead of what, code, path, line, words of the message
    ('name = "gw"', 'nam = "gw"', "config.unknown-key", "gateway.nam", 2, "mean `name`"),
    ("[gateway]", "[gatewy]", "config.unknown-key", "gatewy", 1, "mean `gateway`"),
    ("[[grant]]", "[[grants]]", "config.unknown-key", "grants", 0, "mean `grant`"),
    ("user = ", "usr = ", "config.unknown-key", "target[0].usr", 10, "mean `user`"),
    ('user = "app"', "", "config.missing-key", "target[0]", 5, "`user` is missing"),
    ("[listen.postgres]", "[listen.postgers]", "config.unknown-key", "listen.postgers", 3, "mean"),
    ('"gw"', "7", "config.type", "gateway.name", 2, "a text in quotes, not a number"),
    ('"gw"', '"a b"', "config.value", "gateway.name", 2, "gw1.example.com"),
    ('["read"]', '["reed"]', "config.choice", "grant[0].effects", 14, 'mean "read"'),
    ('["read"]', '"read"', "config.type", "grant[0].effects", 14, "a list such as"),
    ('["agents"]', "[]", "config.grant-for-nobody", "grant[0]", 11, "for nobody"),
    ('["orders"]', '["order"]', "config.unknown-target", "grant[0].targets", 13, "'orders'"),
    ('["orders"]', "[]", "config.value", "grant[0].targets", 13, "not be empty"),
    ("127.0.0.1:0", "127.0.0.1", "config.value", "listen.postgres.address", 4, "HOST:PORT"),
    ("127.0.0.1:0", "::1:6432", "config.value", "listen.postgres.address", 4, "[::1]"),
    ("127.0.0.1:0", "127.0.0.1:65536", "config.value", "listen.postgres.address", 4, "between"),
    ("com:5432", "com:0", "config.value", "target[0].address", 8, "between 1 and 65535"),
    ('user = "app"', 'user = "app"\npassword = "hunter2"', "config.secret-reference",
     "target[0].password", 11, "env:NAME"),
    ('user = "app"', 'user = "app"\npassword = "env:1 x"', "config.secret-reference",
     "target[0].password", 11, "environment variable"),
    ('user = "app"', 'user = "app"\nca = "x"\ntls = "require"',
     "config.ca-without-verify", "target[0].ca", 11, "verify-full"),
    ('user = "app"', 'user = "app"\ntls = "verify"', "config.choice", "target[0].tls", 11,
     "verify-full"),
    ('protocol = "postgres"', 'protocol = "postgresql"', "config.choice",
     "target[0].protocol", 7, "postgres"),
    ('name = "gw"', 'name = "gw"\ndurability = "memory"', "config.choice", "gateway.durability",
     3, 'It must be "disk"'),
    ('name = "gw"', 'name = "gw"\ndurability = "hub"', "config.no-hub", "gateway.durability",
     3, "disk"),
    ('name = "gw"', 'name = "gw"\nkeys = "data/keys"', "config.inside-data", "gateway.keys",
     3, "backups"),
    ('name = "gw"', 'name = "gw"\ndata = "."', "config.inside-data", "gateway.keys",
     1, "backups"),
    ("[[target]]", 'cert = "x.pem"\n[[target]]', "config.cert-and-key", "listen.postgres.cert", 5,
     "belong together"),
    ("[[target]]", 'target = "nope"\n[[target]]', "config.unknown-target",
     "listen.postgres.target", 5, "Define it"),
    ("[[target]]", "cleartext = true\n[[target]]", "config.type", "listen.postgres.cleartext", 5,
     "not true or false"),
    ('["read"]', '["read"]\nmax_loop = "8 hours"', "config.value", "grant[0].max_loop", 15,
     "8h"),
    ('["read"]', '["read"]\nhours = "8-18"', "config.value", "grant[0].hours", 15, "08:00"),
    ('["read"]', '["read"]\nobjects = "x.*"', "config.type", "grant[0].objects", 15, "a list"),
    ('["read"]', '["unknown"]\nobjects = ["public.*"]', "config.grant-objects",
     "grant[0].objects", 15, "of its own"),
    ('["read"]', '["read"]\nreplication = true\nobjects = ["public.*"]', "config.grant-objects",
     "grant[0].objects", 16, "of its own"),
]  # fmt: skip


@pytest.mark.parametrize(("old", "new", "code", "path", "line", "said"), FAULTS)
def test_a_fault_has_a_code_a_path_a_line_and_a_cure(  # noqa: PLR0917 - one row of the table
    old: str, new: str, code: str, path: str, line: int, said: str
) -> None:
    assert old in OFF
    error = refused(OFF.replace(old, new, 1))
    lines = [(fault.code, error.line(fault)) for fault in error.faults]
    found = [text for found, text in lines if found == code]
    assert found, lines
    place = f"{PLACE}:{line}" if line else str(PLACE)
    assert any(
        text.startswith(place) and f" {path}: " in text and said in text for text in found
    ), found
    assert "hunter2" not in str(error)


RULE = '\n[[rule]]\nname = "r"\nwhen = "{when}"\nthen = "{then}"\n{more}'


@pytest.mark.parametrize(
    ("when", "then", "more", "code", "key"),
    [
        ("command.bounded &&", "deny", "", "policy.condition-syntax", "rule[0].when"),
        ("comand.bounded", "deny", "", "policy.unknown-variable", "rule[0].when"),
        ("true", "ask", "", "policy.no-approvers", "rule[0].approvers"),
        ("true", "maybe", "", "config.choice", "rule[0].then"),
        ("true", "deny", 'timeout = "soon"', "config.value", "rule[0].timeout"),
        ("true", "deny", "priority = 3", "config.unknown-key", "rule[0].priority"),
        ("true", "deny", RULE.format(when="true", then="deny", more=""), "config.duplicate-name",
         "rule[1].name"),
    ],
)  # fmt: skip
def test_a_faulty_rule_is_refused(when: str, then: str, more: str, code: str, key: str) -> None:
    error = refused(OFF + RULE.format(when=when, then=then, more=more))
    (fault,) = error.faults
    assert fault.code == error.code == code
    assert f" {key}: " in str(error)
    assert fault.line > 15
    assert fault.cure or code.startswith("config.")


@pytest.mark.parametrize(
    ("table", "code", "key"),
    [
        ('columns = ["a.b"]\ndetect = ["card"]', "config.mask-rule", "mask[0]"),
        ("", "config.mask-rule", "mask[0]"),
        ('detect = ["cards"]', "config.mask-detector", "mask[0].detect"),
        ('name = "x"\npattern = "("', "config.mask-pattern", "mask[0].pattern"),
        ('name = "x"\npattern = "(?=a)"', "config.mask-pattern", "mask[0].pattern"),
        ('columns = ["a b"]', "config.mask-column", "mask[0].columns"),
        ('columns = ["a.b"]\nas = "hash"', "config.choice", "mask[0].as"),
        ('colums = ["a.b"]', "config.unknown-key", "mask[0].colums"),
    ],
)
def test_a_mask_that_cannot_work_is_refused(table: str, code: str, key: str) -> None:
    error = refused(f"{OFF}[[mask]]\n{table}\n")
    assert (code, key) in [(fault.code, dotted_path(fault.at)) for fault in error.faults]
    assert all(fault.line > 14 for fault in error.faults)


def test_every_fault_is_told_at_once() -> None:
    text = OFF.replace('name = "gw"', "").replace('["read"]', '["reed"]').replace("user", "usr")
    codes = [fault.code for fault in refused(text).faults]
    assert sorted(codes) == [
        "config.choice",
        "config.missing-key",
        "config.missing-key",
        "config.unknown-key",
    ]


def test_faults_come_in_the_order_of_the_file() -> None:
    text = (
        b'[[rule]]\nname = "r"\nwhen = "nonsense("\nthen = "deny"\nunheard = 1\n'
        + MINIMAL.replace(b"127.0.0.1:0", b"nowhere").replace(b"read", b"reed")
        + b"[capture]\nresponse_bytes = -1\n"
    )
    lines = [fault.line for fault in refused(text).faults]
    assert len(lines) >= 4
    assert lines == sorted(lines)


def test_a_fault_without_a_line_comes_last() -> None:
    text = MINIMAL.replace(b'[gateway]\nname = "gw"\n', b"").replace(b"read", b"reed")
    first, *_, last = refused(text).faults
    assert first.line > 0
    assert last.line == 0


@pytest.mark.parametrize(
    ("text", "code"),
    [
        (b"[gateway", "config.toml"),
        (b"a = 1\na = 2", "config.toml"),
        (b"\xff\xfe", "config.not-utf8"),
        (b"a = " + b"[" * 100_000, "config.toml"),
        (b"a = " + b"9" * 10_000, "config.toml"),
        (b"", "config.missing-key"),
        (b"gateway = 1", "config.type"),
        (b"listen = 1\n[gateway]\nname = 'x'", "config.type"),
        (b"target = 1\n[gateway]\nname = 'x'", "config.type"),
        (b"target = [1]\n[gateway]\nname = 'x'", "config.type"),
        (b"grant = {}\n[gateway]\nname = 'x'", "config.type"),
    ],
)
def test_what_is_no_configuration_is_refused(text: bytes, code: str) -> None:
    assert refused(text).code == code


def test_a_secret_in_the_file_is_never_shown() -> None:
    text = OFF.replace('user = "app"', 'user = "app"\npassword = "plain:hunter2"')
    config = read(text)
    assert "hunter2" not in repr(config)
    password = config.targets[0].password
    assert password is not None
    assert str(password) == "plain:…"
    assert password.reveal() == "plain:hunter2"


def test_two_doors_on_one_address_are_refused() -> None:
    text = OFF.replace("127.0.0.1:0", "127.0.0.1:6432")
    text = text.replace('user = "app"', 'user = "app"\nlisten = "127.0.0.1:6432"')
    assert refused(text).code == "config.duplicate-address"


def test_a_file_that_cannot_be_read_is_refused_at_start(tmp_path: Path) -> None:
    path = tmp_path / "custody.toml"
    path.write_text(OFF.replace('user = "app"', 'user = "app"\npassword = "file:secret"'))
    with pytest.raises(ConfigError, match="cannot be read: No such file") as caught:
        load_config(path)
    assert caught.value.code == "config.file-unreadable"
    assert ":11: target[0].password:" in str(caught.value)
    (tmp_path / "secret").write_text("x")
    assert load_config(path).targets[0].password is not None


def test_where_the_file_is_looked_for(tmp_path: Path) -> None:
    named = {"CUSTODY_CONFIG": "/etc/other.toml"}
    assert find_config(Path("a.toml"), named, tmp_path) == tmp_path / "a.toml"
    assert find_config(None, named, tmp_path) == Path("/etc/other.toml")
    assert find_config(None, {}, tmp_path) == tmp_path / "custody.toml"
    with pytest.raises(ConfigError) as caught:
        load_config(tmp_path / "custody.toml")
    assert caught.value.code == "config.unreadable"
    assert re.search(r"custody init", str(caught.value))


def test_reading_a_configuration_imports_nothing_that_uses_it() -> None:
    look = (
        "import sys, custody.config.load\n"
        "print(*sorted({'cel', 'cryptography', 'httpx', 'joserfc', 'lxml'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", look], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "\n"


def test_memory_that_no_statement_fits_into_is_refused_where_it_stands() -> None:
    def giving(size: bytes) -> bytes:
        return MINIMAL.replace(b"[gateway]\n", b'[gateway]\nloop_memory_bytes = "%s"\n' % size, 1)

    told = refused(giving(b"64 MiB"))
    assert [(fault.code, dotted_path(fault.at)) for fault in told.faults] == [
        ("config.memory", "gateway.loop_memory_bytes")
    ]
    longest = read(giving(b"162 MiB")).capture.command_bytes
    assert memory_of_a_command(read(MINIMAL)) > MEMORY_OF_A_COMMAND * longest
