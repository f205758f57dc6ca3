"""HashiCorp Vault and OpenBao: the KV engine, and credentials that are made for one loop.

Law: the gateway's own token lives in memory, for as long as the store says, and is asked for anew
where the store refuses it; a credential that was made for a loop is named by its lease, so that it
can be taken back. (Vault HTTP API: ``/v1/PATH``, ``auth/MOUNT/login``, ``sys/leases``.)
"""

import asyncio
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Final

import msgspec

from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.errors import CustodyError
from custody.model.identity import Credential
from custody.model.secret import Secret
from custody.vault.http import StatusError, StoreClient
from custody.vault.plain_stores import read_text
from custody.vault.store import (
    POD_ACCOUNT,
    ReferenceForm,
    StoreHost,
    StoreKind,
    StoreSettings,
    empty,
    not_leased,
)

_FORBIDDEN: Final = 403
_NOT_FOUND: Final = 404
_MOST_OF: Final = (2, 3)
"""The share of a token's life after which a new one is asked for."""


class Auth(StrEnum):
    TOKEN = "token"  # noqa: S105 - a method's name
    APPROLE = "approle"
    KUBERNETES = "kubernetes"
    JWT = "jwt"


_NEEDED: Final[Mapping[Auth, tuple[str, ...]]] = {
    Auth.TOKEN: ("token",),
    Auth.APPROLE: ("role_id", "secret_id"),
    Auth.KUBERNETES: ("role",),
    Auth.JWT: ("role", "jwt"),
}


class HashicorpSettings(StoreSettings, frozen=True, kw_only=True):
    """``[vault]``. ``token``, ``secret_id`` and ``jwt`` are files, read at each use so that they
    may rotate.
    """

    address: Annotated[
        str, ConfigKey(read.some_text, "Where it is: https://HOST:PORT.", form="URL")
    ]
    ca: Annotated[
        Path | None, ConfigKey(read.path, "Whom its TLS is trusted by, PEM.", "the system's")
    ] = None
    namespace: Annotated[str, ConfigKey(read.text, "Its namespace.", "none")] = ""
    auth: Annotated[Auth, ConfigKey(read.choice(Auth), "How the gateway logs in.")] = Auth.TOKEN
    mount: Annotated[str, ConfigKey(read.text, "Where that method is mounted.", "its own name")] = (
        ""
    )
    role: Annotated[
        str, ConfigKey(read.text, "The role to log in as (`kubernetes`, `jwt`).", "none")
    ] = ""
    role_id: Annotated[str, ConfigKey(read.text, "The role's id (`approle`).", "none")] = ""
    token: Annotated[
        Path | None, ConfigKey(read.path, "File that holds the token (`token`).", "none")
    ] = None
    secret_id: Annotated[
        Path | None, ConfigKey(read.path, "File of the secret id (`approle`).", "none")
    ] = None
    jwt: Annotated[
        Path | None, ConfigKey(read.path, "File of the JWT (`jwt`, `kubernetes`).", "the pod's own")
    ] = None

    def faults(self) -> Iterator[CustodyError]:
        for key in _NEEDED[self.auth]:
            if not getattr(self, key):
                yield CustodyError(
                    "config.missing-key",
                    f'The key `{key}` is missing, which auth = "{self.auth}" needs.',
                    f"Add {key} = ….",
                )

    def open(self, host: StoreHost) -> "HashicorpStore":
        return HashicorpStore(self, host.clock)


