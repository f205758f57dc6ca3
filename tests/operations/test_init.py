"""`custody init` makes what `serve` needs and overwrites nothing."""

import datetime as dt
import os
import ssl
import stat
import tomllib
from pathlib import Path

import msgspec
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from custody.config.load import compile_policy, load_config, parse_config
from custody.config.tables import Config
from custody.config.values import Address
from custody.evidence.disk.files import DiskFiles
from custody.evidence.keys.keyring import load_keyring, load_token_key
from custody.evidence.tlog.policy import parse_policy
from custody.model.errors import CustodyError
from custody.operations.certificates.local_ca import (
    hosts_of,
    renew_server_certificate,
    server_identity,
)
from custody.operations.init import InitResult, initialise
from custody.operations.init_template import config_text

NOW = dt.datetime(2026, 3, 1, tzinfo=dt.UTC)


def made(directory: Path, name: str = "gw.test") -> InitResult:
    return initialise(directory, name, NOW, os.urandom)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_it_makes_all_that_serve_needs(tmp_path: Path) -> None:
    there = made(tmp_path / "a" / "b")
    config = load_config(there.config)
    assert config.warnings == ()
    assert config.gateway.name == "gw.test"
    assert len(compile_policy(config).rules) == 1
    keyring = load_keyring(DiskFiles(), config.gateway.keys, None, os.urandom)
    assert keyring.name == "gw.test"
    assert len(load_token_key(DiskFiles(), config.gateway.keys)) == 32
    policy = parse_policy(there.verifier_policy.read_bytes())
    assert policy.logs[0].key.name == "gw.test/2026"
    assert not config.gateway.anchor.exists()  # made by the first signature


