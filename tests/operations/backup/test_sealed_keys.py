"""Keys in a file of their own: for one recipient and gateway, never beside what they open."""

import datetime as dt
import os
import stat
from pathlib import Path

import msgspec
import pytest

from custody.config.load import load_config
from custody.config.tables import Config
from custody.evidence import EscrowKey, create_escrow_key
from custody.model.errors import CustodyError
from custody.operations.backup.sealed_keys import SealedKeys, open_keys, recipient_key, seal_keys
from custody.operations.init import initialise

NOW = dt.datetime(2026, 5, 1, tzinfo=dt.UTC)


@pytest.fixture
def recipient(tmp_path: Path) -> EscrowKey:
    return create_escrow_key(tmp_path / "auditor.key")


@pytest.fixture
def config(tmp_path: Path) -> Config:
    made = initialise(tmp_path / "gateway", "gw1.example.com", NOW, os.urandom)
    return load_config(made.config)


def code(fault: pytest.ExceptionInfo[CustodyError]) -> str:
    return fault.value.code


def test_they_come_back_as_they_were_for_that_recipient_alone(
    tmp_path: Path, config: Config, recipient: EscrowKey
) -> None:
    keys = config.gateway.keys
    create_escrow_key(keys / "left-here.key")  # no part of the gateway
    place, back = tmp_path / "keys.sealed", tmp_path / "back" / "keys"
    names = seal_keys(config, recipient.public, place, tmp_path / "backup")
    assert "left-here.key" not in names
    assert stat.S_IMODE(place.stat().st_mode) == 0o600
    assert (keys / "log.key").read_bytes() not in place.read_bytes()
    assert open_keys(place, recipient, back, "gw1.example.com") == names
    for name in names:
        assert (back / name).read_bytes() == (keys / name).read_bytes()
        assert stat.S_IMODE((back / name).stat().st_mode) == 0o600
    assert stat.S_IMODE(back.stat().st_mode) == 0o700
    with pytest.raises(CustodyError) as there:
        open_keys(place, recipient, back, "gw1.example.com")
    assert code(there) == "usage.restore-exists"


def test_what_does_not_open_leaves_nothing(
    tmp_path: Path, config: Config, recipient: EscrowKey
) -> None:
    place, back = tmp_path / "keys.sealed", tmp_path / "keys-back"
    seal_keys(config, recipient.public, place, tmp_path / "backup")
    whole = place.read_bytes()
    other = create_escrow_key(tmp_path / "other.key")
    for key, name in ((other, "gw1.example.com"), (recipient, "gw2.example.com")):
        with pytest.raises(CustodyError) as refused:
            open_keys(place, key, back, name)
        assert code(refused) == "backup.keys"
    told = msgspec.json.decode(whole, type=SealedKeys)
    for at in range(0, len(told.sealed), 97):
        damaged = bytearray(told.sealed)
        damaged[at] ^= 1
        place.write_bytes(msgspec.json.encode(msgspec.structs.replace(told, sealed=bytes(damaged))))
        with pytest.raises(CustodyError) as refused:
            open_keys(place, recipient, back, "gw1.example.com")
        assert code(refused) == "backup.keys"
    place.write_bytes(whole[:-40])
    with pytest.raises(CustodyError) as refused:
        open_keys(place, recipient, back, "gw1.example.com")
    assert code(refused) == "backup.keys"
    assert not back.exists()


@pytest.mark.parametrize("where", ["gateway/data", "gateway/keys", "backup"])
def test_it_is_not_written_beside_what_it_opens(
    tmp_path: Path, config: Config, recipient: EscrowKey, where: str
) -> None:
    (tmp_path / where).mkdir(exist_ok=True, parents=True)
    with pytest.raises(CustodyError) as refused:
        seal_keys(config, recipient.public, tmp_path / where / "k", tmp_path / "backup")
    assert code(refused) == "usage.keys-inside"


def test_nothing_is_overwritten_and_a_strange_key_is_refused(
    tmp_path: Path, config: Config, recipient: EscrowKey
) -> None:
    place = tmp_path / "keys.sealed"
    place.write_text("mine")
    with pytest.raises(CustodyError) as refused:
        seal_keys(config, recipient.public, place, tmp_path / "backup")
    assert code(refused) == "usage.backup-exists"
    assert place.read_text() == "mine"
    with pytest.raises(CustodyError) as refused:
        seal_keys(config, "auditor", tmp_path / "k", tmp_path / "backup")
    assert code(refused) == "escrow.key"
    assert not (tmp_path / "k").exists()


def test_a_recipient_is_named_as_in_the_configuration(config: Config, recipient: EscrowKey) -> None:
    assert recipient_key(config, recipient.public) == recipient.public
    assert recipient_key(config, "nobody") == "nobody"
