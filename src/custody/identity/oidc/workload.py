"""One issuer of workload tokens: a CI system, a Kubernetes cluster.

Law: a good signature is not enough: the token must be meant for this gateway and meet every
requirement of the operator, for such an issuer signs for everybody.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Final

from custody.identity.oidc.discovery import ProviderMetadata, discover
from custody.identity.oidc.fetch import Fetcher
from custody.identity.oidc.issuer_cache import IssuerCache
from custody.identity.oidc.issuer_keys import IssuerKeys, fetch_keys, read_key_file
from custody.identity.oidc.presets import claim_of, facts
from custody.identity.oidc.requirements import Requirements
from custody.identity.oidc.token_kinds import check_kind
from custody.identity.oidc.tokens.claims import check_audience, check_times, groups, once, subject
from custody.identity.oidc.tokens.keys import read_keys
from custody.identity.oidc.workload_settings import WorkloadSettings
from custody.model.identity import Identity, Proof
from custody.model.secret import Secret
from custody.model.words import Method


class WorkloadIssuer:
    """One per ``[[workload]]``, for one event loop. Every fault is a ``CustodyError``
    ``identity.*``. The loader of the key file, where there is one, blocks no event loop.
    """

    def __init__(
        self, settings: WorkloadSettings, fetch: Fetcher, clock: Callable[[], int]
    ) -> None:
        self.name: Final = settings.name
        self.settings: Final = settings
        self._fetch: Final = fetch
        self._clock: Final = clock
        self._requirements: Final = Requirements(settings.preset, settings.require)
        self._description: Final[IssuerCache[ProviderMetadata]] = IssuerCache(
            lambda: discover(settings.issuer, fetch), clock
        )
        self._keys: Final = IssuerKeys(
            settings.issuer, settings.algorithms, self._published_keys, clock
        )

    async def check(self, token: Secret) -> Proof:
        settings = self.settings
        signed = await self._keys.prove(token)
        claims = signed.claims
        check_kind(signed, None)
        check_audience(claims, settings.audience)
        issued, expires = check_times(claims, self._clock())
        self._requirements.check(claims)
        found = groups(claims, settings.groups_claim)
        return Proof(
            identity=Identity(
                subject=subject(claims, claim_of(settings.preset, settings.subject)),
                issuer=settings.issuer,
                groups=tuple(dict.fromkeys((*settings.groups, *found))),
                kind=settings.kind,
            ),
            method=Method.WORKLOAD,
            provider=settings.name,
            issued=issued,
            expires=expires,
            facts=facts(settings.preset, claims),
            use=once(claims, needed=settings.single_use),
        )

    async def reach(self) -> int:
        """How many keys it publishes now that can check a token. Raises as a check does."""
        return len(read_keys(await self._published_keys()).keys)

    async def _published_keys(self) -> bytes:
        place = self.settings.jwks
        if isinstance(place, Path):
            return await read_key_file(place)
        return await fetch_keys(place or (await self._description.get()).jwks_uri, self._fetch)
