"""Logins with a real identity provider, by HTTP, from the redirect to the proof.

Law: nothing is faked but the person: the process that reads XML and the clock are the real ones.
"""

import asyncio
import base64
import os
import time
from collections.abc import Iterator

import pytest
from msgspec.structs import replace
from tests.identity.saml.small_idp import NearReader
from tests.providers.saml.simplesaml import Posted, SimpleSaml, missing, simple_saml

from custody.identity.saml.answer import SamlAnswer
from custody.identity.saml.provider import SamlProvider
from custody.identity.saml.settings import SamlSettings, ServiceProvider
from custody.model.errors import CustodyError
from custody.model.identity import Identity
from custody.model.words import IdentityKind, Method

pytestmark = [
    pytest.mark.provider,
    pytest.mark.skipif(bool(missing()), reason=missing()),
]

ACS = "https://gw1.example.com:8443/saml/corp/acs"
US = "https://gw1.example.com:8443/saml/corp/metadata"
SETTINGS = ServiceProvider(SamlSettings(name="corp", subject="uid", metadata=""), US, ACS)
RSA = "http://www.w3.org/2001/04/xmldsig-more#rsa-sha"


@pytest.fixture(scope="module")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SimpleSaml]:
    with simple_saml(tmp_path_factory.mktemp("simplesaml") / "home") as found:
        yield found


@pytest.fixture
def idp(running: SimpleSaml) -> SimpleSaml:
    """As it is installed, knowing us."""
    running.be("first")
    running.knows((US, ACS))
    return running


def now() -> int:
    return time.time_ns() // 1_000_000


async def opened(idp: SimpleSaml, settings: ServiceProvider = SETTINGS) -> SamlProvider:
    return await SamlProvider.open(settings, idp.metadata(), clock=now, random=os.urandom)


async def logged_in(provider: SamlProvider, idp: SimpleSaml) -> SamlAnswer:
    request = provider.begin(relay="state")
    posted = idp.log_in(request.url)
    assert (posted.address, posted.relay) == (ACS, "state")
    answer = await provider.check(posted.response, request_ids={request.id})
    assert answer.in_response_to == request.id
    return answer


async def refusal(provider: SamlProvider, idp: SimpleSaml) -> str:
    request = provider.begin(relay="state")
    posted = idp.log_in(request.url)
    with pytest.raises(CustodyError) as refused:
        await provider.check(posted.response, request_ids={request.id})
    return refused.value.code


def _signs(*, response: bool, assertion: bool) -> str:
    return (
        f"'saml20.sign.response' => {str(response).lower()},"
        f" 'saml20.sign.assertion' => {str(assertion).lower()},"
    )


@pytest.mark.parametrize(
    "more",
    [
        "",
        _signs(response=True, assertion=False),
        _signs(response=False, assertion=True),
        _signs(response=True, assertion=True),
        f"'signature.algorithm' => '{RSA}512',",
    ],
)
def test_a_login_from_end_to_end(more: str, idp: SimpleSaml) -> None:
    idp.knows((US, ACS), more=more)

    async def go() -> None:
        answer = await logged_in(await opened(idp), idp)
        proof = answer.proof
        groups = ("agents", "größe & <dba>")
        assert proof.identity == Identity("ada", idp.entity_id, groups, IdentityKind.HUMAN)
        assert (proof.method, proof.provider) == (Method.SAML, "corp")
        assert proof.session
        assert proof.use
        assert abs(proof.issued - now()) < 30_000
        assert answer.session_ends == proof.expires > now() + 7 * 3_600_000

    asyncio.run(go())