class HashicorpStore:
    """``clock`` gives Unix milliseconds."""

    def __init__(self, settings: HashicorpSettings, clock: Callable[[], int]) -> None:
        """Raises ``vault.address``, ``vault.ca``."""
        self._settings: Final = settings
        self._client: Final = StoreClient(settings.name, settings.address, settings.ca)
        self._clock: Final = clock
        self._token: Secret | None = None
        self._token_until = 0
        self._turn: Final = asyncio.Lock()

    async def read(self, place: str) -> Credential:
        """``PATH#FIELD`` (KV, version 1 or 2) or ``PATH`` (an engine that makes a user and its
        password). Raises ``vault.refused``, ``vault.no-secret``, ``vault.empty``,
        ``vault.unreachable``.
        """
        path, _, field = place.partition("#")
        source = f"{self._settings.name}:{place}"
        answer = await self._ask("GET", path, source)
        data = answer.get("data")
        if not isinstance(data, dict):
            raise _no_secret(source)
        if field and isinstance(data.get("data"), dict) and "metadata" in data:
            data = data["data"]  # KV version 2 wraps the values
        value = data.get(field or "password")
        if not isinstance(value, str) or not value:
            raise empty(source, f"It has no text in its field {field or 'password'!r}.")
        user = "" if field else str(data.get("username") or "")
        return self._credential(answer, Credential(Secret(value), user=user, source=source))

    async def renew(self, credential: Credential) -> Credential:
        """Raises ``vault.lease`` where the store lets it hold no longer."""
        body = {"lease_id": credential.lease}
        try:
            answer = await self._send("PUT", "sys/leases/renew", body)
        except StatusError:
            raise not_leased(credential.source) from None
        return self._credential(answer, credential)

    async def revoke(self, lease: str) -> bool:
        try:
            await self._send("PUT", "sys/leases/revoke", {"lease_id": lease})
        except (StatusError, CustodyError):
            return False
        return True

    async def check(self) -> str:
        answer = await self._ask("GET", "auth/token/lookup-self", self._settings.name)
        data = answer.get("data")
        policies = data.get("policies") if isinstance(data, dict) else None
        named = ", ".join(map(str, policies)) if isinstance(policies, list) else "unknown"
        return f"reached {self._settings.address}, policies: {named}"

    async def close(self) -> None:
        await self._client.close()

    def _credential(self, answer: Mapping[str, Any], credential: Credential) -> Credential:
        lease, seconds = answer.get("lease_id"), answer.get("lease_duration")
        if not isinstance(lease, str) or not lease or not isinstance(seconds, int):
            return credential  # KV answers name no lease
        expires = self._clock() + seconds * 1000
        return msgspec.structs.replace(credential, lease=lease, expires=expires)

    async def _ask(self, method: str, path: str, source: str) -> dict[str, Any]:
        try:
            return await self._send(method, path)
        except StatusError as error:
            if error.status == _NOT_FOUND:
                raise _no_secret(source) from None
            raise CustodyError(
                "vault.refused",
                f"`{source}` was refused by the store with status {error.status}.",
                "Check the path, and that the gateway's role may read it.",
            ) from None

    async def _send(
        self, method: str, path: str, body: Mapping[str, str] | None = None
    ) -> dict[str, Any]:
        """With the gateway's token; once more with a new one where the store has forgotten it."""
        token, fresh = await self._log_in(stale=None)
        try:
            return await self._with(token, method, path, body)
        except StatusError as error:
            if error.status != _FORBIDDEN or fresh:
                raise
        token, _ = await self._log_in(stale=token)
        return await self._with(token, method, path, body)

    async def _with(
        self, token: Secret, method: str, path: str, body: Mapping[str, str] | None
    ) -> dict[str, Any]:
        headers = {"X-Vault-Token": token.reveal(), **self._namespace()}
        return await self._client.ask(method, f"/v1/{path}", headers=headers, body=body)

    def _namespace(self) -> dict[str, str]:
        # "X-Vault-Request" guards against a proxy that a browser was lured to (Vault API).
        named = self._settings.namespace
        return {"X-Vault-Request": "true", **({"X-Vault-Namespace": named} if named else {})}

    async def _log_in(self, *, stale: Secret | None) -> tuple[Secret, bool]:
        """The gateway's token, and whether it was made just now."""
        if self._settings.auth is Auth.TOKEN:
            path = self._settings.token
            if path is None:
                raise _no_login(self._settings.name, "token")
            return Secret(await read_text(path, f"{self._settings.name} token")), False
        async with self._turn:
            token = self._token
            if token is not None and token is not stale and self._clock() < self._token_until:
                return token, False
            self._token = token = await self._new_token()
            return token, True

    async def _new_token(self) -> Secret:
        settings = self._settings
        body = await self._login_body()
        path = f"/v1/auth/{settings.mount or settings.auth.value}/login"
        try:
            answer = await self._client.ask("POST", path, headers=self._namespace(), body=body)
        except StatusError as error:
            raise CustodyError(
                "vault.login",
                f"`{settings.name}` refused the gateway's {settings.auth} login "
                f"with status {error.status}.",
                "Check `role`, `mount` and the file that proves the gateway's identity.",
            ) from None
        auth = answer.get("auth")
        token = auth.get("client_token") if isinstance(auth, dict) else None
        seconds = auth.get("lease_duration") if isinstance(auth, dict) else None
        if not isinstance(token, str) or not isinstance(seconds, int):
            raise CustodyError("vault.login", f"`{settings.name}` gave no token.", "")
        part, whole = _MOST_OF
        self._token_until = self._clock() + seconds * 1000 * part // whole
        return Secret(token)

    async def _login_body(self) -> dict[str, str]:
        settings = self._settings
        name = settings.name
        match settings.auth:
            case Auth.APPROLE:
                if settings.secret_id is None:
                    raise _no_login(name, "secret_id")
                secret = await read_text(settings.secret_id, f"{name} secret_id")
                return {"role_id": settings.role_id, "secret_id": secret}
            case Auth.KUBERNETES:
                path = settings.jwt or POD_ACCOUNT / "token"
                return {"role": settings.role, "jwt": await read_text(path, f"{name} jwt")}
            case _:
                if settings.jwt is None:
                    raise _no_login(name, "jwt")
                return {
                    "role": settings.role,
                    "jwt": await read_text(settings.jwt, f"{name} jwt"),
                }


def _no_secret(source: str) -> CustodyError:
    return CustodyError(
        "vault.no-secret",
        f"There is nothing at `{source}`.",
        "Check the path: KV version 2 wants `MOUNT/data/NAME#FIELD`.",
    )


def _no_login(name: str, key: str) -> CustodyError:
    return CustodyError(
        "vault.login", f"[{name}] has no `{key}`, which its `auth` needs.", "Add it."
    )


KIND: Final = StoreKind(
    scheme="vault",
    forms=(
        ReferenceForm(
            ("PATH#FIELD",),
            "HashiCorp Vault or OpenBao, KV engine version 1 or 2",
            "at the next session",
        ),
        ReferenceForm(
            ("PATH",),
            "the same, an engine that makes a user and its password (`database/creds/ROLE`)",
            "made for each loop",
        ),
    ),
    table="vault",
    settings=HashicorpSettings,
)