def test_nobody_else_can_read_it(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        there = made(tmp_path)
    finally:
        os.umask(before)
    public = {"ca.pem", "server.pem"}
    for path in tmp_path.rglob("*"):
        if path.name not in public:
            assert mode(path) & 0o077 == 0, path
    assert mode(there.authority) == 0o644


@pytest.mark.parametrize("existing", ["custody.toml", "keys/log.key", "data/x", "anchor"])
def test_nothing_is_overwritten(tmp_path: Path, existing: str) -> None:
    path = tmp_path / existing
    path.parent.mkdir(exist_ok=True)
    path.write_text("mine")
    before = sorted(tmp_path.rglob("*"))
    with pytest.raises(CustodyError, match="nothing is overwritten") as refused:
        made(tmp_path)
    assert refused.value.code == "init.exists"
    assert sorted(tmp_path.rglob("*")) == before
    assert path.read_text() == "mine"


def test_empty_directories_are_taken_as_they_are(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "keys").mkdir(mode=0o755)
    (tmp_path / "README").write_text("beside it")
    made(tmp_path)
    assert (mode(tmp_path / "data"), mode(tmp_path / "keys")) == (0o700, 0o700)


@pytest.mark.parametrize("name", ["", "a b", 'x"\ny', "-x", "é"])
def test_a_name_that_cannot_be_an_origin_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(CustodyError) as refused:
        made(tmp_path, name)
    assert refused.value.code == "init.name"
    assert list(tmp_path.iterdir()) == []


def test_a_place_that_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(CustodyError) as refused:
        made(tmp_path / "file")
    assert refused.value.code == "init.unwritable"


def test_what_the_template_leaves_out_would_load_too() -> None:
    text = config_text("gw")
    full = "\n".join(
        line[2:] if line.startswith("# [") or (line.startswith("# ") and "=" in line) else line
        for line in text.splitlines()
    )
    assert len(tomllib.loads(full)["listen"]["postgres"]) == 5
    assert parse_config(full.encode(), Path("/x/custody.toml")).warnings == ()


def handshake(config: Config, host: str) -> str:
    """A client that trusts data/ca.pem meets a server with the gateway's certificate."""
    identity = server_identity(config, config.listeners[0], NOW)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(identity.certificate, identity.key)
    client = ssl.create_default_context(cafile=str(config.gateway.data / "ca.pem"))
    client.verify_flags |= ssl.VERIFY_X509_STRICT
    pairs = [ssl.MemoryBIO() for _ in range(2)]
    there = client.wrap_bio(pairs[0], pairs[1], server_hostname=host)
    here = server.wrap_bio(pairs[1], pairs[0], server_side=True)
    for _ in range(4):
        for end in (there, here):
            try:
                end.do_handshake()
            except ssl.SSLWantReadError:
                continue
            except ssl.SSLCertVerificationError as error:
                return error.verify_message
    return "trusted"


def alive(directory: Path) -> Config:
    """With certificates for today, as the TLS library reads today's clock."""
    initialise(directory, "gw.test", dt.datetime.now(dt.UTC), os.urandom)
    return load_config(directory / "custody.toml")


@pytest.mark.parametrize(
    ("host", "said"),
    [
        ("localhost", "trusted"),
        ("127.0.0.1", "trusted"),
        ("::1", "trusted"),
        ("gw.test", "trusted"),
        ("other.test", "Hostname mismatch, certificate is not valid for 'other.test'."),
    ],
)
def test_a_strict_client_trusts_the_certificate(tmp_path: Path, host: str, said: str) -> None:
    assert handshake(alive(tmp_path), host) == said


def certificate(config: Config) -> x509.Certificate:
    return x509.load_pem_x509_certificate((config.gateway.keys / "server.pem").read_bytes())


@pytest.mark.parametrize(
    ("days", "renewed"), [(0, False), (300, False), (369, True), (500, True), (3500, True)]
)
def test_the_certificate_is_renewed_before_it_expires(
    tmp_path: Path, days: int, *, renewed: bool
) -> None:
    made(tmp_path)
    config = load_config(tmp_path / "custody.toml")
    before, later = certificate(config), NOW + dt.timedelta(days=days)
    assert renew_server_certificate(config, later) is renewed
    after = certificate(config)
    assert (after.serial_number != before.serial_number) is renewed
    assert after.not_valid_after_utc > later
    assert after.not_valid_after_utc <= NOW + dt.timedelta(days=3653)
    assert not renew_server_certificate(config, later) or days == 3500


def test_a_certificate_that_does_not_fit_is_made_anew(tmp_path: Path) -> None:
    made(tmp_path)
    config = load_config(tmp_path / "custody.toml")
    moved = msgspec.structs.replace(
        config,
        listeners=(
            msgspec.structs.replace(config.listeners[0], address=Address("10.1.2.3", 6432)),
        ),
    )
    assert "10.1.2.3" in hosts_of(moved)
    assert renew_server_certificate(moved, NOW)
    assert not renew_server_certificate(config, NOW)
    for damage in ("server.key", "server.pem"):
        (tmp_path / "keys" / damage).write_text("damaged")
        assert renew_server_certificate(config, NOW)
        (tmp_path / "keys" / damage).unlink()
        assert renew_server_certificate(config, NOW)
    key = serialization.load_pem_private_key((tmp_path / "keys/server.key").read_bytes(), None)
    assert key.public_key() == certificate(config).public_key()


def test_without_a_usable_authority_the_fault_is_said(tmp_path: Path) -> None:
    made(tmp_path)
    config = load_config(tmp_path / "custody.toml")
    with pytest.raises(CustodyError) as refused:
        renew_server_certificate(config, NOW + dt.timedelta(days=4000))
    assert refused.value.code == "tls.authority-expired"
    (tmp_path / "keys" / "server.pem").unlink()
    (tmp_path / "keys" / "ca.key").unlink()
    with pytest.raises(CustodyError) as refused:
        renew_server_certificate(config, NOW)
    assert refused.value.code == "tls.no-authority"
    own = msgspec.structs.replace(config.listeners[0], cert=Path("a.pem"), key=Path("a.key"))
    assert server_identity(config, own, NOW).certificate == Path("a.pem")
