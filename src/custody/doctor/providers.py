"""`custody doctor`'s findings about identity providers.

Law: each is asked for its published documents and nothing else; nobody is logged in.
"""

import asyncio
import datetime as dt
import os
from collections.abc import Awaitable, Callable, Sequence
from typing import Final

from custody.app.providers import read_metadata
from custody.config.tables import Config
from custody.doctor.findings import Finding, Level
from custody.identity.oidc import HttpFetch, OidcProvider, WorkloadIssuer
from custody.identity.saml import SamlProvider, SamlSettings, service_provider
from custody.model.errors import CustodyError

ASK_S: Final = 15.0
_ELSEWHERE: Final = "Compare its table in the configuration with what the provider publishes."


async def examine_providers(config: Config, now: dt.datetime) -> Sequence[Finding]:
    def clock() -> int:
        return int(now.timestamp() * 1000)

    url = config.console.public_url() if config.console is not None else ""
    asked: list[tuple[str, Awaitable[str]]] = []
    for oidc in config.oidc:
        provider = OidcProvider(oidc, HttpFetch(oidc.ca), clock)
        asked.append((f"[[oidc]] {oidc.name}", _keys(provider)))
    for workload in config.workload:
        issuer = WorkloadIssuer(workload, HttpFetch(workload.ca), clock)
        asked.append((f"[[workload]] {workload.name}", _keys(issuer)))
    asked += [(f"[[saml]] {saml.name}", _certificates(saml, url, clock)) for saml in config.saml]
    return [await _finding(name, answer) for name, answer in asked]


async def _keys(provider: OidcProvider | WorkloadIssuer) -> str:
    count = await provider.reach()
    return f"there, {count} {'key' if count == 1 else 'keys'} that can check a token"


async def _certificates(saml: SamlSettings, url: str, clock: Callable[[], int]) -> str:
    provider = await SamlProvider.open(
        service_provider(saml, url), await read_metadata(saml), clock=clock, random=os.urandom
    )
    return f"{provider.issuer}, {len(provider.certificates)} certificates"


async def _finding(name: str, answer: Awaitable[str]) -> Finding:
    try:
        async with asyncio.timeout(ASK_S):
            return Finding(Level.OK, f"{name}: {await answer}")
    except TimeoutError:
        return Finding(
            Level.FAULT, f"{name}: no answer within {ASK_S:.0f} s", "Check the way there."
        )
    except CustodyError as error:
        return Finding(Level.FAULT, f"{name}: {error.fault}", error.cure or _ELSEWHERE)
