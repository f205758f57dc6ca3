"""The gateway's own tables, and the configuration as a whole.

Law: a table of a room is declared in the room. A value that has been read is in its final form:
milliseconds, bytes, absolute paths.
"""

from collections.abc import Iterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import msgspec

from custody import protocols
from custody.config import values as read_own
from custody.config.config_table import ConfigTable
from custody.config.logins import (
    CertificateFile,
    ConsoleConfig,
    KeyFile,
    ListenAddress,
    LoginConfig,
    MetricsConfig,
    MostConnections,
)
from custody.config.read_table import fields_of
from custody.config.values import Address, Cleartext
from custody.evidence import EscrowRecipient
from custody.identity.oidc import OidcSettings, WorkloadSettings
from custody.identity.saml import SamlSettings
from custody.masking import MaskRule
from custody.model.config import value_readers as read
from custody.model.config.config_key import ConfigKey, UnfitValueError, reads
from custody.model.config.protocol_settings import NoSettings
from custody.model.secret import SecretReference
from custody.model.words import TargetName
from custody.policy import Grant, Rule
from custody.vault import StoreSettings


class Durability(StrEnum):
    DISK = "disk"
    HUB = "hub"


@reads('"disk"')
def _durability(value: object) -> Durability:
    """``hub`` is taken here and refused, with a word of its own, where the tables are checked."""
    if (found := read.text(value)) in {each.value for each in Durability}:
        return Durability(found)
    raise UnfitValueError('It must be "disk": on disk before the command moves.', "config.choice")


class Responses(StrEnum):
    ASYNC = "async"
    STRICT = "strict"


class Tls(StrEnum):
    OFF = "off"
    PREFER = "prefer"
    REQUIRE = "require"
    VERIFY_FULL = "verify-full"


class GatewayConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: Annotated[
        str, ConfigKey(read_own.gateway_name, "The gateway's name; its logs are called NAME/YEAR.")
    ]
    data: Annotated[Path, ConfigKey(read.path, "Where evidence, index and state lie.")] = Path(
        "data"
    )
    keys: Annotated[
        Path,
        ConfigKey(
            read.path,
            "Log key, key-encryption key, token key, local CA. "
            "Never inside `data`, never in its backups.",
        ),
    ] = Path("keys")
    anchor: Annotated[
        Path, ConfigKey(read.path, "File of the last signed size and root, outside `data`.")
    ] = Path("anchor")
    contact: Annotated[
        str,
        ConfigKey(
            read.some_text,
            "Whom a client is told to ask where a command is refused: a name, a channel.",
            form="words",
        ),
    ] = "the people who run this gateway"
    durability: Annotated[
        Durability,
        ConfigKey(_durability, "What a record must have reached before its command moves."),
    ] = Durability.DISK
    responses: Annotated[
        Responses,
        ConfigKey(
            read.choice(Responses),
            "Responses are durable with the next sync, which begins within 20 ms, "
            "or before their last byte is released.",
        ),
    ] = Responses.ASYNC
    memory_bytes: Annotated[
        int,
        ConfigKey(
            read.size(0, 1 << 50),
            "Memory that long statements, and what is prepared, may take in all sessions together. "
            "Beyond it they wait, and are refused with 53000 after 30 s.",
            "a quarter of the machine's, at most 1 GiB",
        ),
    ] = 0
    loop_memory_bytes: Annotated[
        int, ConfigKey(read.size(0, 1 << 50), "The same of one loop.", "an eighth of that")
    ] = 0


class ListenerConfig(msgspec.Struct, frozen=True, kw_only=True):
    name: str
    """The table's name, which is the protocol's."""
    address: ListenAddress
    host: Annotated[
        str,
        ConfigKey(
            read.some_text,
            "The name that clients are told to reach it by.",
            "the address; of `0.0.0.0`, the host of the console's `url`",
            form="name",
        ),
    ] = ""
    cert: CertificateFile = None
    key: KeyFile = None
    cleartext: Annotated[
        Cleartext,
        ConfigKey(
            read.choice(Cleartext),
            "Whether tickets are taken without TLS, from loopback addresses.",
            form='"refuse" or "loopback"',
        ),
    ] = Cleartext.REFUSE
    target: Annotated[
        TargetName | None,
        ConfigKey(read.name, "The one target behind this listener.", "the client names it"),
    ] = None
    max_connections: MostConnections = 2000
    idle_timeout_ms: Annotated[
        int, ConfigKey(read.duration, "Ends a session that is silent so long.", "never")
    ] = 0
    notice: Annotated[str, ConfigKey(read.text, "Shown to every client that logs in.", "none")] = ""
    oauth: Annotated[
        str,
        ConfigKey(
            read.name,
            "Tokens of this [[oidc]] or [[workload]] instead of passwords (OAUTHBEARER).",
            "passwords",
        ),
    ] = ""
    own: msgspec.Struct = NoSettings()
    """What stands in the keys that its protocol declares."""


