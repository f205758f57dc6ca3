"""Asking a provider over HTTP, with httpx.

Law: the only file that knows httpx. TLS is always verified; no redirect is followed, no cookie
kept, no proxy and no credential taken from the environment; size and time are bounded.
"""

import asyncio
import ssl
from pathlib import Path
from typing import Final

import httpx

from custody.identity.oidc.fetch import MAX_ANSWER, MAX_SECONDS, FetchRequest, FetchResponse
from custody.model.errors import CustodyError

_FAILURES: Final = (httpx.HTTPError, httpx.StreamError, httpx.InvalidURL)
_AT_ONCE: Final = 16
"""Requests to one provider; more wait for their turn, within their time."""


class HttpFetch:
    """The ``Fetch`` over the network; one per provider."""

    def __init__(self, ca: Path | None = None) -> None:
        """``ca``: a PEM file; without it, whom the system trusts. Raises ``identity.settings``."""
        try:
            self._tls: Final = ssl.create_default_context(cafile=ca and str(ca))
        except (OSError, ssl.SSLError) as error:
            raise CustodyError(
                "identity.settings",
                "ca is not a readable PEM file of certificates.",
                "Name the authority that signs the provider's certificate.",
            ) from error
        self._tls.minimum_version = ssl.TLSVersion.TLSv1_2
        self._turns: Final = asyncio.Semaphore(_AT_ONCE)

    async def __call__(self, asked: FetchRequest) -> FetchResponse:
        try:
            async with asyncio.timeout(MAX_SECONDS), self._turns:
                return await self._ask(asked)
        except (TimeoutError, OSError, ValueError, *_FAILURES) as error:
            # The library's text may hold the URL with its query: the kind of fault is enough.
            raise CustodyError(
                "identity.unreachable",
                f"The identity provider could not be asked ({type(error).__name__}).",
                "Check its address, its certificate (ca) and the network from here.",
            ) from None

    async def _ask(self, asked: FetchRequest) -> FetchResponse:
        # A compressed answer could unfold to any size, so none is asked for and none is unfolded.
        headers = {"Accept": "application/json", "Accept-Encoding": "identity"}
        if asked.authorization:
            headers["Authorization"] = asked.authorization
        async with (
            httpx.AsyncClient(
                verify=self._tls, follow_redirects=False, trust_env=False, timeout=MAX_SECONDS
            ) as client,
            client.stream(
                "GET" if asked.form is None else "POST",
                asked.url,
                headers=headers,
                data=None if asked.form is None else dict(asked.form),
            ) as response,
        ):
            body = bytearray()
            async for chunk in response.aiter_raw():
                body += chunk
                if len(body) > MAX_ANSWER:
                    raise CustodyError(
                        "identity.unreachable",
                        f"The identity provider's answer is larger than {MAX_ANSWER} bytes.",
                    )
            return FetchResponse(response.status_code, bytes(body))
