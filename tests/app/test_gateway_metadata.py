"""What clients are told of a gateway's listeners, and of the issuers whose tokens these take."""

import socket
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from custody.app.composition import bearer_options
from custody.app.gateway_metadata import BoundAddress, gateway_info, public_host
from custody.client.gateway import GatewayDescription as Told
from custody.config.load import parse_config
from custody.config.tables import Config
from custody.config.values import Address
from custody.model.errors import CustodyError
from custody.operations.certificates.local_ca import create_authority, hosts_of

CONFIG = """
[gateway]
name = "gw1"
[listen.postgres]
address = "{address}"
{listener}
[listen.console]
address = "127.0.0.1:0"
{console}
[[oidc]]
name = "corp"
issuer = "https://id.example.com"
client_id = "custody"
[[workload]]
name = "ci"
issuer = "https://ci.example.com"
audience = ["for-ci"]
require = {{ repository = "acme/shop" }}
"""
OWN = 'cert = "own.pem"\nkey = "own.key"'
URL = 'url = "https://gw1.example.com:8443"'


def config(
    tmp_path: Path, address: str = "127.0.0.1:6432", listener: str = "", console: str = ""
) -> Config:
    for name in ("own.pem", "own.key"):
        (tmp_path / name).touch()
    text = CONFIG.format(address=address, listener=listener, console=console)
    return parse_config(text.encode(), tmp_path / "custody.toml")


@pytest.mark.parametrize(
    ("address", "listener", "console", "told"),
    [
        ("127.0.0.1:6432", "", "", "localhost"),
        ("[::1]:6432", "", "", "localhost"),
        ("10.0.0.5:6432", "", URL, "10.0.0.5"),
        ("0.0.0.0:6432", "", URL, "gw1.example.com"),
        ("0.0.0.0:6432", "", "", socket.gethostname()),
        ("0.0.0.0:6432", 'host = "db.example.com"', URL, "db.example.com"),
    ],
)
def test_a_listener_is_told_as_clients_reach_it(
    tmp_path: Path, address: str, listener: str, console: str, told: str
) -> None:
    read = config(tmp_path, address, listener, console)
    host = public_host(read, read.listeners[0], read.listeners[0].address.host)
    assert host == told
    assert host in hosts_of(read)  # the local authority's certificate covers it


def test_what_a_client_reads_is_what_a_gateway_says(tmp_path: Path) -> None:
    for name in ("keys", "data"):
        (tmp_path / name).mkdir()
    create_authority(tmp_path / "keys", tmp_path / "data", "gw1", ["localhost"], datetime.now(UTC))
    read = config(tmp_path)
    facts = gateway_info(read, [BoundAddress(read.listeners[0], Address("127.0.0.1", 0), 40000)])
    told = msgspec.json.decode(msgspec.json.encode(facts), type=Told)
    assert told.ca.startswith("-----BEGIN CERTIFICATE-----")
    (listener,) = told.listeners
    assert (listener.protocol, listener.host, listener.port) == ("postgres", "localhost", 40000)
    assert [(each.name, each.kind, tuple(each.audience)) for each in told.providers] == [
        ("corp", "oidc", ("custody",)),
        ("ci", "workload", ("for-ci",)),
    ]


@pytest.mark.parametrize("console", [OWN, 'cleartext = "loopback"'])
def test_where_nothing_rests_on_the_local_authority_it_is_not_told(
    tmp_path: Path, console: str
) -> None:
    read = config(tmp_path, listener=OWN, console=console)
    assert gateway_info(read, []).ca == ""


def test_a_local_authority_that_is_gone_is_said(tmp_path: Path) -> None:
    with pytest.raises(CustodyError) as caught:
        gateway_info(config(tmp_path, listener=OWN), [])
    assert caught.value.code == "tls.no-authority"


def test_clients_are_not_told_to_ask_for_what_outlives_their_connection(tmp_path: Path) -> None:
    read = config(tmp_path)
    assert "offline_access" in read.oidc[0].scopes
    assert bearer_options(read, "corp") == {
        "oauth_issuer": "https://id.example.com",
        "oauth_scope": "openid profile",
    }
    assert bearer_options(read, "ci") == {"oauth_issuer": "https://ci.example.com"}
