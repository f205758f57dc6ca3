"""What must be known of a store to reach it.

Law: nothing here reaches anything, so that a configuration can be read without what does.
"""

from enum import StrEnum
from pathlib import Path
from typing import Final

import msgspec

ACCOUNT: Final = Path("/var/run/secrets/kubernetes.io/serviceaccount")
"""Where a pod finds its service account's token, and whom to trust."""


class Auth(StrEnum):
    TOKEN = "token"  # noqa: S105 - a method's name
    APPROLE = "approle"
    KUBERNETES = "kubernetes"
    JWT = "jwt"


class HashicorpSettings(msgspec.Struct, frozen=True, kw_only=True):
    """``token``, ``secret_id`` and ``jwt`` are files, read at each use so that they may rotate."""

    name: str
    """As references call it: ``vault``, or ``vault+NAME``."""
    address: str
    ca: Path | None = None
    namespace: str = ""
    auth: Auth = Auth.TOKEN
    mount: str = ""
    """Where the method of ``auth`` is mounted; its own name unless said."""
    role: str = ""
    role_id: str = ""
    token: Path | None = None
    secret_id: Path | None = None
    jwt: Path | None = None


class KubernetesSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Defaults are those of a pod."""

    name: str = "k8s"
    address: str = "https://kubernetes.default.svc"
    ca: Path | None = ACCOUNT / "ca.crt"
    token: Path = ACCOUNT / "token"


class AwsSettings(msgspec.Struct, frozen=True, kw_only=True):
    name: str = "aws"
    region: str = ""
    profile: str = ""
    endpoint: str = ""
    """Another address of the service: a VPC endpoint."""
