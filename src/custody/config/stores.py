"""The tables of stores of secrets: ``[vault]``, ``[aws]``, ``[kubernetes]``, and ``[vault.NAME]``.

Law: a table with keys is the store that references without a name mean; a table inside it is the
store that ``SCHEME+NAME:`` means. What a table says is checked before anything listens.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Annotated, Final, TypeVar

import msgspec

from custody.config.faults import ConfigFaults, KeyPath
from custody.config.read_table import read_table
from custody.model import setting_values as read
from custody.model.setting import ConfigKey
from custody.vault.settings import ACCOUNT, Auth, HashicorpSettings

T = TypeVar("T", bound=msgspec.Struct)


class VaultConfig(msgspec.Struct, frozen=True, kw_only=True):
    address: Annotated[str, ConfigKey(read.some_text, "URL", "Where it is: https://HOST:PORT.")]
    ca: Annotated[
        Path | None,
        ConfigKey(read.path, "path", "Whom its TLS is trusted by, PEM.", "the system's"),
    ] = None
    namespace: Annotated[str, ConfigKey(read.text, "text", "Its namespace.", "none")] = ""
    auth: Annotated[
        Auth,
        ConfigKey(
            read.choice(Auth),
            '"token", "approle", "kubernetes" or "jwt"',
            "How the gateway logs in.",
        ),
    ] = Auth.TOKEN
    mount: Annotated[
        str, ConfigKey(read.text, "text", "Where that method is mounted.", "its own name")
    ] = ""
    role: Annotated[
        str, ConfigKey(read.text, "text", "The role to log in as (`kubernetes`, `jwt`).", "none")
    ] = ""
    role_id: Annotated[str, ConfigKey(read.text, "text", "The role's id (`approle`).", "none")] = ""
    token: Annotated[
        Path | None, ConfigKey(read.path, "path", "File that holds the token (`token`).", "none")
    ] = None
    secret_id: Annotated[
        Path | None, ConfigKey(read.path, "path", "File of the secret id (`approle`).", "none")
    ] = None
    jwt: Annotated[
        Path | None,
        ConfigKey(read.path, "path", "File of the JWT (`jwt`, `kubernetes`).", "the pod's own"),
    ] = None


class AwsConfig(msgspec.Struct, frozen=True, kw_only=True):
    region: Annotated[str, ConfigKey(read.text, "text", "The region.", "the SDK's own")] = ""
    profile: Annotated[str, ConfigKey(read.text, "text", "A profile of the SDK's.", "none")] = ""
    endpoint: Annotated[
        str, ConfigKey(read.text, "URL", "Another address of the service.", "the region's")
    ] = ""


class KubernetesConfig(msgspec.Struct, frozen=True, kw_only=True):
    address: Annotated[str, ConfigKey(read.some_text, "URL", "The API server.")] = (
        "https://kubernetes.default.svc"
    )
    ca: Annotated[Path, ConfigKey(read.path, "path", "Whom its TLS is trusted by, PEM.")] = (
        ACCOUNT / "ca.crt"
    )
    token: Annotated[Path, ConfigKey(read.path, "path", "The gateway's service account token.")] = (
        ACCOUNT / "token"
    )


class StoresConfig(msgspec.Struct, frozen=True):
    """Stores by the key that references name them with: ``vault``, ``vault+eu``, ``k8s`` …"""

    vault: Mapping[str, HashicorpSettings] = {}
    aws: Mapping[str, AwsConfig] = {}
    kubernetes: Mapping[str, KubernetesConfig] = {}

    @property
    def named(self) -> frozenset[str]:
        return frozenset((*self.vault, *self.aws, *self.kubernetes))


STORES: Final = ("vault", "aws", "kubernetes")
_NEEDED: Final[Mapping[Auth, tuple[str, ...]]] = {
    Auth.TOKEN: ("token",),
    Auth.APPROLE: ("role_id", "secret_id"),
    Auth.KUBERNETES: ("role",),
    Auth.JWT: ("role", "jwt"),
}


def read_stores(document: Mapping[str, object], folder: Path, faults: ConfigFaults) -> StoresConfig:
    vaults = _read(VaultConfig, document, ("vault", "vault"), folder, faults)
    clouds = _read(AwsConfig, document, ("aws", "aws"), folder, faults)
    clusters = _read(KubernetesConfig, document, ("kubernetes", "k8s"), folder, faults)
    return StoresConfig(
        {name: _settings(name, each) for name, at, each in vaults if _complete(each, at, faults)},
        {name: each for name, _, each in clouds},
        {name: each for name, _, each in clusters},
    )


def _read(
    kind: type[T],
    document: Mapping[str, object],
    names: tuple[str, str],
    folder: Path,
    faults: ConfigFaults,
) -> Iterator[tuple[str, KeyPath, T]]:
    """The stores of one kind; ``names`` are the table's and the scheme's."""
    key, scheme = names
    table = document.get(key)
    if table is None:
        return
    if not isinstance(table, dict):
        faults.add("config.type", (key,), "It must be a table.", f"Write [{key}] above its keys.")
        return
    named = {name: inner for name, inner in table.items() if isinstance(inner, dict)}
    own = {name: value for name, value in table.items() if name not in named}
    if own or not named:
        config = read_table(kind, own, (key,), folder, faults)
        if config is not None:
            yield scheme, (key,), config
    for name, inner in named.items():
        config = read_table(kind, inner, (key, name), folder, faults)
        if config is not None:
            yield f"{scheme}+{name}", (key, name), config


def _complete(config: VaultConfig, at: KeyPath, faults: ConfigFaults) -> bool:
    missing = [key for key in _NEEDED[config.auth] if not getattr(config, key)]
    for key in missing:
        faults.add(
            "config.missing-key",
            at,
            f'The key `{key}` is missing, which auth = "{config.auth}" needs.',
            f"Add {key} = ….",
        )
    return not missing


def _settings(name: str, config: VaultConfig) -> HashicorpSettings:
    return HashicorpSettings(
        name=name, **{each: getattr(config, each) for each in config.__struct_fields__}
    )