class TargetConfig(msgspec.Struct, frozen=True, kw_only=True):
    number: int
    """Which of the file's targets it is, from 0; for messages."""
    name: Annotated[TargetName, ConfigKey(read.name, "How clients and grants call it.")]
    protocol: Annotated[str, ConfigKey(read_own.protocol(protocols.names), "How it is spoken to.")]
    address: Annotated[Address, ConfigKey(read_own.address(1), "Where it is.")]
    tls: Annotated[
        Tls, ConfigKey(read.choice(Tls), "TLS towards it.", "`verify-full`; on loopback `prefer`")
    ] = Tls.VERIFY_FULL
    ca: Annotated[
        Path | None,
        ConfigKey(
            read.path, "Whom `verify-full` trusts, PEM.", "the system's authorities", file=True
        ),
    ] = None
    database: Annotated[
        str,
        ConfigKey(
            read.some_text, "The database unless a client names one.", "none; `postgres` needs one"
        ),
    ] = ""
    user: Annotated[
        str,
        ConfigKey(read.some_text, "Whom the gateway logs in as.", "none; `postgres` needs one"),
    ] = ""
    password: Annotated[
        SecretReference | None,
        ConfigKey(
            read.secret_reference,
            "Where the password is: `env:NAME`, `file:PATH`; `plain:…` is the password itself.",
            "none",
        ),
    ] = None
    listen: Annotated[
        Address | None,
        ConfigKey(
            read_own.address(0),
            "A listener of its own, with the other settings of its protocol's listener.",
            "none",
        ),
    ] = None
    sandbox: Annotated[bool, ConfigKey(read.flag, "Sessions may be run again here.")] = False
    own: msgspec.Struct = NoSettings()
    """What stands in the keys that its protocol declares."""

    @property
    def credential(self) -> tuple[str, SecretReference] | None:
        """Where what opens it is, and in which key that stands. Checked: there is one at most."""
        return next(self.credentials(), None)

    def credentials(self) -> Iterator[tuple[str, SecretReference]]:
        """Every key that says where a secret is."""
        for table in (self, self.own):
            for field in fields_of(type(table)):
                value = getattr(table, field.name)
                if isinstance(value, SecretReference):
                    yield field.key, value


class CaptureConfig(msgspec.Struct, frozen=True, kw_only=True):
    response_bytes: Annotated[
        int, ConfigKey(read.size(0, 64 << 20), "Kept of each response, after masking.")
    ] = 65_536
    text_bytes: Annotated[
        int,
        ConfigKey(
            read.size(1024, 4 << 20),
            "Kept of each command's text, and of its bind values together, after masking; of a "
            "longer text length and digest are kept too.",
        ),
    ] = 1_048_576
    command_bytes: Annotated[
        int, ConfigKey(read.size(1024, 64 << 20), "A longer SQL text is refused.")
    ] = 16_777_216


class LogFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


class LogLevel(StrEnum):
    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


class LogConfig(msgspec.Struct, frozen=True, kw_only=True):
    format: Annotated[
        LogFormat,
        ConfigKey(read.choice(LogFormat), "How lines of the gateway's own log are written."),
    ] = LogFormat.TEXT
    level: Annotated[
        LogLevel,
        ConfigKey(
            read.choice(LogLevel),
            "From which level on; `info` has a line for each session and refusal.",
        ),
    ] = LogLevel.INFO


class RetentionConfig(msgspec.Struct, frozen=True, kw_only=True):
    days: Annotated[int, ConfigKey(read.integer(1, 36_525), "How long payloads are kept.")] = 365


class Config(msgspec.Struct, frozen=True, kw_only=True):
    """A whole configuration that has passed every check."""

    path: Path
    gateway: Annotated[GatewayConfig, ConfigTable("gateway")]
    listeners: Annotated[tuple[ListenerConfig, ...], ConfigTable("listen", apart=True)]
    console: Annotated[ConsoleConfig | None, ConfigTable("listen.console", apart=True)]
    """``None`` where there is no ``[listen.console]``."""
    metrics: Annotated[MetricsConfig | None, ConfigTable("listen.metrics", apart=True)]
    """``None`` where there is no ``[listen.metrics]``."""
    login: Annotated[LoginConfig, ConfigTable("login")]
    oidc: Annotated[tuple[OidcSettings, ...], ConfigTable("oidc")]
    workload: Annotated[tuple[WorkloadSettings, ...], ConfigTable("workload")]
    saml: Annotated[tuple[SamlSettings, ...], ConfigTable("saml")]
    targets: Annotated[tuple[TargetConfig, ...], ConfigTable("target", apart=True)]
    later_targets: tuple[str, ...]
    """Names of targets whose protocols are not built yet; grants may speak of them."""
    stores: Mapping[str, StoreSettings]
    """By the key that references name them with; their tables are ``vault``'s."""
    grants: Annotated[tuple[Grant, ...], ConfigTable("grant", numbered=True)]
    rules: Annotated[tuple[Rule, ...], ConfigTable("rule")]
    masks: Annotated[tuple[MaskRule, ...], ConfigTable("mask")]
    capture: Annotated[CaptureConfig, ConfigTable("capture")]
    log: Annotated[LogConfig, ConfigTable("log")]
    retention: Annotated[RetentionConfig, ConfigTable("retention")]
    escrow: Annotated[tuple[EscrowRecipient, ...], ConfigTable("escrow")]
    warnings: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """What every relative path is relative to."""
        return self.path.parent
