"""A login with Keycloak, by HTTP, from the redirect to the proof."""

import asyncio
import base64
import os
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from tests.identity.saml.small_idp import NearReader
from tests.providers.saml.keycloak import Keycloak, keycloak, missing

from custody.identity.saml.provider import SamlProvider
from custody.identity.saml.settings import SamlSettings, ServiceProvider
from custody.model.errors import CustodyError

pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

ACS = "https://gw1.example.com:8443/saml/corp/acs"
US = "https://gw1.example.com:8443/saml/corp/metadata"
SETTINGS = ServiceProvider(SamlSettings(name="corp", metadata=""), US, ACS)


@pytest.fixture(scope="module")
def idp(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Keycloak]:
    with keycloak(tmp_path_factory.mktemp("keycloak") / "home", US, ACS) as found:
        yield found


def now() -> int:
    return time.time_ns() // 1_000_000


async def opened(idp: Keycloak, settings: ServiceProvider = SETTINGS) -> SamlProvider:
    return await SamlProvider.open(settings, idp.metadata(), clock=now, random=os.urandom)


def test_a_login_from_end_to_end(idp: Keycloak) -> None:
    async def go() -> None:
        provider = await opened(idp)
        assert provider.issuer == idp.entity_id
        request = provider.begin(relay="state")
        posted = idp.log_in(request.url)
        assert (posted.address, posted.relay) == (ACS, "state")
        answer = await provider.check(posted.response, request_ids={request.id})
        assert answer.proof.identity.subject == "ada"
        assert set(answer.proof.identity.groups) == {"agents", "dba"}
        assert answer.proof.session
        elsewhere = await opened(idp, replace(SETTINGS, acs_url=ACS + "2"))
        with pytest.raises(CustodyError) as refused:
            await elsewhere.check(posted.response, request_ids={request.id})
        assert refused.value.code == "identity.destination"

    asyncio.run(go())


def test_its_responses_are_not_changed_unseen(idp: Keycloak) -> None:
    """Bytes of one real response, changed: a proof that says anything else never comes out."""

    async def go() -> None:
        provider = await SamlProvider.open(
            SETTINGS, idp.metadata(), clock=now, random=os.urandom, reader=NearReader()
        )
        request = provider.begin(relay="state")
        document = base64.b64decode(idp.log_in(request.url).response)
        right = await provider.check(base64.b64encode(document), request_ids={request.id})
        for place in range(0, len(document), 7):
            changed = bytearray(document)
            changed[place] ^= 1
            try:
                found = await provider.check(base64.b64encode(changed), request_ids={request.id})
            except CustodyError:
                continue
            assert found.proof == right.proof

    asyncio.run(go())
