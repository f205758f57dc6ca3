"""Vault and OpenBao, as far as their HTTP API goes: a stand-in answers here; a real OpenBao does in
`tests/providers/test_openbao.py`.
"""

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from tests.vault.store_server import Asked, StoreServer, store_server

from custody.model.errors import CustodyError
from custody.model.identity import Credential
from custody.vault.hashicorp import Auth, HashicorpSettings, HashicorpStore

NOW = 1_000_000


@pytest.fixture
def server() -> Iterator[StoreServer]:
    with store_server() as told:
        yield told


@pytest.fixture
def token(tmp_path: Path) -> Path:
    path = tmp_path / "token"
    path.write_text("hvs.gateway\n")
    return path


def with_store(
    settings: HashicorpSettings, act: Callable[[HashicorpStore], Awaitable[Any]], now: int = NOW
) -> Any:
    async def run() -> Any:
        store = HashicorpStore(settings, lambda: now)
        try:
            return await act(store)
        finally:
            await store.close()

    return asyncio.run(run())


def by_token(server: StoreServer, token: Path) -> HashicorpSettings:
    return HashicorpSettings(name="vault", address=server.address, token=token)


KV_1 = {"lease_id": "", "lease_duration": 2_764_800, "data": {"password": "one"}}
KV_2 = {"lease_id": "", "data": {"data": {"password": "two"}, "metadata": {"version": 3}}}


@pytest.mark.parametrize(("answer", "value"), [(KV_1, "one"), (KV_2, "two")])
def test_both_versions_of_kv_give_a_field(
    server: StoreServer, token: Path, answer: object, value: str
) -> None:
    server.answers["GET", "/v1/secret/orders"] = (200, answer)
    found = with_store(by_token(server, token), lambda s: s.read("secret/orders#password"))
    assert (found.secret.reveal(), found.user, found.lease) == (value, "", "")
    assert found.source == "vault:secret/orders#password"
    assert server.asked[0].headers["X-Vault-Token"] == "hvs.gateway"


def test_the_database_engine_makes_a_user_that_is_leased(server: StoreServer, token: Path) -> None:
    server.answers["GET", "/v1/database/creds/ro"] = (
        200,
        {
            "lease_id": "database/creds/ro/abc",
            "lease_duration": 60,
            "renewable": True,
            "data": {"username": "v-ro-1", "password": "made"},
        },
    )
    found = with_store(by_token(server, token), lambda s: s.read("database/creds/ro"))
    assert (found.user, found.secret.reveal()) == ("v-ro-1", "made")
    assert (found.lease, found.expires) == ("database/creds/ro/abc", NOW + 60_000)


def test_a_lease_is_renewed_and_revoked(server: StoreServer, token: Path) -> None:
    server.answers["PUT", "/v1/sys/leases/renew"] = (200, {"lease_id": "L", "lease_duration": 90})
    server.answers["PUT", "/v1/sys/leases/revoke"] = (204, b"")

    async def act(store: HashicorpStore) -> tuple[int | None, bool]:
        from custody.model.secret import Secret  # noqa: PLC0415 - used here alone

        held = Credential(Secret("x"), lease="L", expires=NOW + 1)
        return (await store.renew(held)).expires, await store.revoke("L")

    assert with_store(by_token(server, token), act) == (NOW + 90_000, True)
    assert [asked.body for asked in server.asked] == [{"lease_id": "L"}, {"lease_id": "L"}]


def test_a_lease_that_cannot_be_revoked_says_so(server: StoreServer, token: Path) -> None:
    server.answers["PUT", "/v1/sys/leases/revoke"] = (503, {"errors": ["sealed"]})
    assert with_store(by_token(server, token), lambda s: s.revoke("L")) is False


def test_approle_logs_in_once_and_again_when_it_is_forgotten(
    server: StoreServer, tmp_path: Path
) -> None:
    (tmp_path / "secret_id").write_text("sid\n")
    tokens = iter(["first", "second"])

    def login(asked: Asked) -> tuple[int, object]:
        assert asked.body == {"role_id": "rid", "secret_id": "sid"}
        return 200, {"auth": {"client_token": next(tokens), "lease_duration": 3600}}

    def read(asked: Asked) -> tuple[int, object]:
        fresh = asked.headers["X-Vault-Token"] == "second" or len(server.asked) < 4
        return (200, KV_1) if fresh else (403, {"errors": ["permission denied"]})

    server.answers["POST", "/v1/auth/approle/login"] = login
    server.answers["GET", "/v1/kv/a"] = read
    settings = HashicorpSettings(
        name="vault",
        address=server.address,
        auth=Auth.APPROLE,
        role_id="rid",
        secret_id=tmp_path / "secret_id",
    )

    async def act(store: HashicorpStore) -> None:
        for _ in range(3):
            await store.read("kv/a#password")

    with_store(settings, act)
    logins = [path for path in server.paths() if path.startswith("POST")]
    assert len(logins) == 2
    assert len(server.paths()) == 6


