"""The site with everything behind it played: a provider, the desks, a clock."""

import asyncio
import base64
import hashlib
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final
from urllib.parse import urlencode

from tests.web.browsing import Answer, Browser, field

from custody.access.pending_logins import PendingLogins
from custody.access.requests import (
    ExchangeRequest,
    ExchangeResult,
    ReachableTarget,
    StartedLogin,
    StartedLoop,
)
from custody.access.sign_in import SignIn
from custody.app.console_faces import (
    ConsoleParts,
    GatewayInfo,
    ListenerInfo,
    LoopUsage,
    ProviderInfo,
)
from custody.identity.mint import mint_loop, mint_ticket
from custody.identity.oidc.responses import (
    DeviceAuthorization,
    DevicePending,
    LogoutToken,
    ProviderLogin,
)
from custody.identity.saml.answer import SamlAnswer, SamlRequest
from custody.model.errors import CustodyError
from custody.model.identity import Admission, Identity, Proof, RememberedLogin, Spent
from custody.model.secret import Secret
from custody.model.words import Effect, IdentityKind, LoginId, Method, TargetName
from custody.web.guard import Guard
from custody.web.openapi import words
from custody.web.rate_limit import RateLimiter
from custody.web.site import make_site

URL: Final = "https://gw.example.com:8443"
TOOL: Final = "http://127.0.0.1:41000/done"
VERIFIER: Final = "v" * 43
CHALLENGE: Final = (
    base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode().rstrip("=")
)
ASKED: Final = {
    "redirect_uri": TOOL,
    "state": "the-tools-state",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
EXCHANGE: Final = "urn:ietf:params:oauth:grant-type:token-exchange"
DEVICE: Final = "urn:ietf:params:oauth:grant-type:device_code"


def person(subject: str = "ada", groups: tuple[str, ...] = ("dba",)) -> Identity:
    return Identity(subject, "https://id.example.com", groups, IdentityKind.HUMAN)


class Played:
    """Everything behind the web: what it is told, and what it will answer."""

    def __init__(self) -> None:
        self.now = 1_700_000_000_000
        self.records: list[str] = []
        self.ended: list[str] = []
        self.identity = person()
        self.fails: CustodyError | Exception | None = None
        self.pending = ["authorization_pending"]
        self.seen: list[dict[str, Any]] = []
        self.asked: list[ExchangeRequest] = []
        self.used: set[str] = set()
        self.request = ""
        self.answered_to = ""
        self._count = 0
        loop = mint_loop(self.identity, now=self.now, ttl_ms=3_600_000, entropy=self.random)
        self.ticket_secret, self.ticket = mint_ticket(loop, now=self.now, entropy=self.random)

    def clock(self) -> int:
        return self.now

    def random(self, length: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(str(self._count).encode()).digest(length)

    def proof(self, method: Method) -> Proof:
        return Proof(
            identity=self.identity,
            method=method,
            provider="corp",
            issued=self.now,
            expires=self.now + 300_000,
            session="sid-1",
            use="assertion-1",
        )

    def _maybe_fail(self) -> None:
        if self.fails is not None:
            raise self.fails

    # An OpenID provider.
    async def authorization_url(
        self, *, redirect_uri: str, state: str, nonce: str, challenge: str
    ) -> str:
        self._maybe_fail()
        wanted = {
            "redirect_uri": redirect_uri,
            "state": state,
            "nonce": nonce,
            "code_challenge": challenge,
        }
        return "https://id.example.com/auth?" + urlencode(wanted)

    async def check_response_issuer(self, iss: str | None) -> None:
        if iss not in {None, "https://id.example.com"}:
            raise CustodyError("identity.issuer", "The answer is another issuer's.")

    async def redeem(
        self, *, code: Secret, verifier: Secret, nonce: str, redirect_uri: str
    ) -> ProviderLogin:
        self._maybe_fail()
        self.seen.append(
            {
                "code": code.reveal(),
                "verifier": verifier.reveal(),
                "nonce": nonce,
                "redirect_uri": redirect_uri,
            }
        )
        return ProviderLogin(self.proof(Method.OIDC_CODE), Secret("refresh"), Secret("id"))

    async def begin_device(self) -> DeviceAuthorization:
        self._maybe_fail()
        return DeviceAuthorization(
            Secret("providers-device-code"),
            "WDJB-MJHT",
            "https://id.example.com/device",
            "",
            expires_in=600,
            interval=5,
        )

    async def poll_device(self, device_code: Secret) -> ProviderLogin | DevicePending:
        assert device_code.reveal() == "providers-device-code"
        self._maybe_fail()
        if self.pending:
            return DevicePending(self.pending.pop(0))
        return ProviderLogin(self.proof(Method.OIDC_DEVICE), None, Secret("id"))

    async def check_logout(self, token: Secret) -> LogoutToken:
        if token.reveal() != "logout-token":
            raise CustodyError("identity.signature", "The token's signature does not fit.")
        return LogoutToken("https://id.example.com", "ada", "", "jti-1", self.now + 60_000)

    # A SAML provider.
    def metadata(self) -> bytes:
        return b"<EntityDescriptor/>"

    def begin(self, *, relay: str) -> SamlRequest:
        self.request = f"_{self.random(8).hex()}"
        self.answered_to = self.request
        return SamlRequest(
            "https://idp.example.com/sso?" + urlencode({"RelayState": relay}), self.request
        )

    async def check(self, response: bytes, *, request_ids: Any) -> SamlAnswer:
        if response != b"cmVzcG9uc2U=" or self.answered_to not in request_ids:
            raise CustodyError("identity.malformed", "The response is not fit.")
        return SamlAnswer(self.proof(Method.SAML), self.answered_to, self.now + 600_000, None)

    # The desks.
    async def use(self, kind: str, value: str, until: int) -> bool:
        fresh = f"{kind}/{value}" not in self.used
        self.used.add(f"{kind}/{value}")
        return fresh

    async def accept(
        self, proof: Proof, *, client: str, refresh: Secret | None = None
    ) -> tuple[Secret, RememberedLogin]:
        self.records.append(f"accepted {proof.identity.subject} {proof.method} {client}")
        login = RememberedLogin(
            LoginId("login_aaaaaaaaaaaaaaaaaaaa"),
            proof,
            b"",
            started=self.now,
            expires=self.now + 28_800_000,
            client=client,
        )
        return Secret("cl_the-login"), login

    async def authenticate(self, secret: Secret) -> RememberedLogin:
        raise AssertionError("the console never asks for a login by its secret")

    async def end_at_provider_logout(self, provider: str, subject: str, session: str) -> int:
        self.ended.append(f"{provider} {subject} {session}")
        return 1

    async def end(self, what: str, reason: str, actor: str = "") -> bool:
        self.ended.append(f"{what} {reason}")
        return True

    async def exchange(self, asked: ExchangeRequest, client: str) -> ExchangeResult:
        self._maybe_fail()
        self.asked.append(asked)
        if asked.requested_type.endswith(":login"):
            secret, login = await self.accept(self.proof(Method.OIDC_TOKEN), client=client)
            return StartedLogin(secret, login)
        reachable = ReachableTarget(
            TargetName("orders"), "postgres", "orders", frozenset({Effect.READ, Effect.WRITE})
        )
        return StartedLoop(self.ticket_secret, self.ticket, (reachable,))

    async def revoke(self, token: Secret, client: str) -> bool:
        self.ended.append("revoked")
        return token.reveal().startswith("c")

    async def record_refusal(self, reason: str, *, client: str, subject: str = "") -> None:
        self.records.append(f"refused {reason} {client} {subject}".strip())

    # A meter.
    async def spent(self, admission: Admission) -> LoopUsage:
        return LoopUsage((), Spent(commands=3, rows=40))

    def facts(self) -> GatewayInfo:
        return GatewayInfo(
            name="gw.example.com",
            version="1",
            ca="-----BEGIN CERTIFICATE-----",
            providers=(ProviderInfo("corp", "oidc", "https://id.example.com", ("custody",)),),
            listeners=(ListenerInfo("postgres", "gw.example.com", 6432),),
            local=True,
        )


class PlayedTickets:
    """Knows the one ticket of the played gateway."""

    def __init__(self, played: Any) -> None:
        self._played = played

    def authenticate(self, secret: Secret, now: int) -> Admission | str:
        if secret.reveal() != self._played.ticket_secret.reveal():
            return "ticket.unknown"
        return Admission(self._played.ticket.id, self._played.ticket.loop)

    def still_admits(self, admission: Admission, now: int) -> bool:
        return True


def parts_of(played: Any, *, url: str = URL, door: socket.socket | None = None) -> ConsoleParts:
    book = PendingLogins(clock=played.clock, entropy=played.random)
    return ConsoleParts(
        socket=door or socket.socket(),
        url=url,
        tls=None,
        max_connections=100,
        gateway_info=played.facts,
        sign_in=SignIn(
            book,
            url=url,
            code={"corp": played, "other": played},
            device={"corp": played},
            saml={"corp-saml": played},
            logins=played,
            exchange=played,
            use=played.use,
        ),
        exchange=played,
        loops=played,
        ticket_authenticator=PlayedTickets(played),
        use=played.spent,
        clock=played.clock,
    )


class Scene:
    def __init__(self, runner: asyncio.Runner, url: str = URL) -> None:
        self.played = Played()
        self.parts = parts_of(self.played, url=url)
        self.site = make_site(self.parts)
        self.guard = Guard(self.site, url, words(self.site) | {"corp"}, RateLimiter(burst=10_000))
        self._runner = runner

    def browser(self, address: str = "192.0.2.7") -> Browser:
        return Browser(self.guard, self._runner, address)

    def begin(self, browser: Browser, provider: str = "corp", **other: str) -> Answer:
        return browser.get(f"/login/{provider}?{urlencode(ASKED | other)}")

    def to_confirmation(self, browser: Browser) -> str:
        """Through the provider and back: the state of the login that now waits."""
        state = self.begin(browser).told("state")
        back = browser.get(f"/login/corp/callback?code=the-code&state={state}")
        assert back.location == f"/confirm?state={state}", back
        return state

    def to_code(self, browser: Browser) -> str:
        state = self.to_confirmation(browser)
        return self.agree(browser, state).told("code")

    def agree(self, browser: Browser, state: str, answer: str = "yes") -> Answer:
        form = field(browser.get(f"/confirm?state={state}").text, "form")
        return browser.post("/confirm", {"state": state, "form": form, "answer": answer})


@contextmanager
def scene(url: str = URL) -> Iterator[Scene]:
    with asyncio.Runner() as runner:
        play = Scene(runner, url)
        try:
            yield play
        finally:
            play.parts.socket.close()
