"""Credentials by reference: found, rotated, and never shown."""

import asyncio
from collections.abc import Mapping
from pathlib import Path

import pytest

from custody.identity import local_identity
from custody.model.errors import CustodyError
from custody.model.identity import Loop
from custody.model.words import LoopId, TargetName
from custody.vault.credential_leases import LeasingVault
from custody.vault.lease_book import LeaseBook
from custody.vault.plain_stores import EnvironmentStore, FileStore, PlainStore, warnings_for
from custody.vault.store import Store

ORDERS = TargetName("orders")
WHO = Loop(LoopId("loop_a"), local_identity("agent-7", ()), 0, 1 << 60)


def make(reference: str | None, folder: Path, environment: Mapping[str, str]) -> LeasingVault:
    stores: dict[str, Store] = {
        "env": EnvironmentStore(environment),
        "file": FileStore(folder),
        "plain": PlainStore(),
    }
    references = {} if reference is None else {ORDERS: reference}
    return LeasingVault(references, stores, LeaseBook(folder / "leases.json"), lambda: 0)


def lease(reference: str | None, folder: Path = Path(), **environment: str) -> str:
    vault = make(reference, folder, environment)
    return asyncio.run(vault.lease(WHO, ORDERS)).secret.reveal()


def test_references_are_resolved(tmp_path: Path) -> None:
    (tmp_path / "password").write_text("from file\n")
    assert lease("env:ORDERS", ORDERS="from environment") == "from environment"
    assert lease("file:password", tmp_path) == "from file"
    assert lease(f"file:{tmp_path}/password") == "from file"
    assert lease("plain:a:b ") == "a:b "


@pytest.mark.parametrize(
    ("stored", "leased"),
    [("a\n", "a"), ("a\r\n", "a"), ("a\n\n", "a\n"), (" a ", " a "), ("päss", "päss")],
)
def test_only_one_newline_is_stripped(tmp_path: Path, stored: str, leased: str) -> None:
    (tmp_path / "password").write_bytes(stored.encode())
    assert lease("file:password", tmp_path) == leased


def test_a_file_is_read_at_each_lease(tmp_path: Path) -> None:
    vault = make("file:password", tmp_path, {})

    async def leases() -> list[str]:
        seen = []
        for word in ("old", "new"):
            (tmp_path / "password").write_text(word)
            seen.append((await vault.lease(WHO, ORDERS)).secret.reveal())
        return seen

    assert asyncio.run(leases()) == ["old", "new"]


FAULTS = {
    "none": (None, "vault.no-credential"),
    "not set": ("env:MISSING", "vault.empty"),
    "set but empty": ("env:EMPTY", "vault.empty"),
    "no such file": ("file:missing", "vault.unreadable"),
    "a folder": ("file:.", "vault.unreadable"),
    "not text": ("file:binary", "vault.unreadable"),
    "too long": ("file:long", "vault.unreadable"),
    "an empty file": ("file:blank", "vault.empty"),
    "a store that is not there": ("vault:hunter2/path", "vault.no-store"),
    "a bare secret": ("hunter2", "vault.unknown-scheme"),
    "a secret with a colon": ("hunter2:hunter2", "vault.unknown-scheme"),
}


@pytest.mark.parametrize(("reference", "code"), FAULTS.values(), ids=FAULTS.keys())
def test_each_fault_has_its_code_and_shows_no_secret(
    tmp_path: Path, reference: str | None, code: str
) -> None:
    (tmp_path / "binary").write_bytes(b"hunter2\xff")
    (tmp_path / "long").write_text("hunter2" * 20_000)
    (tmp_path / "blank").write_text("\n")
    with pytest.raises(CustodyError) as caught:
        lease(reference, tmp_path, EMPTY="")
    assert caught.value.code == code
    assert "orders" in caught.value.fault
    assert "hunter2" not in str(caught.value)
    assert caught.value.__cause__ is None


def test_an_operator_is_warned_of_loose_files_and_plain_secrets(tmp_path: Path) -> None:
    for name, mode in (("loose", 0o644), ("tight", 0o600)):
        (tmp_path / name).write_text("hunter2")
        (tmp_path / name).chmod(mode)
    references = {
        TargetName("a"): "file:loose",
        TargetName("b"): "file:tight",
        TargetName("c"): "plain:hunter2",
        TargetName("d"): "env:D",
        TargetName("e"): "file:missing",
    }
    warnings = warnings_for(references, folder=tmp_path)
    assert len(warnings) == 2
    assert "0644" in warnings[0]
    assert "hunter2" not in "".join(warnings)
