"""What a gateway does once, before it takes anything from anybody.

Law: the configuration is on the record first; what an operator can mend now is said now.
"""

import hashlib
import logging
from pathlib import Path
from typing import Final

import msgspec

from custody.app.gateway import Gateway, clock
from custody.config.tables import Config
from custody.gateway import SessionServices
from custody.identity.oidc import OidcSettings, WorkloadSettings
from custody.identity.saml import SamlSettings
from custody.model.errors import CustodyError
from custody.model.gateway_records import ConfigLoaded
from custody.model.identity import GATEWAY
from custody.model.interfaces import Masker
from custody.model.record import Record

_log: Final = logging.getLogger("custody.serve")


async def record_config(
    config: Config, gateway: Gateway, sessions: SessionServices, masker: Masker
) -> None:
    loaded = loaded_config(config, sessions.policy.digest.hex(), masker.digest.hex())
    await gateway.recorder.write(Record(clock(), loaded))


def loaded_config(config: Config, rules: str, mask: str, said: str = "") -> ConfigLoaded:
    """What the record says of a configuration. ``rules``, ``mask``: digests; ``said``: why it was
    loaded, where that is no start.
    """
    summary = (
        f"targets: {', '.join(target.name for target in config.targets)}; "
        f"grants: {', '.join(grant.name for grant in config.grants)}; "
        f"rules: {', '.join(rule.name for rule in config.rules)}; masks: {len(config.masks)}; "
        f"providers: {', '.join(each.name for each in _vouching(config)) or 'none'}; "
        f"local: {'yes' if config.login.local else 'no'}"
        f"{_escrow(config)}"
    )
    summary = f"{said}; {summary}" if said else summary
    return ConfigLoaded(access_digest(config, rules), mask, summary, rules)


def access_digest(config: Config, rules: str) -> str:
    """SHA-256 over all that decides who may come in and what is allowed. ``rules``: of grants and
    rules. Secrets are left out, not hashed.
    """
    providers = [msgspec.structs.replace(each, client_secret=None) for each in config.oidc]
    parts = ("custody-access/1", rules, config.login, providers, config.workload, config.saml)
    form = msgspec.json.encode(parts, order="deterministic", enc_hook=_plain)
    return hashlib.sha256(form).hexdigest()


def _plain(value: object) -> str:
    """A path, or a value of a room's own, as it was written."""
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no canonical form")


def _escrow(config: Config) -> str:
    names = ", ".join(recipient.name for recipient in config.escrow)
    return f"; escrow: {names}" if names else ""


def _vouching(config: Config) -> tuple[OidcSettings | WorkloadSettings | SamlSettings, ...]:
    return (*config.oidc, *config.workload, *config.saml)


async def try_credentials(config: Config, sessions: SessionServices) -> None:
    """Tell the operator now what the first client would otherwise find out."""
    for target in config.targets:
        try:
            await sessions.vault.lease(GATEWAY, target.name)
        except CustodyError as error:
            _log.warning("%s: %s %s", error.code, error.fault, error.cure)
