"""What a believed assertion must say before it is a proof (profiles §4.1.4.2 and §4.1.4.3).

Law: every check is an exact comparison with what was configured, asked for, or told by the
gateway's clock; what a check needs and the assertion leaves out is a refusal.
"""

from collections.abc import Collection
from typing import Final

import msgspec

from custody.identity.saml.answer import SamlAnswer
from custody.identity.saml.attributes import attributes_of, identity_of
from custody.identity.saml.element import Element, odd
from custody.identity.saml.instants import read_instant
from custody.identity.saml.names import BEARER, ENTITY, saml
from custody.identity.saml.settings import ServiceProvider
from custody.identity.saml.signed_assertion import SignedAssertion
from custody.identity.saml.texts import CHARACTERS_AT_MOST, name_in
from custody.model.errors import CustodyError
from custody.model.identity import Proof
from custody.model.words import Method

SKEW_MS: Final = 30_000
_UNSAID_MS: Final = 24 * 3_600_000
"""How long a proof holds at most where the provider does not say when its session ends."""
_CONDITIONS: Final = frozenset(
    saml(name) for name in ("AudienceRestriction", "OneTimeUse", "ProxyRestriction")
)


class ExpectedResponse(msgspec.Struct, frozen=True):
    """What an answer is held against."""

    service: ServiceProvider
    issuer: str
    request_ids: Collection[str]
    now: int


def check_assertion(believed: SignedAssertion, expected: ExpectedResponse) -> SamlAnswer:
    """Raises ``CustodyError`` ``identity.*``."""
    service, now = expected.service, expected.now
    response, assertion = believed.response, believed.assertion
    _response(response, expected)
    if assertion.attributes.get("Version") != "2.0":
        raise odd()
    _issuer(_one(assertion, "Issuer"), expected.issuer)
    issued = read_instant(assertion.attributes.get("IssueInstant", ""))
    _not_yet(issued, now)
    subject = _one(assertion, "Subject")
    asked, presented_until = _confirmed(subject, expected)
    if response.attributes.get("InResponseTo") != asked:
        raise _unasked()
    until = min(presented_until, _conditions(_one(assertion, "Conditions"), service, now))
    session_ends, session, context = _authenticated(_one(assertion, "AuthnStatement"), now)
    proof = Proof(
        identity=identity_of(subject, attributes_of(assertion), service, expected.issuer),
        method=Method.SAML,
        provider=service.settings.name,
        issued=issued,
        expires=issued + _UNSAID_MS if session_ends is None else session_ends,
        facts=(("authn_context", context),) if context else (),
        session=session,
        use=_mark(assertion.attributes.get("ID", "")),
    )
    return SamlAnswer(proof, asked, until + 2 * SKEW_MS, session_ends)


def _response(response: Element, expected: ExpectedResponse) -> None:
    if response.attributes.get("Version") != "2.0":
        raise odd()
    if response.attributes.get("Destination") != expected.service.acs_url:
        raise CustodyError(
            "identity.destination",
            "The SAML response was sent to another address than ours (Destination).",
            "The identity provider and `[listen.console] url` must name the same address.",
        )
    # saml-core §3.2.2: the response's own Issuer may be left out, the assertion's may not.
    issuers = response.all(saml("Issuer"))
    if len(issuers) > 1:
        raise odd()
    for issuer in issuers:
        _issuer(issuer, expected.issuer)
    _not_yet(read_instant(response.attributes.get("IssueInstant", "")), expected.now)


def _issuer(element: Element, issuer: str) -> None:
    if element.attributes.get("Format", ENTITY) != ENTITY or element.whole() != issuer:
        raise CustodyError(
            "identity.issuer",
            "The SAML response is another issuer's than the configured one.",
            "The metadata given to the gateway must be that of the identity provider in use.",
        )


def _confirmed(subject: Element, expected: ExpectedResponse) -> tuple[str, int]:
    """Which request it answers, and until when it may be presented (profiles §3.3, bearer)."""
    confirmation = _one(subject, "SubjectConfirmation")
    if confirmation.attributes.get("Method") != BEARER:
        raise CustodyError(
            "identity.confirmation",
            "The SAML assertion is not for its bearer.",
            "Use Web Browser SSO with bearer confirmation.",
        )
    data = _one(confirmation, "SubjectConfirmationData").attributes
    if data.get("Recipient") != expected.service.acs_url:
        raise CustodyError(
            "identity.recipient",
            "The SAML assertion was made for another recipient.",
            "The identity provider and `[listen.console] url` must name the same address.",
        )
    asked = data.get("InResponseTo", "")
    if not asked or asked not in expected.request_ids:
        raise _unasked()
    return asked, _window(data, expected.now)


def _conditions(conditions: Element, service: ServiceProvider, now: int) -> int:
    if any(child.name not in _CONDITIONS for child in conditions.children):
        # saml-core §2.5.1.1: a condition that is not understood makes the whole indeterminate.
        raise CustodyError(
            "identity.condition",
            "The SAML assertion has a condition that is not understood.",
            "Let the identity provider leave it out.",
        )
    restrictions = conditions.all(saml("AudienceRestriction"))
    for restriction in restrictions:
        audiences = [audience.whole() for audience in restriction.all(saml("Audience"))]
        if service.entity_id not in audiences:
            raise _audience()
    if not restrictions:
        raise _audience()
    return _window(conditions.attributes, now)


def _window(attributes: dict[str, str], now: int) -> int:
    if "NotBefore" in attributes:
        _not_yet(read_instant(attributes["NotBefore"]), now)
    until = read_instant(attributes.get("NotOnOrAfter", ""))
    if now - SKEW_MS >= until:
        raise _expired()
    return until


def _authenticated(statement: Element, now: int) -> tuple[int | None, str, str]:
    """When the provider's session ends, its index, and how the user was authenticated."""
    _not_yet(read_instant(statement.attributes.get("AuthnInstant", "")), now)
    ends = None
    if "SessionNotOnOrAfter" in statement.attributes:
        ends = read_instant(statement.attributes["SessionNotOnOrAfter"])
        if now - SKEW_MS >= ends:
            raise _expired()
    contexts = statement.all(saml("AuthnContext"))
    classes = [found for each in contexts for found in each.all(saml("AuthnContextClassRef"))]
    context = name_in(classes[0]) if len(classes) == 1 else ""
    session = statement.attributes.get("SessionIndex")
    return ends, "" if session is None else _mark(session), context


def _mark(text: str) -> str:
    """An identifier of the provider's, as it is kept."""
    if not 1 <= len(text) <= CHARACTERS_AT_MOST or not text.isprintable():
        raise odd()
    return text


def _one(parent: Element, name: str) -> Element:
    found = parent.all(saml(name))
    if len(found) != 1:
        raise odd()
    return found[0]


def _not_yet(instant: int, now: int) -> None:
    if instant > now + SKEW_MS:
        raise CustodyError(
            "identity.not-yet",
            "The SAML response is not valid yet.",
            "Compare the clocks of the gateway and the identity provider (30 s are allowed).",
        )


def _expired() -> CustodyError:
    return CustodyError(
        "identity.expired",
        "The SAML response is not valid any more.",
        "Log in again; if it happens at once, compare the clocks (30 s are allowed).",
    )


def _audience() -> CustodyError:
    return CustodyError(
        "identity.audience",
        "The SAML assertion was made for another audience.",
        "The identity provider must know the gateway by its `entity_id`.",
    )


def _unasked() -> CustodyError:
    return CustodyError(
        "identity.request",
        "The SAML response answers no login that waits here.",
        "Begin the login at the gateway, and answer it once and in time.",
    )
