"""AWS Secrets Manager. `moto` stands in for the service; the SDK is the real one."""

import asyncio
from collections.abc import Iterator

import pytest

from custody.model.errors import CustodyError
from custody.vault.aws import AwsSettings, AwsStore

boto3 = pytest.importorskip("boto3", reason="custody[aws] is not installed")
moto = pytest.importorskip("moto", reason="moto is not installed")


@pytest.fixture(autouse=True)
def service(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")
    with moto.mock_aws():
        client = boto3.client("secretsmanager", region_name="eu-central-1")
        client.create_secret(Name="orders", SecretString='{"user": "app", "password": "hunter2"}')
        client.create_secret(Name="whole", SecretString="just text")
        client.create_secret(Name="binary", SecretBinary=b"\x00")
        yield


def read(place: str) -> str:
    store = AwsStore(AwsSettings(region="eu-central-1"))
    return asyncio.run(store.read(place)).secret.reveal()


def test_a_key_of_a_secret_or_the_whole_text() -> None:
    assert read("orders#password") == "hunter2"
    assert read("whole") == "just text"


FAULTS = {
    "missing": "vault.no-secret",
    "orders#token": "vault.empty",
    "whole#key": "vault.empty",
    "binary": "vault.empty",
}


@pytest.mark.parametrize("place", FAULTS)
def test_faults_are_named(place: str) -> None:
    with pytest.raises(CustodyError) as caught:
        read(place)
    assert caught.value.code == FAULTS[place]


def test_nobody_there() -> None:
    store = AwsStore(AwsSettings(region="eu-central-1", endpoint="http://127.0.0.1:9"))
    with pytest.raises(CustodyError) as caught:
        asyncio.run(store.read("orders"))
    assert caught.value.code == "vault.unreachable"
