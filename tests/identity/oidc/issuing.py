"""An issuer in memory: it signs whatever it is told to, and counts what it is asked."""

import asyncio
import base64
import hmac
import json
from collections.abc import Awaitable, Callable, Mapping
from functools import cache
from typing import Any, Final, TypeVar

from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry

from custody.identity.oidc.fetch import FetchRequest, FetchResponse
from custody.identity.oidc.provider import OidcProvider
from custody.identity.oidc.settings import OidcSettings
from custody.identity.oidc.workload import WorkloadIssuer
from custody.identity.oidc.workload_settings import WorkloadSettings as Workload
from custody.model.errors import CustodyError
from custody.model.secret import Secret

ISSUER: Final = "https://id.example.com"
NOW: Final = 1_800_000_000_000
"""Milliseconds."""
SECOND: Final = NOW // 1000
KEYS_URL: Final = f"{ISSUER}/keys"

Key = RSAKey | ECKey | OKPKey
T = TypeVar("T")


@cache
def rsa_key(name: str = "one") -> RSAKey:
    return RSAKey.generate_key(2048, {"kid": name})


@cache
def ec_key(name: str = "curve", curve: Any = "P-256") -> ECKey:
    return ECKey.generate_key(curve, {"kid": name})


@cache
def ed_key(name: str = "edwards") -> OKPKey:
    return OKPKey.generate_key("Ed25519", {"kid": name})


def public(key: Key, **members: object) -> dict[str, object]:
    return {**key.as_dict(private=False), "use": "sig", **members}


def encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def signed(
    payload: Mapping[str, object] | bytes,
    key: Key | bytes | None = None,
    *,
    alg: str = "RS256",
    signs: str = "",
    **header: object,
) -> Secret:
    """A token as its signer likes it: bytes are a secret that it makes HMACs with. A header member
    that is ``None`` is left out.
    """
    key = key or rsa_key()
    head = {"alg": alg, "kid": None if isinstance(key, bytes) else key.kid, "typ": "JWT", **header}
    body = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    kept = {name: value for name, value in head.items() if value is not None}
    text = f"{encode(json.dumps(kept).encode())}.{encode(body)}"
    if isinstance(key, bytes):
        made = hmac.digest(key, text.encode(), "sha512" if alg == "HS512" else "sha256")
    else:
        name = signs or {"EdDSA": "Ed25519"}.get(alg, alg)
        made = JWSRegistry.algorithms[name].sign(text.encode(), key)
    return Secret(f"{text}.{encode(made)}")


def id_claims(**changes: object) -> dict[str, object]:
    """What a good id token says. A claim that is ``None`` is left out."""
    claims: dict[str, object] = {
        "iss": ISSUER,
        "sub": "alice",
        "aud": "custody",
        "iat": SECOND - 10,
        "exp": SECOND + 300,
        "groups": ["agents", "dba"],
        **changes,
    }
    return {name: value for name, value in claims.items() if value is not None}


class FakeIssuer:
    """The ``Fetch`` of an issuer that publishes ``keys``; ``answers`` holds what else is there."""

    def __init__(self, *keys: Key, issuer: str = ISSUER) -> None:
        self.now = NOW
        self.down = False
        self.issuer = issuer
        self.keys: list[dict[str, object]] = [public(key) for key in keys or (rsa_key(),)]
        self.description: dict[str, object] = {
            "issuer": issuer,
            "jwks_uri": f"{issuer}/keys",
            "authorization_endpoint": f"{issuer}/auth",
            "token_endpoint": f"{issuer}/token",
            "device_authorization_endpoint": f"{issuer}/device",
        }
        self.answers: dict[str, Callable[[FetchRequest], FetchResponse]] = {}
        self.asked: list[FetchRequest] = []

    def clock(self) -> int:
        return self.now

    async def __call__(self, asked: FetchRequest) -> FetchResponse:
        await asyncio.sleep(0)
        self.asked.append(asked)
        if self.down:
            raise CustodyError("identity.unreachable", "The identity provider could not be asked.")
        if asked.url in self.answers:
            return self.answers[asked.url](asked)
        match asked.url.removeprefix(self.issuer):
            case "/.well-known/openid-configuration":
                return answer(self.description)
            case "/keys":
                return answer({"keys": self.keys})
            case _:
                return answer({"error": "invalid_request"}, 400)

    def times_asked(self, path: str) -> int:
        return sum(each.url == self.issuer + path for each in self.asked)

    def provider(self, *, secret: str | None = "s3cret", **settings: Any) -> OidcProvider:
        async def reveal() -> Secret:
            return Secret(secret or "")

        fields = {"name": "corp", "issuer": self.issuer, "client_id": "custody", **settings}
        return OidcProvider(
            OidcSettings(**fields), self, self.clock, secret=reveal if secret else None
        )

    def workload(self, **settings: Any) -> WorkloadIssuer:
        fields = {
            "name": "ci",
            "issuer": self.issuer,
            "audience": ("custody",),
            "require": {"sub": ("**",)},
            **settings,
        }
        return WorkloadIssuer(Workload(**fields), self, self.clock)


def answer(document: object, status: int = 200) -> FetchResponse:
    return FetchResponse(status, json.dumps(document).encode())


def run(work: Awaitable[T]) -> T:
    async def await_it() -> T:
        return await work

    return asyncio.run(await_it())


def refusal(work: Awaitable[object]) -> str:
    """The code of the refusal, or ``passed``."""
    try:
        run(work)
    except CustodyError as error:
        return error.code
    return "passed"
