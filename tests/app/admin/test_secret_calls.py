"""Secrets of the local vault from the command line: on the record, and never told."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from custody.app.admin.secret_calls import SecretCalls
from custody.model.errors import CustodyError, LogFailureError
from custody.model.gateway_records import AdminAct
from custody.model.record import Receipt, Record
from custody.vault.sealed_store import SealedStore

PLANTED = "planted-secret-0123456789"


class Scene:
    def __init__(self, folder: Path) -> None:
        self.records: list[Record] = []
        self.full = False
        self.store = SealedStore(folder / "secrets", folder / "key", clock=lambda: 0)
        self.desk = SecretCalls(self.store, self, lambda: 7)

    async def write(self, record: Record) -> Receipt:
        if self.full:
            raise LogFailureError("log.full", "There is no room.")
        assert not self.store.names()  # recorded before it works
        self.records.append(record)
        return Receipt(0, -1)

    def ask(self, call: str, **arguments: Any) -> Any:
        assert self.desk.handles(call)
        return asyncio.run(self.desk.dispatch(call, arguments))["items"]


def test_a_change_is_on_the_record_before_it_works_and_names_no_value(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    (item,) = scene.ask("secret.set", name="orders", value=PLANTED, actor="ada")
    assert item == {"name": "orders", "changed": "1970-01-01T00:00:00.000Z"}
    (record,) = scene.records
    assert record.body == AdminAct("secret.set", "ada", "orders")
    assert PLANTED not in json.dumps(scene.ask("secret.list"))


def test_what_cannot_be_recorded_is_not_kept(tmp_path: Path) -> None:
    scene = Scene(tmp_path)
    scene.full = True
    with pytest.raises(LogFailureError):
        scene.ask("secret.set", name="orders", value=PLANTED, actor="ada")
    assert scene.store.names() == []


def test_a_fault_in_the_arguments_quotes_nothing(tmp_path: Path) -> None:
    with pytest.raises(CustodyError) as caught:
        Scene(tmp_path).ask("secret.set", name="orders", value={"x": PLANTED}, actor="ada")
    assert caught.value.code == "admin.arguments"
    assert PLANTED not in f"{caught.value!r}{caught.value}"
