"""A real OpenBao (or Vault): KV, AppRole, and users that the database engine makes for a loop.

Asked for by name: `CUSTODY_BAO=/path/to/bao pytest -m provider tests/providers/test_openbao.py`, or
with `bao` or `vault` on the PATH. It is no package of PyPI, npm or Debian, so nothing installs it.
"""

import asyncio
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from custody.demo.scratch_postgres import ScratchPostgres, scratch_postgres
from custody.identity import local_identity
from custody.model.errors import CustodyError
from custody.model.identity import Credential, Loop
from custody.model.words import LoopId, TargetName
from custody.vault.credential_leases import LeasingVault
from custody.vault.hashicorp import Auth, HashicorpSettings, HashicorpStore
from custody.vault.lease_book import LeaseBook

pytestmark = pytest.mark.provider
ROOT = "root-of-the-test"
ORDERS = TargetName("orders")
MAKE = (
    "CREATE ROLE \"{{name}}\" LOGIN PASSWORD '{{password}}' VALID UNTIL '{{expiration}}';"
    'GRANT SELECT ON orders TO "{{name}}";'
)
UNMAKE = 'REVOKE ALL ON orders FROM "{{name}}"; DROP ROLE IF EXISTS "{{name}}";'


class Bao:
    def __init__(self, address: str) -> None:
        self.address = address

    def put(self, path: str, **body: Any) -> dict[str, Any]:
        answer = httpx.put(
            f"{self.address}/v1/{path}", json=body, headers={"X-Vault-Token": ROOT}, timeout=10
        )
        answer.raise_for_status()
        return answer.json() if answer.content else {}


@pytest.fixture(scope="module")
def bao(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bao]:
    binary = os.environ.get("CUSTODY_BAO") or shutil.which("bao") or shutil.which("vault")
    if binary is None:
        pytest.skip("there is no bao and no vault on the PATH, and CUSTODY_BAO names none")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    log = (tmp_path_factory.mktemp("bao") / "log").open("w")
    server = subprocess.Popen(
        [binary, "server", "-dev", f"-dev-root-token-id={ROOT}",
         f"-dev-listen-address=127.0.0.1:{port}", "-dev-no-store-token"],
        stdout=log, stderr=log,
    )  # fmt: skip
    try:
        address = f"http://127.0.0.1:{port}"
        until = time.monotonic() + 30
        while True:
            try:
                httpx.get(f"{address}/v1/sys/health", timeout=1).raise_for_status()
                break
            except httpx.HTTPError:
                assert time.monotonic() < until
                time.sleep(0.1)
        yield Bao(address)
    finally:
        server.kill()
        server.wait()
        log.close()


@pytest.fixture(scope="module")
def postgres() -> Iterator[ScratchPostgres]:
    with scratch_postgres() as server:
        yield server


def store(bao: Bao, tmp_path: Path) -> HashicorpStore:
    bao.put("sys/auth/approle", type="approle") if not _mounted(bao) else None
    bao.put(
        "sys/policies/acl/custody",
        policy='path "*" { capabilities = ["read", "update", "create"] }',
    )
    bao.put("auth/approle/role/custody", token_policies="custody", token_ttl="20m")
    role = httpx.get(
        f"{bao.address}/v1/auth/approle/role/custody/role-id", headers={"X-Vault-Token": ROOT}
    ).json()["data"]["role_id"]
    secret = bao.put("auth/approle/role/custody/secret-id")["data"]["secret_id"]
    (tmp_path / "secret_id").write_text(secret)
    return HashicorpStore(
        HashicorpSettings(
            name="vault",
            address=bao.address,
            auth=Auth.APPROLE,
            role_id=role,
            secret_id=tmp_path / "secret_id",
        ),
        lambda: time.time_ns() // 1_000_000,
    )


def _mounted(bao: Bao) -> bool:
    found = httpx.get(f"{bao.address}/v1/sys/auth", headers={"X-Vault-Token": ROOT}).json()
    return "approle/" in found["data"]


def test_both_versions_of_kv(bao: Bao, tmp_path: Path) -> None:
    bao.put("sys/mounts/kv1", type="kv", options={"version": "1"})
    bao.put("kv1/orders", password="one")
    bao.put("secret/data/orders", data={"password": "two"})  # the dev server's own KV version 2

    async def act() -> list[str]:
        kept = store(bao, tmp_path)
        places = ("kv1/orders#password", "secret/data/orders#password")
        found = [(await kept.read(place)).secret.reveal() for place in places]
        with pytest.raises(CustodyError) as caught:
            await kept.read("secret/data/nothing#password")
        await kept.close()
        return [*found, caught.value.code]

    assert asyncio.run(act()) == ["one", "two", "vault.no-secret"]


def test_a_user_is_made_for_a_loop_and_gone_with_it(
    bao: Bao, postgres: ScratchPostgres, tmp_path: Path
) -> None:
    _database_engine(bao, postgres)

    async def act() -> None:
        kept = store(bao, tmp_path)
        vault = LeasingVault(
            {ORDERS: "vault:database/creds/orders-ro"},
            {"vault": kept},
            LeaseBook(tmp_path / "leases.json"),
            lambda: time.time_ns() // 1_000_000,
        )
        loops = [
            Loop(LoopId(f"loop_{name}"), local_identity(name, ()), 0, 1 << 60) for name in "ab"
        ]
        first, second = [await vault.lease(loop, ORDERS) for loop in loops]
        assert first.user != second.user
        assert first.lease.startswith("database/creds/orders-ro/")
        assert _reads(postgres, first) == [(1,)]
        (back,) = await vault.release(loops[0].id)
        assert back.revoked
        with pytest.raises(psycopg.OperationalError, match=r"password authentication failed|role"):
            _reads(postgres, first)
        assert _reads(postgres, second) == [(1,)]
        assert (await kept.renew(second)).lease == second.lease
        (stale,) = await LeasingVault(
            {}, {"vault": kept}, LeaseBook(tmp_path / "leases.json"), lambda: 0
        ).release_stale()
        assert (stale.lease, stale.revoked) == (second.lease, True)
        await kept.close()

    asyncio.run(act())


def _database_engine(bao: Bao, postgres: ScratchPostgres) -> None:
    with _connect(postgres, postgres.superuser, postgres.password) as session:
        session.execute("CREATE TABLE orders AS SELECT 1 AS id")
    bao.put("sys/mounts/database", type="database")
    bao.put(
        "database/config/orders",
        plugin_name="postgresql-database-plugin",
        allowed_roles="*",
        connection_url=(
            f"postgresql://{{{{username}}}}:{{{{password}}}}@{postgres.host}:{postgres.port}"
            "/postgres?sslmode=disable"
        ),
        username=postgres.superuser,
        password=postgres.password,
    )
    bao.put(
        "database/roles/orders-ro",
        db_name="orders",
        creation_statements=[MAKE],
        revocation_statements=[UNMAKE],
        default_ttl="1h",
        max_ttl="2h",
    )


def _reads(postgres: ScratchPostgres, credential: Credential) -> list[Any]:
    with _connect(postgres, credential.user, credential.secret.reveal()) as session:
        return session.execute("SELECT id FROM orders").fetchall()


def _connect(postgres: ScratchPostgres, user: str, password: str) -> psycopg.Connection[Any]:
    return psycopg.connect(
        host=postgres.host, port=postgres.port, dbname="postgres", user=user, password=password,
        autocommit=True,
    )  # fmt: skip