def test_a_persistent_name_and_a_transient_one(idp: SimpleSaml) -> None:
    settings = replace(SETTINGS, settings=replace(SETTINGS.settings, subject="NameID"))

    async def go() -> None:
        provider = await opened(idp, settings)
        assert await refusal(provider, idp) == "identity.subject"
        persistent = "urn:oasis:names:tc:SAML:2.0:nameid-format:persistent"
        idp.knows((US, ACS), more=(
            f"'NameIDFormat' => '{persistent}', 'authproc' => [1 => ['class' =>"
            f" 'saml:AttributeNameID', 'attribute' => 'uid', 'Format' => '{persistent}']],"
        ))  # fmt: skip
        answer = await logged_in(provider, idp)
        assert answer.proof.identity.subject == "ada"

    asyncio.run(go())


def test_a_key_rolls_over(idp: SimpleSaml) -> None:
    idp.make_key("second")

    async def go() -> None:
        provider, stale = await opened(idp), await opened(idp)
        idp.be("first", announced="second")
        await logged_in(provider, idp)
        old = provider.certificates
        await provider.learn(idp.metadata())
        assert set(old) < set(provider.certificates)
        await logged_in(provider, idp)
        idp.be("second")
        await logged_in(provider, idp)
        assert await refusal(stale, idp) == "identity.signature"
        await provider.learn(idp.metadata())
        assert set(old).isdisjoint(provider.certificates)
        await logged_in(provider, idp)
        idp.be("first")
        assert await refusal(provider, idp) == "identity.signature"

    asyncio.run(go())


def test_a_response_counts_once(idp: SimpleSaml) -> None:
    async def go() -> None:
        provider = await opened(idp)
        first, second = provider.begin(relay="a"), provider.begin(relay="b")
        posted: Posted = idp.log_in(first.url)
        waiting = {first.id, second.id}
        answer = await provider.check(posted.response, request_ids=waiting)
        waiting.discard(answer.in_response_to)
        with pytest.raises(CustodyError) as refused:
            await provider.check(posted.response, request_ids=waiting)
        assert refused.value.code == "identity.request"

    asyncio.run(go())


def test_a_response_for_another_service_at_our_address(idp: SimpleSaml) -> None:
    other = replace(SETTINGS, entity_id="https://other.example.com/metadata")
    idp.knows((US, ACS), (other.entity_id, ACS))

    async def go() -> None:
        theirs, ours = await opened(idp, other), await opened(idp)
        request = theirs.begin(relay="state")
        posted = idp.log_in(request.url)
        await theirs.check(posted.response, request_ids={request.id})
        with pytest.raises(CustodyError) as refused:
            await ours.check(posted.response, request_ids={request.id})
        assert refused.value.code == "identity.audience"

    asyncio.run(go())


@pytest.mark.parametrize(
    ("more", "code"),
    [
        (_signs(response=False, assertion=False), "identity.unsigned"),
        (f"'signature.algorithm' => '{RSA}1',".replace("2001/04/xmldsig-more", "2000/09/xmldsig"),
         "identity.algorithm"),
        ("'authproc' => [1 => ['class' => 'core:AttributeAdd', 'uid' => ['eve']]],",
         "identity.subject"),
    ],
)  # fmt: skip
def test_what_it_can_be_told_to_do_and_we_refuse(more: str, code: str, idp: SimpleSaml) -> None:
    idp.knows((US, ACS), more=more)

    async def go() -> str:
        return await refusal(await opened(idp), idp)

    assert asyncio.run(go()) == code


def test_an_encrypted_assertion_is_refused(idp: SimpleSaml) -> None:
    key = idp.certificate("first")
    idp.knows((US, ACS), more=f"'assertion.encryption' => true, 'certData' => '{key}',")

    async def go() -> str:
        return await refusal(await opened(idp), idp)

    assert asyncio.run(go()) == "identity.encrypted"


def test_it_understands_our_metadata(idp: SimpleSaml) -> None:
    async def go() -> bytes:
        return (await opened(idp)).metadata()

    found = idp.understood(asyncio.run(go()))
    assert found["entityid"] == US
    assert ACS in str(found["AssertionConsumerService"])


def test_its_responses_are_not_changed_unseen(idp: SimpleSaml) -> None:
    """Each byte of one real response, changed: a proof that says anything else never comes out."""

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
