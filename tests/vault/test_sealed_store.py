"""The local vault: kept sealed, bound to its name, replaced whole."""

import asyncio
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from custody.model.errors import CustodyError
from custody.model.secret import Secret
from custody.vault.sealed_store import MOST_SECRETS, SealedStore
from custody.vault.store import LONGEST_SECRET

PLANTED = "planted-secret-0123456789"


def store(folder: Path) -> SealedStore:
    return SealedStore(folder / "data" / "secrets", folder / "keys" / "vault.key", clock=lambda: 7)


def read(kept: SealedStore, name: str) -> str:
    return asyncio.run(kept.read(name)).secret.reveal()


def code_of(caught: pytest.ExceptionInfo[CustodyError]) -> str:
    assert PLANTED not in f"{caught.value!r}{caught.value}"
    return caught.value.code


def test_what_is_set_is_read_and_listed_and_deleted(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.set("orders/app", Secret("one"))
    kept.set("orders/app", Secret("two"))
    kept.set("stock", Secret("three"))
    assert read(store(tmp_path), "orders/app") == "two"
    assert [(each.name, each.changed) for each in kept.names()] == [("orders/app", 7), ("stock", 7)]
    kept.delete("stock")
    with pytest.raises(CustodyError) as caught:
        read(kept, "stock")
    assert code_of(caught) == "vault.no-secret"


@settings(deadline=None)
@given(st.text(st.characters(codec="utf-8"), min_size=1, max_size=200))
def test_any_text_comes_back(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    kept = store(tmp_path_factory.mktemp("vault"))
    kept.set("a", Secret(text))
    assert read(kept, "a") == text


def test_nothing_is_on_disk_in_clear_and_nobody_else_may_read(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.set("a", Secret(PLANTED))
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.name for path in files} == {"secrets", "vault.key"}
    for path in files:
        assert PLANTED.encode() not in path.read_bytes()
        assert path.stat().st_mode & 0o777 == 0o600


def test_a_value_cannot_be_moved_to_another_name(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.set("low", Secret("low"))
    kept.set("high", Secret(PLANTED))
    path = tmp_path / "data" / "secrets"
    document = json.loads(path.read_text())
    document["secrets"]["low"] = document["secrets"]["high"]
    path.write_text(json.dumps(document))
    with pytest.raises(CustodyError) as caught:
        read(kept, "low")
    assert code_of(caught) == "vault.damaged"


def test_another_key_opens_nothing_and_none_is_made_in_its_place(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.set("a", Secret(PLANTED))
    key = tmp_path / "keys" / "vault.key"
    right = key.read_text()
    key.write_text(("B" if right[0] == "A" else "A") + right[1:])
    with pytest.raises(CustodyError) as caught:
        read(kept, "a")
    assert code_of(caught) == "vault.damaged"
    key.unlink()
    for act in (lambda: read(kept, "a"), lambda: kept.set("b", Secret("x"))):
        with pytest.raises(CustodyError) as caught:
            act()
        assert code_of(caught) == "vault.unreadable"
    assert not key.exists()


@pytest.mark.parametrize("name", ["", "-a", "a b", "ä", "a" * 128, "../a\n", "a\0"])
def test_names_are_plain(tmp_path: Path, name: str) -> None:
    with pytest.raises(CustodyError) as caught:
        store(tmp_path).set(name, Secret(PLANTED))
    assert code_of(caught) == "vault.name"


@pytest.mark.parametrize("value", ["", "x" * (LONGEST_SECRET + 1)])
def test_sizes_are_bounded(tmp_path: Path, value: str) -> None:
    with pytest.raises(CustodyError) as caught:
        store(tmp_path).set("a", Secret(value))
    assert code_of(caught) == "vault.too-long"


def test_the_number_of_secrets_is_bounded(tmp_path: Path) -> None:
    kept = store(tmp_path)
    kept.set("0", Secret("x"))
    path = tmp_path / "data" / "secrets"
    document = json.loads(path.read_text())
    document["secrets"] = {str(n): document["secrets"]["0"] for n in range(MOST_SECRETS)}
    path.write_text(json.dumps(document))
    kept.set("7", Secret("in its place"))
    with pytest.raises(CustodyError) as caught:
        kept.set("one more", Secret("x"))
    assert code_of(caught) == "vault.name"
    with pytest.raises(CustodyError) as caught:
        kept.set("one-more", Secret("x"))
    assert code_of(caught) == "vault.full"


@pytest.mark.parametrize("content", ["", "[]", '{"format": "later/2", "secrets": {}}'])
def test_a_damaged_file_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "secrets").write_text(content)
    with pytest.raises(CustodyError) as caught:
        store(tmp_path).names()
    assert code_of(caught) == "vault.unreadable"
