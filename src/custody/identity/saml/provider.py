"""A SAML 2.0 service provider towards one identity provider: Web Browser SSO, profiles §4.1.

Law: what a response says is believed only as far as a signature of a pinned certificate covers it.
"""

import asyncio
from collections.abc import Callable, Collection
from typing import Final, Self

from custody.identity.saml.answer import SamlAnswer, SamlRequest
from custody.identity.saml.checks import ExpectedResponse, check_assertion
from custody.identity.saml.document import metadata_document, response_document
from custody.identity.saml.document_reader import SamlDocumentReader
from custody.identity.saml.idp import Idp, read_idp
from custody.identity.saml.request import request_url, service_metadata
from custody.identity.saml.settings import ServiceProvider
from custody.identity.saml.signed_assertion import signed_assertion
from custody.model.errors import CustodyError

_ID_BYTES: Final = 20
"""saml-core §1.3.4 asks for 128 bits at least and prefers 160."""


class SamlProvider:
    """One per ``[[saml]]``. ``clock`` gives Unix milliseconds, ``random`` so many random bytes."""

    def __init__(
        self,
        service: ServiceProvider,
        idp: Idp,
        *,
        reader: SamlDocumentReader,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
    ) -> None:
        self.name: Final = service.settings.name
        self._service: Final = service
        self._idp = idp
        self._reader: Final = reader
        self._clock: Final = clock
        self._random: Final = random

    @classmethod
    async def open(
        cls,
        service: ServiceProvider,
        metadata: bytes,
        *,
        clock: Callable[[], int],
        random: Callable[[int], bytes],
        reader: SamlDocumentReader | None = None,
    ) -> Self:
        """``metadata`` is the identity provider's document, as the operator gave it.

        Raises ``CustodyError`` ``identity.metadata``, ``identity.metadata-expired``, or what
        reading a document raises.
        """
        reader = reader or SamlDocumentReader()
        idp = await _known(service, metadata, reader, clock())
        return cls(service, idp, reader=reader, clock=clock, random=random)

    @property
    def issuer(self) -> str:
        """The identity provider's entity id, which is the issuer of its identities."""
        return self._idp.entity_id

    @property
    def certificates(self) -> tuple[str, ...]:
        """SHA-256 fingerprints of the pinned certificates, in hexadecimal."""
        return self._idp.fingerprints

    async def learn(self, metadata: bytes) -> None:
        """Take newer metadata (a certificate's rollover). What was known holds where it raises."""
        idp = await _known(self._service, metadata, self._reader, self._clock())
        if idp.entity_id != self._idp.entity_id:
            raise CustodyError(
                "identity.metadata",
                "The newer SAML metadata is another identity provider's.",
                "Another provider needs a [[saml]] table of its own.",
            )
        self._idp = idp

    def metadata(self) -> bytes:
        """Our own metadata, for the identity provider's operator."""
        return service_metadata(self._service)

    def begin(self, *, relay: str) -> SamlRequest:
        """A login that starts here. ``relay`` comes back beside the response; 80 bytes at most."""
        now = self._clock()
        self._idp.current(now)
        name = f"_{self._random(_ID_BYTES).hex()}"
        url = request_url(self._idp.address, self._service, id=name, now=now, relay=relay)
        return SamlRequest(url, name)

    async def check(self, response: bytes, *, request_ids: Collection[str]) -> SamlAnswer:
        """``response`` is the form's field ``SAMLResponse`` as it was posted, still in base64.

        ``request_ids`` are those that wait for an answer. Raises ``CustodyError`` ``identity.*``.
        """
        canonical = await self._reader.read(response_document(response))
        now = self._clock()
        idp = self._idp
        idp.current(now)
        # A hostile document may take 0.1 s to read: not of the loop that carries sessions.
        found = await asyncio.to_thread(signed_assertion, canonical, idp.keys)
        expected = ExpectedResponse(self._service, idp.entity_id, request_ids, now)
        return check_assertion(found, expected)


async def _known(
    service: ServiceProvider, metadata: bytes, reader: SamlDocumentReader, now: int
) -> Idp:
    idp = read_idp(await reader.read(metadata_document(metadata)), service.issuer)
    idp.current(now)
    return idp
