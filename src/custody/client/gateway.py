"""Speaking to a gateway's API.

Law: TLS is always checked; a secret goes in a body or a header, never in a URL; answers are
bounded; an error carries the gateway's own code and sentence.
"""

import ssl
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final

import msgspec

from custody.client.https import Form, HttpError, HttpResponse, allowed, ask
from custody.model.errors import CustodyError
from custody.model.secret import Secret

TOKEN_EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"  # noqa: S105 - RFC 8693
DEVICE_CODE: Final = "urn:ietf:params:oauth:grant-type:device_code"
TICKET: Final = "urn:custody:token-type:ticket"
LOGIN: Final = "urn:custody:token-type:login"
JWT: Final = "urn:ietf:params:oauth:token-type:jwt"


class ProviderDescription(msgspec.Struct, frozen=True):
    """One provider, as the gateway describes it."""

    name: str
    kind: str
    """``oidc``, ``saml`` or ``workload``."""
    issuer: str = ""
    client_id: str = ""
    audience: Sequence[str] = ()
    flows: Sequence[str] = ()


class ListenerDescription(msgspec.Struct, frozen=True):
    protocol: str
    host: str
    port: int
    target: str | None = None
    """The one target behind it; ``None``: the client names its target."""
    own_certificate: bool = False
    """Not one of the gateway's local authority."""


class GatewayDescription(msgspec.Struct, frozen=True):
    """A gateway's public description; nothing secret."""

    name: str
    version: str
    ca: str
    """The gateway's local authority, PEM; empty where nothing rests on it."""
    providers: Sequence[ProviderDescription] = ()
    listeners: Sequence[ListenerDescription] = ()
    local: bool = False


class TargetDescription(msgspec.Struct, frozen=True):
    name: str
    protocol: str
    database: str = ""


class PersonDescription(msgspec.Struct, frozen=True):
    subject: str
    issuer: str = ""


class LoopDescription(msgspec.Struct, frozen=True):
    id: str
    identity: str
    issuer: str
    expires: str
    groups: Sequence[str] = ()
    principal: PersonDescription | None = None
    """For whom it acts, proven."""
    targets: Sequence[TargetDescription] = ()


class TokenResponse(msgspec.Struct, frozen=True):
    """What a token request gave. ``loop`` where the secret is a ticket."""

    secret: Secret
    expires_in: int
    loop: LoopDescription | None = None


class DeviceCodes(msgspec.Struct, frozen=True):
    """RFC 8628 §3.2. ``device_code`` is a secret."""

    device_code: str
    user_code: str
    verification_uri: str
    expires_in: int
    interval: int = 5
    verification_uri_complete: str = ""

    def __repr__(self) -> str:
        return f"DeviceStarted({self.user_code!r}, …)"


class PendingError(Exception):
    """The answer to a device's poll: not yet. ``reason`` as RFC 8628 §3.5 names it."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason: Final = reason


class GatewayClient:
    """One gateway's API. ``ca`` (or ``authority``, the same as text) is whom its certificate is
    trusted by; the system's authorities unless given.
    """

    def __init__(self, url: str, ca: Path | None = None, authority: str = "") -> None:
        """Raises ``client.address``, ``client.ca``."""
        if not allowed(url):
            raise CustodyError(
                "client.address",
                "The gateway's address is not an https URL.",
                "Give --gateway https://HOST:PORT, or set CUSTODY_GATEWAY.",
            )
        self.url: Final = url.rstrip("/")
        self.authority: Final = _read(ca) if ca is not None else authority
        self._trust: Final = _trust(self.authority)

    def describe(self) -> GatewayDescription:
        facts: GatewayDescription = _typed(self._ask("GET", "/api/v1/gateway"), GatewayDescription)
        return facts

    def exchange(
        self, form: Mapping[str, str | Sequence[str]], *, secrets: Mapping[str, Secret]
    ) -> TokenResponse:
        """A token request (RFC 6749 §5, RFC 8693). Raises ``PendingError`` for a device's poll, and
        ``CustodyError`` with the gateway's code where it refuses.
        """
        told = {name: secret.reveal() for name, secret in secrets.items()}
        answer = self._ask("POST", "/oauth/token", {**form, **told})
        token, seconds = answer.get("access_token"), answer.get("expires_in")
        if not isinstance(token, str) or not isinstance(seconds, int):
            raise _strange()
        loop = answer.get("loop")
        return TokenResponse(
            Secret(token), seconds, _typed(loop, LoopDescription) if loop else None
        )

    def begin_device(self, provider: str) -> DeviceCodes:
        answer = self._ask("POST", "/oauth/device_authorization", {"provider": provider})
        started: DeviceCodes = _typed(answer, DeviceCodes)
        return started

    def revoke(self, secret: Secret) -> None:
        """End what the secret opens: a loop, or a login with all its loops (RFC 7009)."""
        self._ask("POST", "/oauth/revoke", {"token": secret.reveal()})

    def _ask(self, method: str, path: str, form: Form | None = None) -> dict[str, Any]:
        try:
            answer = ask(method, self.url + path, form=form, trust=self._trust)
        except HttpError as error:
            raise CustodyError(
                "client.unreachable",
                f"The gateway at {self.url} cannot be reached: {error}.",
                "Check the address, and that its certificate is trusted (--ca, CUSTODY_CA).",
            ) from None
        return _document(answer)


def _document(answer: HttpResponse) -> dict[str, Any]:
    try:
        document = answer.document()
    except HttpError:
        raise _strange() from None
    if answer.status >= 400:
        raise _refusal(document, answer.status)
    if answer.status != 200:
        raise _strange()
    return document


def _refusal(document: Mapping[str, object], status: int) -> Exception:
    error = str(document.get("error", ""))
    if error in ("authorization_pending", "slow_down"):
        return PendingError(error)
    code = document.get("code")
    said = str(document.get("error_description") or f"The gateway refused with status {status}.")
    return CustodyError(code if isinstance(code, str) and code else "client.refused", said)


def _strange() -> CustodyError:
    return CustodyError(
        "client.strange",
        "What answered is not a Custody gateway's API.",
        "Check the address: the gateway's [listen.console].",
    )


def _typed(value: object, kind: Any) -> Any:  # noqa: ANN401 - as msgspec.convert
    try:
        return msgspec.convert(value, kind)
    except msgspec.ValidationError:
        raise _strange() from None


def _read(ca: Path) -> str:
    try:
        return ca.read_text(encoding="ascii")
    except OSError as error:
        raise _no_authority(f"{ca} ({error.strerror or error})") from None
    except UnicodeDecodeError:
        raise _no_authority(str(ca)) from None


def _trust(authority: str) -> ssl.SSLContext:
    try:
        return ssl.create_default_context(cadata=authority or None)
    except (ValueError, ssl.SSLError):
        raise _no_authority("What was given as authority") from None


def _no_authority(what: str) -> CustodyError:
    return CustodyError(
        "client.ca",
        f"{what} cannot be read as certificates.",
        "Copy the gateway's data/ca.pem to this machine and name it with --ca or CUSTODY_CA.",
    )
