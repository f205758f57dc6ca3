"""Kubernetes secrets: ``k8s:NAMESPACE/NAME#KEY``.

Law: read anew at each lease with the service account's own token, which rotates on disk.
(Kubernetes API, ``GET /api/v1/namespaces/{namespace}/secrets/{name}``.)
"""

import base64
import binascii
import re
from pathlib import Path
from typing import Annotated, Final

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
    UnleasedStore,
    empty,
)

_PLACE: Final = re.compile(r"([a-z0-9.-]{1,253})/([a-z0-9.-]{1,253})#([A-Za-z0-9._-]{1,253})")


class KubernetesSettings(StoreSettings, frozen=True, kw_only=True):
    """``[kubernetes]``. Without a table, what a pod has."""

    name: str = "k8s"
    address: Annotated[str, ConfigKey(read.some_text, "The API server.", form="URL")] = (
        "https://kubernetes.default.svc"
    )
    ca: Annotated[Path | None, ConfigKey(read.path, "Whom its TLS is trusted by, PEM.")] = (
        POD_ACCOUNT / "ca.crt"
    )
    token: Annotated[Path, ConfigKey(read.path, "The gateway's service account token.")] = (
        POD_ACCOUNT / "token"
    )

    def open(self, host: StoreHost) -> "KubernetesStore":
        del host
        return KubernetesStore(self)


class KubernetesStore(UnleasedStore):
    def __init__(self, settings: KubernetesSettings) -> None:
        """Raises ``vault.address``, ``vault.ca``."""
        self._settings: Final = settings
        self._client: Final = StoreClient(settings.name, settings.address, settings.ca)

    async def read(self, place: str) -> Credential:
        """Raises ``vault.place``, ``vault.refused``, ``vault.no-secret``, ``vault.empty``,
        ``vault.unreachable``.
        """
        source = f"{self._settings.name}:{place}"
        found = _PLACE.fullmatch(place)
        if found is None:
            raise CustodyError(
                "vault.place", f"`{source}` names no secret's key.", "Write NAMESPACE/NAME#KEY."
            )
        namespace, name, key = found.groups()
        path = f"/api/v1/namespaces/{namespace}/secrets/{name}"
        try:
            answer = await self._client.ask("GET", path, headers=await self._headers())
        except StatusError as error:
            raise _refused(source, error.status) from None
        data = answer.get("data")
        value = data.get(key) if isinstance(data, dict) else None
        try:
            text = base64.b64decode(value or "", validate=True).decode()
        except (binascii.Error, ValueError, TypeError):
            raise empty(source, "Its value is not text.") from None
        if not text:
            raise empty(source, f"The secret has no key {key!r}.")
        return Credential(Secret(text.removesuffix("\n")), source=source)

    async def check(self) -> str:
        try:
            answer = await self._client.ask("GET", "/version", headers=await self._headers())
        except StatusError as error:
            raise _refused(self._settings.name, error.status) from None
        return f"reached Kubernetes {answer.get('gitVersion', '')}".rstrip()

    async def close(self) -> None:
        await self._client.close()

    async def _headers(self) -> dict[str, str]:
        token = await read_text(self._settings.token, f"{self._settings.name} token")
        return {"Authorization": f"Bearer {token}", "Accept": "application/json"}


def _refused(source: str, status: int) -> CustodyError:
    return CustodyError(
        "vault.no-secret" if status == 404 else "vault.refused",
        f"`{source}` was refused by Kubernetes with status {status}.",
        "Check the name, and that the gateway's service account may `get` that secret.",
    )


KIND: Final = StoreKind(
    scheme="k8s",
    forms=(ReferenceForm(("NAMESPACE/NAME#KEY",), "a Kubernetes secret", "at the next session"),),
    table="kubernetes",
    settings=KubernetesSettings,
    unconfigured=KubernetesSettings().open,
)
