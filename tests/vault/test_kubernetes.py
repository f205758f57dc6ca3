"""Kubernetes secrets. A stand-in answers: an API server cannot be had as a package here."""

import asyncio
import base64
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.vault.store_server import StoreServer, store_server

from custody.model.errors import CustodyError
from custody.vault.kubernetes import KubernetesSettings, KubernetesStore

PATH = "/api/v1/namespaces/shop/secrets/orders-db"


@pytest.fixture
def server() -> Iterator[StoreServer]:
    with store_server() as told:
        yield told


def read(server: StoreServer, folder: Path, place: str) -> str:
    (folder / "token").write_text("account-token\n")
    settings = KubernetesSettings(address=server.address, ca=None, token=folder / "token")

    async def run() -> str:
        store = KubernetesStore(settings)
        try:
            return (await store.read(place)).secret.reveal()
        finally:
            await store.close()

    return asyncio.run(run())


def secret(**values: bytes) -> dict[str, object]:
    data = {key: base64.b64encode(value).decode() for key, value in values.items()}
    return {"kind": "Secret", "type": "Opaque", "data": data}


def test_a_key_of_a_secret_is_read_with_the_service_accounts_token(
    server: StoreServer, tmp_path: Path
) -> None:
    server.answers["GET", PATH] = (200, secret(password=b"hunter2\n"))
    assert read(server, tmp_path, "shop/orders-db#password") == "hunter2"
    assert server.asked[0].headers["Authorization"] == "Bearer account-token"


FAULTS: dict[str, tuple[tuple[int, object], str, str]] = {
    "no key named": ((200, {}), "shop/orders-db", "vault.place"),
    "a way out": ((200, {}), "shop/../x#password", "vault.place"),
    "no such secret": ((404, {}), "shop/orders-db#password", "vault.no-secret"),
    "not allowed": ((403, {}), "shop/orders-db#password", "vault.refused"),
    "no such key": ((200, secret(user=b"x")), "shop/orders-db#password", "vault.empty"),
    "not base64": ((200, {"data": {"password": "%"}}), "shop/orders-db#password", "vault.empty"),
    "not text": ((200, secret(password=b"\xff")), "shop/orders-db#password", "vault.empty"),
    "a number": ((200, {"data": {"password": 5}}), "shop/orders-db#password", "vault.empty"),
    "no data": ((200, {"data": None}), "shop/orders-db#password", "vault.empty"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named(server: StoreServer, tmp_path: Path, fault: str) -> None:
    answer, place, code = FAULTS[fault]
    server.answers["GET", PATH] = answer
    with pytest.raises(CustodyError) as caught:
        read(server, tmp_path, place)
    assert caught.value.code == code
