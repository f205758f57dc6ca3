"""A SAML 2.0 service provider towards one identity provider: Web Browser SSO, profiles §4.1.

Law: what a response says is believed only as far as a signature of a pinned certificate covers it.
"""

from collections.abc import Callable, Collection
from typing import Final, Self

from custody.identity.saml.answer import SamlAnswer, SamlRequest
from custody.identity.saml.settings import SamlSettings


class SamlProvider:
    """One per ``[[saml]]``. ``clock`` gives Unix milliseconds, ``random`` so many random bytes."""

    def __init__(
        self,
        settings: SamlSettings,
        *,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self.name: Final = settings.name
        self._settings: Final = settings
        self._clock: Final = clock
        self._random: Final = random

    @classmethod
    async def open(
        cls,
        settings: SamlSettings,
        metadata: bytes,
        *,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> Self:
        """``metadata`` is the identity provider's document, as the operator gave it.

        Raises ``CustodyError`` ``identity.metadata`` where it is of no use.
        """
        raise NotImplementedError

    async def learn(self, metadata: bytes) -> None:
        """Take newer metadata (a certificate's rollover). What was known holds where it raises."""
        raise NotImplementedError

    def metadata(self) -> bytes:
        """Our own metadata, for the identity provider's operator."""
        raise NotImplementedError

    def begin(self, *, relay: str) -> SamlRequest:
        """A login that starts here. ``relay`` comes back beside the response; 80 bytes at most."""
        raise NotImplementedError

    async def check(self, response: bytes, *, request_ids: Collection[str]) -> SamlAnswer:
        """``response`` is the form's field ``SAMLResponse`` as it was posted, still in base64.

        ``request_ids`` are those that wait for an answer. Raises ``CustodyError`` ``identity.*``.
        """
        raise NotImplementedError
