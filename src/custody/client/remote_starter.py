"""Begins loops at a gateway's API, with a login or a workload's token.

Law: the first of these that is there counts: a running loop's ticket (the new loop is its child), a
login, a workload's token, a client's own credentials. Of its own variables none is passed on to the
command; what a CI system puts beside them stays (``docs/ci.md``).
"""

import socket
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from custody.client.gateway import (
    JWT,
    LOGIN,
    TICKET,
    TOKEN_EXCHANGE,
    GatewayClient,
    GatewayDescription,
    TokenResponse,
)
from custody.client.login_file import SavedLogin
from custody.client.run import GATEWAY, TICKET_AT, LoopOptions
from custody.client.workload import find_token
from custody.model.errors import CustodyError
from custody.model.secret import Secret

AUDIENCE: Final = "CUSTODY_AUDIENCE"
_GITHUB_ISSUERS: Final = ("//token.actions.githubusercontent.com", "/_services/token")
"""GitHub's own issuer, and those of GitHub Enterprise Server."""


class RemoteStarter:
    """``LoopStarter`` at a gateway's API."""

    def __init__(
        self, gateway: GatewayClient, environment: Mapping[str, str], kept: SavedLogin | None
    ) -> None:
        self._gateway: Final = gateway
        self._environment: Final = environment
        self._kept: Final = kept
        self._facts: GatewayDescription | None = None

    @property
    def authority(self) -> str:
        return self._gateway.authority

    @property
    def found_by(self) -> Mapping[str, str]:
        return {GATEWAY: self._gateway.url}

    def describe(self) -> GatewayDescription:
        if self._facts is None:
            self._facts = self._gateway.describe()
        return self._facts

    def start(self, options: LoopOptions) -> TokenResponse:
        """Raises ``login.needed``, and whatever the gateway refuses with."""
        secret, kind = self._proof()
        form: dict[str, str | Sequence[str]] = {
            "grant_type": TOKEN_EXCHANGE,
            "subject_token_type": kind,
            "requested_token_type": TICKET,
            "client_host": socket.gethostname(),
        }
        if options.purpose:
            form["purpose"] = options.purpose
        if options.targets:
            form["target"] = list(options.targets)
        if options.effects:
            form["effects"] = " ".join(options.effects)
        if options.ttl_s is not None:
            form["ttl"] = str(options.ttl_s)
        return self._gateway.exchange(form, secrets={"subject_token": secret})

    def end(self, ticket: Secret) -> None:
        self._gateway.revoke(ticket)

    def _proof(self) -> tuple[Secret, str]:
        parent = parent_ticket(self._environment)
        if parent is not None:
            return parent, TICKET
        if self._kept is not None and not self._kept.lapsed:
            return self._kept.secret, LOGIN
        token = find_token(self._environment, audience_of(self.describe(), self._environment))
        if token is not None:
            return token, JWT
        if self._kept is not None:
            raise CustodyError(
                "login.lapsed",
                f"The login at {self._kept.gateway} is over.",
                "`custody login` again.",
            )
        raise CustodyError(
            "login.needed",
            "Nothing here proves who starts this loop.",
            f"`custody login --gateway {self._gateway.url}` first; in CI give the job an OIDC "
            "token (docs/ci.md).",
        )


def parent_ticket(environment: Mapping[str, str]) -> Secret | None:
    """The ticket of the loop that this process runs in.

    Raises ``run.parent`` where there is one that cannot be read: a loop that stands beside its
    parent instead of below it could be wider.
    """
    path = environment.get(TICKET_AT)
    if not path:
        return None
    try:
        return Secret(Path(path).read_text(encoding="ascii").strip())
    except (OSError, UnicodeDecodeError):
        raise CustodyError(
            "run.parent",
            "This runs inside a loop whose ticket is not there any more: the loop is over.",
            f"Start it from outside, or unset {TICKET_AT}.",
        ) from None


def audience_of(gateway: GatewayDescription, environment: Mapping[str, str]) -> str:
    """What a token that is asked for must be for: ``CUSTODY_AUDIENCE``, else what the gateway
    expects of GitHub's tokens, else of its first workload issuer's.
    """
    said = environment.get(AUDIENCE)
    if said:
        return said
    named = [each for each in gateway.providers if each.kind == "workload" and each.audience]
    of_github = [each for each in named if each.issuer.endswith(_GITHUB_ISSUERS)]
    return next((each.audience[0] for each in (*of_github, *named)), "custody")
