"""The tables of who may come in: logins, providers, workloads, and the console's listener.

Law: as in ``config_model``: what stands here is complete, and a value is in its final form.
"""

from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from custody.config import login_values as read_login
from custody.config import values as read_own
from custody.config.login_values import ASYMMETRIC
from custody.config.values import Address
from custody.model import setting_values as read
from custody.model.secret import SecretReference
from custody.model.setting import ConfigKey
from custody.model.words import IdentityKind


class ConsoleCleartext(StrEnum):
    REFUSE = "refuse"
    LOOPBACK = "loopback"


class Flow(StrEnum):
    """How a login comes about at an OpenID provider."""

    CODE = "code"
    DEVICE = "device"
    CLIENT_CREDENTIALS = "client_credentials"


class ClientAuth(StrEnum):
    """How the gateway shows a provider its client secret."""

    AUTO = "auto"
    BASIC = "client_secret_basic"
    POST = "client_secret_post"
    PRIVATE_KEY = "private_key_jwt"


class Preset(StrEnum):
    """Whose tokens they are, so which of their claims become facts of a loop."""

    GITHUB = "github"
    GITLAB = "gitlab"
    KUBERNETES = "kubernetes"
    NONE = "none"


class ConsoleConfig(msgspec.Struct, frozen=True, kw_only=True):
    address: Annotated[
        Address, ConfigKey(read_own.address(0), "HOST:PORT", "Where to listen; port 0 picks one.")
    ]
    url: Annotated[
        str,
        ConfigKey(
            read_own.root_url,
            "URL",
            "How browsers and clients reach it; providers send browsers back there.",
            "`https://` and the address",
        ),
    ] = ""
    cert: Annotated[
        Path | None,
        ConfigKey(read.path, "path", "Certificate chain, PEM.", "one of the local CA's"),
    ] = None
    key: Annotated[
        Path | None, ConfigKey(read.path, "path", "Its private key, PEM.", "the local CA's")
    ] = None
    cleartext: Annotated[
        ConsoleCleartext,
        ConfigKey(
            read.choice(ConsoleCleartext),
            '"refuse" or "loopback"',
            "Whether it speaks without TLS, on a loopback address, for tests.",
        ),
    ] = ConsoleCleartext.REFUSE
    max_connections: Annotated[
        int, ConfigKey(read.integer(1, 100_000), "number", "Connections open at once.")
    ] = 1000

    def public_url(self, port: int = 0) -> str:
        """As others reach it; ``port`` is the one that was bound, where the address has 0."""
        if self.url:
            return self.url
        scheme = "http" if self.cleartext is ConsoleCleartext.LOOPBACK else "https"
        return f"{scheme}://{Address(self.address.host, self.address.port or port)}"


class LoginConfig(msgspec.Struct, frozen=True, kw_only=True):
    local: Annotated[
        bool,
        ConfigKey(
            read.flag,
            "true or false",
            "Operator's tickets, and loops of accounts of the gateway's own host. "
            "`false`: only proved identities, and local loops that still run end.",
        ),
    ] = True
    lifetime_ms: Annotated[
        int, ConfigKey(read.duration, "duration", "How long a login holds at most.", "`8h`")
    ] = 8 * 3_600_000
    recheck_ms: Annotated[
        int,
        ConfigKey(
            read.duration,
            "duration",
            "How often a login with a refresh token is asked for again at its provider; "
            "30 s at least.",
            "`60s`",
        ),
    ] = 60_000


class OidcConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, ConfigKey(read.name, "text", "How people and clients call it.")]
    issuer: Annotated[
        str, ConfigKey(read.url, "URL", "The issuer, exactly as its tokens spell it.")
    ]
    client_id: Annotated[
        str, ConfigKey(read.some_text, "text", "What the provider calls this gateway.")
    ]
    client_secret: Annotated[
        SecretReference | None,
        ConfigKey(
            read.secret_reference, "reference", "Where its secret is.", "none: a public client"
        ),
    ] = None
    audience: Annotated[
        tuple[str, ...],
        ConfigKey(read.some_texts, "list", "What a token's `aud` must hold one of.", "`client_id`"),
    ] = ()
    groups: Annotated[
        str,
        ConfigKey(
            read.some_text,
            "claim",
            "Where a token names groups; dots go into objects: `realm_access.roles`.",
        ),
    ] = "groups"
    subject: Annotated[
        str, ConfigKey(read.some_text, "claim", "Where it names who it is about.")
    ] = "sub"
    kind: Annotated[
        IdentityKind,
        ConfigKey(
            read.choice(IdentityKind),
            '"human", "service" or "agent"',
            "Who logs in by code or device; client credentials are a service's.",
        ),
    ] = IdentityKind.HUMAN
    scopes: Annotated[
        tuple[str, ...], ConfigKey(read.some_texts, "list", "What is asked for at a login.")
    ] = ("openid", "profile", "offline_access")
    algorithms: Annotated[
        tuple[str, ...],
        ConfigKey(
            read_login.algorithms, "list", "Signatures that are taken.", "the asymmetric ones"
        ),
    ] = ASYMMETRIC
    ca: Annotated[
        Path | None,
        ConfigKey(
            read.path, "path", "Whom its TLS is trusted by, PEM.", "the system's authorities"
        ),
    ] = None
    flows: Annotated[
        tuple[Flow, ...],
        ConfigKey(
            lambda value: tuple(read.choice(Flow)(item) for item in read.some_texts(value)),
            "list",
            "`code`, `device`, `client_credentials`.",
            "all three",
        ),
    ] = tuple(Flow)
    parameters: Annotated[
        Mapping[str, str],
        ConfigKey(
            read_login.parameters,
            "table",
            'Added to a login\'s request: `{ prompt = "consent" }`. Some providers give a refresh '
            "token, which rechecks need, only where it is asked for so.",
            "none",
        ),
    ] = {}
    clients: Annotated[
        tuple[str, ...],
        ConfigKey(
            read.some_texts, "list", "Other clients whose id tokens are taken (`azp`).", "none"
        ),
    ] = ()
    client_auth: Annotated[
        ClientAuth,
        ConfigKey(
            read.choice(ClientAuth),
            '"auto", "client_secret_basic", "client_secret_post" or "private_key_jwt"',
            "How the gateway shows its secret; with the last it is a private key, PEM.",
        ),
    ] = ClientAuth.AUTO
    single_use: Annotated[
        bool,
        ConfigKey(
            read.flag,
            "true or false",
            "Whether a token that its holder brings starts one thing only; it needs a `jti`.",
        ),
    ] = False
    password: Annotated[
        bool,
        ConfigKey(
            read.flag, "true or false", "Whether its tokens are taken as PostgreSQL passwords."
        ),
    ] = False


class WorkloadConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, ConfigKey(read.name, "text", "How people and clients call it.")]
    issuer: Annotated[
        str, ConfigKey(read.url, "URL", "The issuer, exactly as its tokens spell it.")
    ]
    audience: Annotated[
        tuple[str, ...],
        ConfigKey(read.some_texts, "list", "What a token's `aud` must hold one of."),
    ]
    preset: Annotated[
        Preset,
        ConfigKey(
            read.choice(Preset),
            '"github", "gitlab", "kubernetes" or "none"',
            "Which claims become facts of the loop: repository, commit, job …",
        ),
    ] = Preset.NONE
    jwks: Annotated[
        str | Path | None,
        ConfigKey(
            read.url_or_path,
            "URL or path",
            "Its public keys.",
            "found by the issuer's discovery document",
        ),
    ] = None
    subject: Annotated[
        str, ConfigKey(read.some_text, "claim", "Where a token names who it is about.")
    ] = "sub"
    kind: Annotated[
        IdentityKind,
        ConfigKey(read.choice(IdentityKind), '"human", "service" or "agent"', "What acts."),
    ] = IdentityKind.SERVICE
    groups: Annotated[
        tuple[str, ...],
        ConfigKey(read.some_texts, "list", "What every token that passes is in.", "none"),
    ] = ()
    groups_claim: Annotated[
        str, ConfigKey(read.some_text, "claim", "Where a token names more groups.", "none")
    ] = ""
    require: Annotated[
        Mapping[str, tuple[str, ...]],
        ConfigKey(
            read_login.requirements,
            "table",
            "Claims that a token must have, each with one of its values; `*` is any characters but "
            "`/` and `:`, `**` any. "
            "An issuer serves strangers too, so at least one is needed.",
        ),
    ]
    algorithms: Annotated[
        tuple[str, ...],
        ConfigKey(
            read_login.algorithms, "list", "Signatures that are taken.", "the asymmetric ones"
        ),
    ] = ASYMMETRIC
    ca: Annotated[
        Path | None,
        ConfigKey(
            read.path, "path", "Whom its TLS is trusted by, PEM.", "the system's authorities"
        ),
    ] = None
    single_use: Annotated[
        bool, ConfigKey(read.flag, "true or false", "Whether a token starts one loop only.")
    ] = False
    lifetime_ms: Annotated[
        int, ConfigKey(read.duration, "duration", "How long its loops live at most.", "`1h`")
    ] = 3_600_000
    password: Annotated[
        bool,
        ConfigKey(
            read.flag, "true or false", "Whether its tokens are taken as PostgreSQL passwords."
        ),
    ] = False


class SamlConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[str, ConfigKey(read.name, "text", "How people and clients call it.")]
    metadata: Annotated[
        str | Path,
        ConfigKey(
            read.url_or_path,
            "path or URL",
            "The provider's metadata; a URL is read at start.",
        ),
    ]
    entity_id: Annotated[
        str,
        ConfigKey(
            read.some_text,
            "text",
            "What the provider calls this gateway.",
            "the console's `url` and `/saml/NAME/metadata`",
        ),
    ] = ""
    subject: Annotated[
        str, ConfigKey(read.some_text, "attribute", "Who it is: `NameID`, or an attribute's name.")
    ] = "NameID"
    groups: Annotated[
        str, ConfigKey(read.some_text, "attribute", "The attribute that names groups.")
    ] = "groups"
    kind: Annotated[
        IdentityKind,
        ConfigKey(read.choice(IdentityKind), '"human", "service" or "agent"', "Who logs in."),
    ] = IdentityKind.HUMAN
    ca: Annotated[
        Path | None,
        ConfigKey(
            read.path,
            "path",
            "Whom the TLS of a metadata URL is trusted by, PEM.",
            "the system's authorities",
        ),
    ] = None
