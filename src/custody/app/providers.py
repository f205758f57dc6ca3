"""Making the providers that the configuration trusts.

Law: one table makes one provider's settings, and nothing else does; a provider that cannot be made
stops the start, since no other may admit its people.
"""

import asyncio
import logging
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

import msgspec

from custody.access import TokenIssuer
from custody.app.stores import make_reader
from custody.config.logins import OidcConfig, SamlConfig, WorkloadConfig
from custody.config.tables import Config
from custody.identity.oidc import (
    ClientAuth,
    ClientSecret,
    FetchRequest,
    Flow,
    HttpFetch,
    OidcProvider,
    OidcSettings,
    Preset,
    WorkloadIssuer,
    WorkloadSettings,
)
from custody.identity.saml import SamlProvider, SamlSettings
from custody.model.errors import CustodyError

METADATA_AT_MOST: Final = 4 << 20
LEARN_EVERY_S: Final = 600.0
LEARN_S: Final = 30.0

_log: Final = logging.getLogger("custody.providers")

Clock = Callable[[], int]


class Providers(msgspec.Struct, frozen=True):
    """By their names in the configuration."""

    oidc: Mapping[str, OidcProvider]
    workload: Mapping[str, WorkloadIssuer]
    saml: Mapping[str, SamlProvider]
    issuers: tuple[TokenIssuer, ...]
    """Who checks tokens, in the order of the configuration: workloads first."""

    @property
    def names(self) -> tuple[str, ...]:
        return (*self.oidc, *self.workload, *self.saml)


async def make_providers(config: Config, url: str, clock: Clock) -> Providers:
    """``url`` is the console's own, as browsers reach it; empty where there is none. Raises
    ``CustodyError`` ``identity.*``.
    """
    references = [
        each.client_secret.reveal() for each in config.oidc if each.client_secret is not None
    ]
    read = make_reader(config, references, clock, environment=os.environ)

    def secret_of(one: OidcConfig) -> ClientSecret | None:
        reference = one.client_secret
        return None if reference is None else lambda: read(reference.reveal())

    oidc = {
        one.name: OidcProvider(oidc_settings(one), HttpFetch(one.ca), clock, secret=secret_of(one))
        for one in config.oidc
    }
    workload = {
        one.name: WorkloadIssuer(workload_settings(one), HttpFetch(one.ca), clock)
        for one in config.workload
    }
    saml = {one.name: await _saml(one, url, clock) for one in config.saml}
    issuers = [
        *(
            TokenIssuer(one.name, one.issuer, workload=workload[one.name], password=one.password)
            for one in config.workload
        ),
        *(
            TokenIssuer(one.name, one.issuer, oidc=oidc[one.name], password=one.password)
            for one in config.oidc
        ),
    ]
    return Providers(oidc, workload, saml, tuple(issuers))


def oidc_settings(one: OidcConfig) -> OidcSettings:
    return OidcSettings(
        name=one.name,
        issuer=one.issuer,
        client_id=one.client_id,
        audience=one.audience,
        groups=one.groups,
        subject=one.subject,
        kind=one.kind,
        scopes=one.scopes,
        algorithms=one.algorithms,
        flows=tuple(Flow(flow.value) for flow in one.flows),
        clients=one.clients,
        client_auth=ClientAuth(one.client_auth.value),
        parameters=tuple(one.parameters.items()),
        single_use=one.single_use,
    )


def workload_settings(one: WorkloadConfig) -> WorkloadSettings:
    return WorkloadSettings(
        name=one.name,
        issuer=one.issuer,
        audience=one.audience,
        preset=Preset(one.preset.value),
        jwks="" if one.jwks is None else str(one.jwks),
        subject=one.subject,
        groups=one.groups,
        groups_claim=one.groups_claim,
        require=tuple(one.require.items()),
        single_use=one.single_use,
        kind=one.kind,
        algorithms=one.algorithms,
    )


def saml_settings(one: SamlConfig, url: str) -> SamlSettings:
    return SamlSettings(
        name=one.name,
        entity_id=one.entity_id or f"{url}/saml/{one.name}/metadata",
        acs_url=f"{url}/saml/{one.name}/acs",
        subject=one.subject,
        groups=one.groups,
        kind=one.kind,
    )


async def _saml(one: SamlConfig, url: str, clock: Clock) -> SamlProvider:
    try:
        metadata = await read_metadata(one)
    except CustodyError as error:
        if isinstance(one.metadata, Path):
            raise
        raise CustodyError(
            error.code,
            f"The gateway does not start without the metadata of {one.name}: {error.fault}",
            f"Start it again once {one.metadata} answers; or keep the document as a file and name "
            "that in [[saml]]: then a start needs no provider.",
        ) from None
    return await SamlProvider.open(
        saml_settings(one, url), metadata, clock=clock, random=os.urandom
    )


async def keep_learning(config: Config, providers: Providers) -> None:
    """Take in what SAML providers say of themselves by now: their certificates roll over. What
    cannot be read, or is not theirs, changes nothing. Runs until it is cancelled.
    """
    while True:
        await asyncio.sleep(LEARN_EVERY_S)
        for one in config.saml:
            try:
                async with asyncio.timeout(LEARN_S):
                    await providers.saml[one.name].learn(await read_metadata(one))
            except (CustodyError, TimeoutError) as error:
                code = error.code if isinstance(error, CustodyError) else "it took too long"
                _log.error("the SAML metadata of %s was not read anew: %s", one.name, code)
            except Exception as error:  # noqa: BLE001 - a provider's odd answer must not end the gateway
                kind = type(error).__name__
                _log.error("the SAML metadata of %s was not read anew: %s", one.name, kind)


async def read_metadata(one: SamlConfig) -> bytes:
    """The provider's metadata as it is now.

    Raises ``identity.metadata``, ``identity.unreachable``.
    """
    if isinstance(one.metadata, Path):
        try:
            return await asyncio.to_thread(_read, one.metadata)
        except OSError as error:
            raise CustodyError(
                "identity.metadata",
                f"The SAML metadata of {one.name} cannot be read: {error.strerror or error}.",
                "Check the path in [[saml]], the owner and the mode.",
            ) from None
    answered = await HttpFetch(one.ca)(FetchRequest(one.metadata))
    if answered.status != 200:
        raise CustodyError(
            "identity.metadata",
            f"The SAML metadata of {one.name} was answered with status {answered.status}.",
            "Check the URL in [[saml]].",
        )
    return answered.body


def _read(path: Path) -> bytes:
    with path.open("rb") as file:
        return file.read(METADATA_AT_MOST)
