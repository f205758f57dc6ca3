"""Making the providers that the configuration trusts.

Law: a provider is made from its own table and from nothing else; a provider that cannot be made
stops the start, for what it would let in nobody else may.
"""

import asyncio
import logging
import os
from pathlib import Path
from typing import Final

from custody.access import TokenIssuer
from custody.app.provider_set import Providers
from custody.app.stores import make_reader
from custody.config.tables import Config
from custody.identity.oidc import (
    ClientSecret,
    FetchRequest,
    HttpFetch,
    OidcProvider,
    OidcSettings,
    WorkloadIssuer,
)
from custody.identity.saml import SamlProvider, SamlSettings, service_provider
from custody.model.errors import CustodyError
from custody.model.sources import Clock

METADATA_AT_MOST: Final = 4 << 20
LEARN_S: Final = 30.0

_log: Final = logging.getLogger("custody.providers")


async def make_providers(config: Config, url: str, clock: Clock) -> Providers:
    """``url`` is the console's own, as browsers reach it; empty where there is none. Raises
    ``CustodyError`` ``identity.*``.
    """
    references = [
        each.client_secret.reveal() for each in config.oidc if each.client_secret is not None
    ]
    read = make_reader(config, references, clock, environment=os.environ)

    def secret_of(one: OidcSettings) -> ClientSecret | None:
        reference = one.client_secret
        return None if reference is None else lambda: read(reference.reveal())

    oidc = {
        one.name: OidcProvider(one, HttpFetch(one.ca), clock, secret=secret_of(one))
        for one in config.oidc
    }
    workload = {one.name: WorkloadIssuer(one, HttpFetch(one.ca), clock) for one in config.workload}
    saml = {one.name: await _saml(one, url, clock) for one in config.saml}
    issuers = [
        *(
            TokenIssuer(
                one.name,
                one.issuer,
                frozenset(one.audience),
                workload=workload[one.name],
                password=one.password,
            )
            for one in config.workload
        ),
        *(
            TokenIssuer(
                one.name,
                one.issuer,
                frozenset(one.audience or (one.client_id,)),
                oidc=oidc[one.name],
                password=one.password,
            )
            for one in config.oidc
        ),
    ]
    return Providers(oidc, workload, saml, tuple(issuers))


async def _saml(one: SamlSettings, url: str, clock: Clock) -> SamlProvider:
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
        service_provider(one, url), metadata, clock=clock, random=os.urandom
    )


async def learn(config: Config, providers: Providers) -> None:
    """Take in what SAML providers say of themselves by now: their certificates roll over. What
    cannot be read, or is not theirs, changes nothing.
    """
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


async def read_metadata(one: SamlSettings) -> bytes:
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
