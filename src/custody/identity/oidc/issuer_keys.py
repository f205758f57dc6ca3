"""Proving a token's signature with the keys that its issuer publishes now.

Law: a claim is returned only under a good signature by a current key of the configured issuer; a
token that says it is of another issuer never makes us ask for keys.
"""

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Final

import msgspec

from custody.identity.oidc.fetch import MAX_ANSWER, Fetcher, FetchRequest
from custody.identity.oidc.issuer_cache import IssuerCache
from custody.identity.oidc.tokens.compact import Header, parse_compact
from custody.identity.oidc.tokens.keys import PublicKey, PublicKeys, read_keys, signed_by
from custody.model.errors import CustodyError
from custody.model.secret import Secret


class SignedClaims(msgspec.Struct, frozen=True):
    """What the issuer did sign. Whether it is still true, and for us, is not looked at yet."""

    header: Header
    claims: dict[str, object]

    def __repr__(self) -> str:
        return "Signed(…)"


class IssuerKeys:
    def __init__(
        self,
        issuer: str,
        algorithms: tuple[str, ...],
        load: Callable[[], Awaitable[bytes]],
        clock: Callable[[], int],
    ) -> None:
        self._issuer: Final = issuer
        self._algorithms: Final = algorithms

        async def keys() -> PublicKeys:
            return read_keys(await load())

        self._keys: Final = IssuerCache(keys, clock)

    async def prove(self, token: Secret) -> SignedClaims:
        compact = parse_compact(token, self._algorithms)
        if compact.claims.get("iss") != self._issuer:
            raise CustodyError(
                "identity.issuer",
                "The token is of another issuer than the one configured.",
                "Issuers are compared to the last character, letter case and slashes included.",
            )
        if not signed_by(compact, await self._key(compact.header)):
            raise CustodyError("identity.signature", "The token's signature is not its issuer's.")
        return SignedClaims(compact.header, compact.claims)

    async def _key(self, header: Header) -> PublicKey:
        keys = await self._keys.get()
        key = keys.find(header.kid, header.algorithm)
        if key is None:
            keys = await self._keys.renewed(keys)
            key = keys.find(header.kid, header.algorithm)
        if key is None:
            raise CustodyError(
                "identity.key-unknown",
                "The token is signed with a key that its issuer does not publish.",
                "After a change of keys, new ones are looked for at most every 30 seconds.",
            )
        return key


async def fetch_keys(url: str, fetch: Fetcher) -> bytes:
    answered = await fetch(FetchRequest(url))
    if answered.status != 200:
        raise CustodyError(
            "identity.unreachable",
            f"The issuer's keys were answered with HTTP status {answered.status}.",
            "Redirects are not followed.",
        )
    return answered.body


async def read_key_file(path: Path) -> bytes:
    """The file may be replaced while we run; it is read again as a URL would be asked again."""

    def read() -> bytes:
        with path.open("rb") as file:
            return file.read(MAX_ANSWER + 1)

    try:
        data = await asyncio.to_thread(read)
    except OSError as error:
        raise CustodyError(
            "identity.unreachable",
            f"The file of the issuer's keys cannot be read ({type(error).__name__}).",
            "Write the issuer's key set where jwks points.",
        ) from None
    if len(data) > MAX_ANSWER:
        raise CustodyError("identity.malformed", "The file of the issuer's keys is too large.")
    return data
