"""An issuer's own description (OpenID Connect Discovery 1.0 §3, §4).

Law: a document counts only if it names the configured issuer exactly, and only its addresses with
TLS are used (RFC 8414 §3.3); everything else in it is the provider's opinion.
"""

from typing import Final

import msgspec

from custody.identity.oidc.fetch import Fetcher, FetchRequest
from custody.identity.oidc.issuer_trust import acceptable_url
from custody.identity.oidc.tokens.strict_json import read_object
from custody.model.errors import CustodyError

_WELL_KNOWN: Final = "/.well-known/openid-configuration"


class ProviderMetadata(msgspec.Struct, frozen=True):
    """Addresses are empty where the provider has none."""

    jwks_uri: str
    authorization_endpoint: str = ""
    token_endpoint: str = ""
    device_authorization_endpoint: str = ""
    client_auth: tuple[str, ...] = ()
    """How clients may authenticate at the token endpoint."""
    answers_with_issuer: bool = False
    """RFC 9207: authorization responses carry ``iss``."""


async def discover(issuer: str, fetch: Fetcher) -> ProviderMetadata:
    answered = await fetch(FetchRequest(issuer.removesuffix("/") + _WELL_KNOWN))
    if answered.status != 200:
        raise CustodyError(
            "identity.unreachable",
            f"The issuer's discovery document was answered with HTTP status {answered.status}.",
            "Check issuer: its discovery document must be there, and redirects are not followed.",
        )
    return read_provider_metadata(answered.body, issuer)


def read_provider_metadata(data: bytes, issuer: str) -> ProviderMetadata:
    found = read_object(data, "The issuer's discovery document")
    if found.get("issuer") != issuer:
        raise CustodyError(
            "identity.discovery",
            "The discovery document names another issuer.",
            "Write issuer exactly as the document does, to the last slash.",
        )
    methods = found.get("token_endpoint_auth_methods_supported")
    return ProviderMetadata(
        jwks_uri=_address(found, "jwks_uri", issuer) or _missing("jwks_uri"),
        authorization_endpoint=_address(found, "authorization_endpoint", issuer),
        token_endpoint=_address(found, "token_endpoint", issuer),
        device_authorization_endpoint=_address(found, "device_authorization_endpoint", issuer),
        client_auth=tuple(each for each in methods if isinstance(each, str))
        if isinstance(methods, list)
        else (),
        answers_with_issuer=found.get("authorization_response_iss_parameter_supported") is True,
    )


def _address(found: dict[str, object], name: str, issuer: str) -> str:
    address = found.get(name, "")
    if address == "":
        return ""
    if not isinstance(address, str) or not acceptable_url(address, of=issuer):
        raise CustodyError(
            "identity.discovery", f"The discovery document's {name} is not an https URL."
        )
    return address


def _missing(name: str) -> str:
    raise CustodyError("identity.discovery", f"The discovery document has no {name}.")
