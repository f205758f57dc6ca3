"""Logging in as a service, with a client's own credentials at the provider (RFC 6749 §4.4).

Law: the client's secret goes to its provider alone; the gateway sees the token that came of it.
"""

from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote, urlsplit

import httpx

from custody.client.gateway import JWT, LOGIN, TIMEOUT_S, TOKEN_EXCHANGE, Gateway, Granted, Provider
from custody.model.errors import CustodyError
from custody.model.secret import Secret

CLIENT_ID: Final = "CUSTODY_CLIENT_ID"
CLIENT_SECRET: Final = "CUSTODY_CLIENT_SECRET"  # noqa: S105 - a variable's name
_LOOPBACK: Final = frozenset(("127.0.0.1", "::1", "localhost"))


def log_in(gateway: Gateway, provider: Provider, environment: Mapping[str, str]) -> Granted:
    """Raises ``login.credentials``, ``login.provider-refused``, and whatever the gateway does."""
    token = _token(provider, environment)
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token_type": JWT,
        "requested_token_type": LOGIN,
    }
    return gateway.exchange(form, secrets={"subject_token": token})


def _token(provider: Provider, environment: Mapping[str, str]) -> Secret:
    client, secret = environment.get(CLIENT_ID), environment.get(CLIENT_SECRET)
    if not client or not secret:
        raise CustodyError(
            "login.credentials",
            "A service's credentials are missing.",
            f"Set {CLIENT_ID} and {CLIENT_SECRET}.",
        )
    issuer = provider.issuer.rstrip("/")
    parts = urlsplit(issuer)
    if parts.scheme != "https" and parts.hostname not in _LOOPBACK:
        raise _refused(provider, "its issuer is not an https URL")
    audience = provider.audience[0] if provider.audience else ""
    form = {"grant_type": "client_credentials"}
    if audience:
        # RFC 8707 for those who know it; Auth0 and others read `audience`.
        form |= {"audience": audience} | ({"resource": audience} if ":" in audience else {})
    try:
        with httpx.Client(timeout=TIMEOUT_S) as client_of_provider:
            found = _json(client_of_provider.get(f"{issuer}/.well-known/openid-configuration"))
            if found.get("issuer") != provider.issuer:
                raise _refused(provider, "its discovery document names another issuer")
            answer = client_of_provider.post(
                str(found["token_endpoint"]),
                data=form,
                auth=(quote(client, safe=""), quote(secret, safe="")),  # RFC 6749 §2.3.1
            )
            return Secret(str(_json(answer)["access_token"]))
    except httpx.HTTPStatusError as error:
        raise _refused(provider, f"status {error.response.status_code}") from None
    except (httpx.HTTPError, ValueError, KeyError) as error:
        raise _refused(provider, type(error).__name__) from None


def _json(answer: httpx.Response) -> dict[str, Any]:
    answer.raise_for_status()
    document = answer.json()
    if not isinstance(document, dict):
        raise ValueError  # noqa: TRY004 - answered as a malformed document
    return document


def _refused(provider: Provider, why: str) -> CustodyError:
    return CustodyError(
        "login.provider-refused",
        f"{provider.name} gave the service no token: {why}.",
        "Check the client's id, its secret, and that it may use client credentials.",
    )
