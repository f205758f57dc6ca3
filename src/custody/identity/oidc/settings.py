"""What the operator trusts a provider of people's logins for: ``[[oidc]]``.

Law: a setting that would weaken a check is refused when it is read, not when it is used.
"""

from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from custody.identity.oidc.issuer_trust import (
    CONFIGURABLE,
    Algorithms,
    AsPassword,
    Issuer,
    ProviderName,
    TrustedBy,
    check_algorithms,
    check_issuer,
    read_parameters,
)
from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey
from custody.model.errors import CustodyError
from custody.model.secret import SecretReference
from custody.model.words import IdentityKind

_OWN_PARAMETERS: Final = (
    "response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce",
    "code_challenge", "code_challenge_method", "request", "request_uri", "max_age",
)  # fmt: skip


class Flow(StrEnum):
    """How a login comes about at an OpenID provider."""

    CODE = "code"
    DEVICE = "device"
    CLIENT_CREDENTIALS = "client_credentials"


class ClientAuth(StrEnum):
    """How the gateway shows a provider's token endpoint who it is."""

    AUTO = "auto"
    """As the provider's document offers it; without a secret: ``none``."""
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY = "private_key_jwt"
    """The client secret is then a PEM private key (OpenID Connect Core §9)."""


class OidcSettings(msgspec.Struct, frozen=True, kw_only=True):
    """One ``[[oidc]]``. The client secret itself is handed over when it is needed."""

    name: ProviderName
    issuer: Issuer
    client_id: Annotated[str, ConfigKey(read.some_text, "What the provider calls this gateway.")]
    client_secret: Annotated[
        SecretReference | None,
        ConfigKey(read.secret_reference, "Where its secret is.", "none: a public client"),
    ] = None
    audience: Annotated[
        tuple[str, ...],
        ConfigKey(read.some_texts, "What a token's `aud` must hold one of.", "`client_id`"),
    ] = ()
    groups: Annotated[
        str,
        ConfigKey(
            read.some_text,
            "Where a token names groups; dots go into objects: `realm_access.roles`.",
            form="claim",
        ),
    ] = "groups"
    subject: Annotated[
        str, ConfigKey(read.some_text, "Where it names who it is about.", form="claim")
    ] = "sub"
    kind: Annotated[
        IdentityKind,
        ConfigKey(
            read.choice(IdentityKind),
            "Who logs in by code or device; client credentials are a service's.",
        ),
    ] = IdentityKind.HUMAN
    scopes: Annotated[
        tuple[str, ...], ConfigKey(read.some_texts, "What is asked for at a login.")
    ] = ("openid", "profile", "offline_access")
    algorithms: Algorithms = CONFIGURABLE
    ca: TrustedBy = None
    flows: Annotated[
        tuple[Flow, ...],
        ConfigKey(read.choices(Flow), "`code`, `device`, `client_credentials`.", "all three"),
    ] = tuple(Flow)
    parameters: Annotated[
        Mapping[str, str],
        ConfigKey(
            read_parameters,
            'Added to a login\'s request: `{ prompt = "consent" }`. Some providers give a refresh '
            "token, which rechecks need, only where it is asked for so.",
            "none",
        ),
    ] = {}
    clients: Annotated[
        tuple[str, ...],
        ConfigKey(read.some_texts, "Other clients whose id tokens are taken (`azp`).", "none"),
    ] = ()
    client_auth: Annotated[
        ClientAuth,
        ConfigKey(
            read.choice(ClientAuth),
            "How the gateway shows its secret; with the last it is a private key, PEM.",
        ),
    ] = ClientAuth.AUTO
    single_use: Annotated[
        bool,
        ConfigKey(
            read.flag,
            "Whether a token that its holder brings starts one thing only; it needs a `jti`.",
        ),
    ] = False
    password: AsPassword = False

    def __post_init__(self) -> None:
        check_issuer(self.issuer)
        check_algorithms(self.algorithms)
        if not self.client_id:
            raise CustodyError("identity.settings", "client_id is empty.")
        if "openid" not in self.scopes:
            raise CustodyError(
                "identity.settings",
                "scopes lacks openid: the provider would give no id token.",
                'Add "openid" to scopes.',
            )
        if not self.flows:
            raise CustodyError("identity.settings", "flows is empty: nobody could log in.")
        for name in self.parameters:
            if name in _OWN_PARAMETERS:
                raise CustodyError(
                    "identity.settings", f"parameters: {name} is the gateway's own to set."
                )