@pytest.mark.parametrize("auth", [Auth.KUBERNETES, Auth.JWT])
def test_a_role_is_proved_by_a_token_file(server: StoreServer, tmp_path: Path, auth: Auth) -> None:
    (tmp_path / "jwt").write_text("ey.J.WT")
    server.answers["POST", f"/v1/auth/{auth}/login"] = (
        200,
        {"auth": {"client_token": "t", "lease_duration": 60}},
    )
    server.answers["GET", "/v1/kv/a"] = (200, KV_1)
    settings = HashicorpSettings(
        name="vault", address=server.address, auth=auth, role="custody", jwt=tmp_path / "jwt"
    )
    with_store(settings, lambda store: store.read("kv/a#password"))
    assert server.asked[0].body == {"role": "custody", "jwt": "ey.J.WT"}


def test_a_rotated_token_file_is_read_anew(server: StoreServer, token: Path) -> None:
    server.answers["GET", "/v1/kv/a"] = (200, KV_1)

    async def act(store: HashicorpStore) -> None:
        await store.read("kv/a#password")
        await asyncio.to_thread(token.write_text, "hvs.new")
        await store.read("kv/a#password")

    with_store(by_token(server, token), act)
    seen = [asked.headers["X-Vault-Token"] for asked in server.asked]
    assert seen == ["hvs.gateway", "hvs.new"]


FAULTS: dict[str, tuple[tuple[int, object], str]] = {
    "nothing there": ((404, {"errors": []}), "vault.no-secret"),
    "forbidden": ((403, {"errors": ["1 error: planted-secret"]}), "vault.refused"),
    "sealed": ((503, {"errors": ["Vault is sealed"]}), "vault.refused"),
    "a redirect": ((307, {}), "vault.refused"),
    "not JSON": ((200, b"planted-secret"), "vault.unreachable"),
    "too deep": ((200, b"[" * 100_000), "vault.unreachable"),
    "a list": ((200, ["planted-secret"]), "vault.unreachable"),
    "too long": ((200, b'{"data": "' + b"planted-secret" * 30_000 + b'"}'), "vault.unreachable"),
    "no data": ((200, {"data": None}), "vault.no-secret"),
    "no such field": ((200, {"data": {"user": "planted-secret"}}), "vault.empty"),
    "a number": ((200, {"data": {"password": 7}}), "vault.empty"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_faults_are_named_and_quote_nothing(server: StoreServer, token: Path, fault: str) -> None:
    answer, code = FAULTS[fault]
    server.answers["GET", "/v1/kv/a"] = answer
    with pytest.raises(CustodyError) as caught:
        with_store(by_token(server, token), lambda store: store.read("kv/a#password"))
    assert caught.value.code == code
    assert "planted-secret" not in f"{caught.value!r}{caught.value}{caught.value.__cause__}"


@pytest.mark.parametrize("text", ["planted-secret-é", "planted-secret\nX-Other: 1"])
def test_a_token_that_no_header_can_carry_is_a_fault_that_quotes_nothing(
    server: StoreServer, token: Path, text: str
) -> None:
    token.write_text(text)
    with pytest.raises(CustodyError) as caught:
        with_store(by_token(server, token), lambda store: store.read("kv/a#password"))
    assert caught.value.code == "vault.unreachable"
    assert "planted-secret" not in f"{caught.value!r}{caught.value}{caught.value.__cause__}"


def test_nobody_there(token: Path) -> None:
    settings = HashicorpSettings(name="vault", address="http://127.0.0.1:9", token=token)
    with pytest.raises(CustodyError, match=r"`vault` did not answer"):
        with_store(settings, lambda store: store.read("kv/a#password"))


@pytest.mark.parametrize("address", ["http://vault.example.com", "vault:8200", "ftp://x", ""])
def test_the_way_there_must_be_private(address: str) -> None:
    with pytest.raises(CustodyError) as caught:
        HashicorpStore(HashicorpSettings(name="vault", address=address), lambda: NOW)
    assert caught.value.code == "vault.address"


def test_an_answer_that_drips_is_waited_for_no_longer_than_any(
    token: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("custody.vault.http.READ_SECONDS", 0.3)

    async def drip(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 9999\r\n\r\n")
        with contextlib.suppress(ConnectionError):
            while not writer.is_closing():
                writer.write(b" ")
                await writer.drain()
                await asyncio.sleep(0.05)
        writer.close()

    async def run() -> str:
        async with await asyncio.start_server(drip, "127.0.0.1", 0) as server:
            place = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
            store = HashicorpStore(
                HashicorpSettings(name="vault", address=place, token=token), lambda: NOW
            )
            async with asyncio.timeout(5):
                with pytest.raises(CustodyError) as caught:
                    await store.read("secret/orders#password")
            await store.close()
            await asyncio.sleep(0.2)
            return caught.value.code

    assert asyncio.run(run()) == "vault.unreachable"
