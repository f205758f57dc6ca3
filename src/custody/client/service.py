"""Logging in as a service, with a client's own credentials at the provider (RFC 6749 §4.4).

Law: the client's secret goes to its provider alone; the gateway sees the token that came of it.
"""

import base64
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import quote

from custody.client.gateway import (
    JWT,
    LOGIN,
    TOKEN_EXCHANGE,
    GatewayClient,
    ProviderDescription,
    TokenResponse,
)
from custody.client.https import Form, HttpError, HttpResponse, allowed, ask
from custody.model.errors import CustodyError
from custody.model.secret import Secret

CLIENT_ID: Final = "CUSTODY_CLIENT_ID"
CLIENT_SECRET: Final = "CUSTODY_CLIENT_SECRET"  # noqa: S105 - a variable's name


def log_in(
    gateway: GatewayClient, provider: ProviderDescription, environment: Mapping[str, str]
) -> TokenResponse:
    """Raises ``login.credentials``, ``login.provider-refused``, and whatever the gateway does."""
    token = _token(provider, environment)
    form = {
        "grant_type": TOKEN_EXCHANGE,
        "subject_token_type": JWT,
        "requested_token_type": LOGIN,
    }
    return gateway.exchange(form, secrets={"subject_token": token})


def _token(provider: ProviderDescription, environment: Mapping[str, str]) -> Secret:
    client, secret = environment.get(CLIENT_ID), environment.get(CLIENT_SECRET)
    if not client or not secret:
        raise CustodyError(
            "login.credentials",
            "A service's credentials are missing.",
            f"Set {CLIENT_ID} and {CLIENT_SECRET}.",
        )
    issuer = provider.issuer.rstrip("/")
    if not allowed(issuer):
        raise _refused(provider, "its issuer is not an https URL")
    try:
        found = _document(ask("GET", f"{issuer}/.well-known/openid-configuration", proxied=True))
        if found.get("issuer") != provider.issuer:
            raise HttpError("its discovery document names another issuer")  # noqa: TRY301 - as ask
        pair = f"{quote(client, safe='')}:{quote(secret, safe='')}"  # RFC 6749 §2.3.1
        basic = base64.b64encode(pair.encode()).decode()
        answer = ask(
            "POST",
            str(found.get("token_endpoint", "")),
            form=_form(provider),
            headers={"Authorization": f"Basic {basic}"},
            proxied=True,
        )
        token = _document(answer).get("access_token")
        if not isinstance(token, str):
            raise HttpError("its answer holds no token")  # noqa: TRY301 - as ask
        return Secret(token)
    except HttpError as error:
        raise _refused(provider, str(error)) from None


def _form(provider: ProviderDescription) -> Form:
    form = {"grant_type": "client_credentials"}
    audience = provider.audience[0] if provider.audience else ""
    if audience:
        # RFC 8707 for those who know it; Auth0 and others read `audience`.
        form |= {"audience": audience} | ({"resource": audience} if ":" in audience else {})
    return form


def _document(answer: HttpResponse) -> dict[str, Any]:
    if answer.status != 200:
        raise HttpError(f"status {answer.status}")
    return answer.document()


def _refused(provider: ProviderDescription, why: str) -> CustodyError:
    return CustodyError(
        "login.provider-refused",
        f"{provider.name} gave the service no token: {why}.",
        "Check the client's id, its secret, and that it may use client credentials.",
    )
