"""`/oauth` and `/api`: what is carried to the app, what comes back, and what never gets there."""

from collections.abc import Iterator

import pytest
from tests.web.browsing import FORM
from tests.web.scene import DEVICE, EXCHANGE, Scene, scene

from custody.access.requests import LOGIN, TICKET, LoopRequest
from custody.model.errors import CustodyError, LogFailureError
from custody.model.identity import Budget
from custody.model.words import Effect, Exceeded

ID_TOKEN = "urn:ietf:params:oauth:token-type:id_token"
EXCHANGED = {
    "grant_type": EXCHANGE,
    "subject_token": "eyJ.secret.token",
    "subject_token_type": ID_TOKEN,
}


@pytest.fixture
def play() -> Iterator[Scene]:
    with scene() as ready:
        yield ready


def test_a_token_becomes_a_loop(play: Scene) -> None:
    form = [
        *EXCHANGED.items(),
        ("purpose", "monthly report"),
        ("target", "orders"),
        ("target", "stock"),
        ("effects", "read write"),
        ("ttl", "600"),
        ("client_host", "build-7"),
        ("budget_rows", "1000"),
        ("budget_then", "pause"),
        ("unknown", "is ignored"),
    ]
    answer = play.browser().post("/oauth/token", form)
    assert answer.status == 200, answer.text
    told = answer.json
    assert told["access_token"] == play.played.ticket_secret.reveal()
    assert told["issued_token_type"] == TICKET
    assert (told["token_type"], told["expires_in"]) == ("N_A", 3600)
    assert told["loop"]["identity"] == "ada"
    assert told["loop"]["principal"] is None
    assert told["loop"]["targets"] == [
        {
            "name": "orders",
            "protocol": "postgres",
            "database": "orders",
            "effects": ["read", "write"],
        }
    ]
    assert (answer.header("cache-control"), answer.header("pragma")) == ("no-store", "no-cache")
    (asked,) = play.played.asked
    assert asked.subject.reveal() == "eyJ.secret.token"
    assert (asked.subject_type, asked.requested_type) == (ID_TOKEN, TICKET)
    assert asked.loop_request == LoopRequest(
        purpose="monthly report",
        targets=("orders", "stock"),  # type: ignore[arg-type]  # names are texts
        effects=frozenset({Effect.READ, Effect.WRITE}),
        ttl_ms=600_000,
        client_host="build-7",
        budget=Budget(rows=1000, then=Exceeded.PAUSE),
    )


def test_a_token_becomes_a_login(play: Scene) -> None:
    answer = play.browser().post("/oauth/token", EXCHANGED | {"requested_token_type": LOGIN})
    assert answer.json["issued_token_type"] == LOGIN
    assert answer.json["access_token"] == "cl_the-login"


def test_a_human_and_an_agent(play: Scene) -> None:
    actor = {"actor_token": "eyJ.agent", "actor_token_type": ID_TOKEN}
    assert play.browser().post("/oauth/token", EXCHANGED | actor).status == 200
    (asked,) = play.played.asked
    assert asked.actor is not None
    assert asked.actor.reveal() == "eyJ.agent"


@pytest.mark.parametrize(
    ("other", "error", "code"),
    [
        ({"grant_type": ""}, "invalid_request", "web.parameter"),
        ({"grant_type": "password"}, "unsupported_grant_type", "web.grant-type"),
        ({"grant_type": "client_credentials"}, "unsupported_grant_type", "web.grant-type"),
        ({"subject_token": ""}, "invalid_request", "web.parameter"),
        ({"subject_token_type": ""}, "invalid_request", "web.parameter"),
        ({"actor_token": "eyJ"}, "invalid_request", "web.parameter"),
        ({"actor_token_type": ID_TOKEN}, "invalid_request", "web.parameter"),
        ({"requested_token_type": ID_TOKEN}, "invalid_request", "web.parameter"),
        ({"scope": "openid"}, "invalid_target", "web.narrowing"),
        ({"audience": "orders"}, "invalid_target", "web.narrowing"),
        ({"resource": "https://orders"}, "invalid_target", "web.narrowing"),
        ({"effects": "read everything"}, "invalid_scope", "web.effects"),
        ({"effects": "unknown"}, "invalid_scope", "web.effects"),
        ({"effects": " "}, "invalid_scope", "web.effects"),
        ({"ttl": "0"}, "invalid_request", "web.ttl"),
        ({"ttl": "-5"}, "invalid_request", "web.ttl"),
        ({"ttl": "999999999"}, "invalid_request", "web.ttl"),
        ({"ttl": "soon"}, "invalid_request", "web.parameter"),
        ({"budget_rows": "-1"}, "invalid_request", "web.parameter"),
        ({"budget_then": "shrug"}, "invalid_request", "web.parameter"),
        ({"purpose": "x" * 1025}, "invalid_request", "web.parameter"),
        ({"grant_type": "authorization_code"}, "invalid_request", "web.parameter"),
        ({"grant_type": "authorization_code", "code": "c"}, "invalid_request", "web.parameter"),
        ({"grant_type": DEVICE}, "invalid_request", "web.parameter"),
        (
            {"grant_type": "authorization_code", "code": "cc_x", "code_verifier": "v" * 43},
            "invalid_grant",
            "login.code",
        ),
        ({"grant_type": DEVICE, "device_code": "cd_x"}, "expired_token", "login.device-code"),
    ],
)
def test_what_is_not_taken(play: Scene, other: dict[str, str], error: str, code: str) -> None:
    answer = play.browser().post("/oauth/token", EXCHANGED | other)
    assert answer.status == 400
    assert (answer.json["error"], answer.json["code"]) == (error, code)
    assert "secret" not in answer.text
    assert not play.played.asked


def test_a_parameter_counts_once(play: Scene) -> None:
    for name in ("grant_type", "subject_token", "ttl"):
        twice = [*EXCHANGED.items(), ("ttl", "60"), (name, "60")]
        answer = play.browser().post("/oauth/token", twice)
        assert answer.json["code"] == "web.repeated"


def test_a_token_in_the_address_is_refused(play: Scene) -> None:
    browser = play.browser()
    for path in ("/oauth/token?subject_token=eyJ", "/oauth/revoke?token=ct_x"):
        assert browser.post(path, EXCHANGED).json["code"] == "web.query"
    assert browser.get("/api/v1/loops/self?access_token=ct_x").json["code"] == "web.query"


@pytest.mark.parametrize(
    ("body", "content_type", "status"),
    [
        (b"{}", "application/json", 415),
        (b"grant_type=x", "text/plain", 415),
        (b"grant_type=x", "multipart/form-data; boundary=x", 415),
        (b"grant_type=x", FORM + "; charset=utf-16", 415),
        (b"", FORM, 400),
        (b"grant_type=\xff", FORM, 400),
        (b"grant_type=%ff", FORM, 400),
        (b"grant_type", FORM, 400),
        (b"&".join(b"a%d=1" % n for n in range(201)), FORM, 400),
        (b"grant_type=%00", FORM, 400),
        (b"grant_type=" + b"x" * 600_000, FORM, 413),
    ],
)
def test_bodies_that_are_no_forms(play: Scene, body: bytes, content_type: str, status: int) -> None:
    answer = play.browser().ask(
        "POST", "/oauth/token", body=body, headers={"content-type": content_type}
    )
    assert answer.status == status
    assert set(answer.json) == {"error", "error_description", "code"}


@pytest.mark.parametrize(
    ("fails", "status", "error", "says"),
    [
        (CustodyError("identity.audience", "Another audience."), 400, "invalid_request", "Another"),
        (CustodyError("identity.unreachable", "No answer."), 503, "temporarily_unavailable", "No"),
        (CustodyError("loop.no-grant", "No grant."), 400, "access_denied", "No grant"),
        (CustodyError("loop.scope", "Too wide."), 400, "invalid_scope", "Too wide"),
        (CustodyError("login.local-off", "Off."), 400, "access_denied", "Off"),
        (CustodyError("state.failed", "/srv/x is gone"), 503, "temporarily_unavailable", "cannot"),
        (LogFailureError("log.full", "/srv/y is full"), 503, "temporarily_unavailable", "cannot"),
        (ValueError("/srv/z\nsecret"), 500, "server_error", "failed inside"),
        (
            CustodyError("identity.groups", 'A "quote" and a \\ and an é.'),
            400,
            "invalid_request",
            "A 'quote' and a / and an ?.",
        ),
    ],
)
def test_what_failed_inside_is_not_told(
    play: Scene, fails: Exception, status: int, error: str, says: str
) -> None:
    play.played.fails = fails
    answer = play.browser().post("/oauth/token", EXCHANGED)
    assert (answer.status, answer.json["error"]) == (status, error)
    assert says in answer.json["error_description"]
    assert "/srv" not in answer.text


def test_a_device_waits_and_gets_its_login(play: Scene) -> None:
    browser = play.browser()
    begun = browser.post("/oauth/device_authorization", {"provider": "corp"}).json
    assert begun["user_code"] == "WDJB-MJHT"
    assert begun["verification_uri"] == "https://id.example.com/device"
    assert "verification_uri_complete" not in begun
    assert begun["device_code"].startswith("cd_")
    asks = {"grant_type": DEVICE, "device_code": begun["device_code"]}

    hasty = browser.post("/oauth/token", asks)
    assert hasty.json["error"] == "slow_down"
    assert play.played.pending, "the provider was not asked"
    play.played.now += 5_000
    assert browser.post("/oauth/token", asks).json["error"] == "slow_down", "and it counts"
    play.played.now += 20_000
    assert browser.post("/oauth/token", asks).json["error"] == "authorization_pending"
    play.played.now += 20_000
    login = browser.post("/oauth/token", asks)
    assert login.json["access_token"] == "cl_the-login"
    assert play.played.records[-1] == "accepted ada oidc.device 192.0.2.7"
    play.played.now += 20_000
    assert browser.post("/oauth/token", asks).json["error"] == "expired_token", "once"


@pytest.mark.parametrize("reason", ["access_denied", "expired_token"])
def test_a_device_that_was_declined(play: Scene, reason: str) -> None:
    browser = play.browser()
    play.played.pending = [reason]
    begun = browser.post("/oauth/device_authorization", {"provider": "corp"}).json
    asks = {"grant_type": DEVICE, "device_code": begun["device_code"]}
    play.played.now += 5_000
    assert browser.post("/oauth/token", asks).json["error"] == reason
    said = reason.replace("_", "-")
    assert play.played.records == [f"refused login.{said} 192.0.2.7"]
    play.played.now += 20_000
    assert browser.post("/oauth/token", asks).json["code"] == "login.device-code"


def test_device_logins_only_where_they_are_on(play: Scene) -> None:
    for provider in ("other", "corp-saml", "nobody"):
        answer = play.browser().post("/oauth/device_authorization", {"provider": provider})
        assert (answer.status, answer.json["code"]) == (404, "login.provider")


def test_revocation_says_200_to_whatever(play: Scene) -> None:
    for token in ("cl_x", "ct_x", "nonsense"):
        answer = play.browser().post("/oauth/revoke", {"token": token, "token_type_hint": "x"})
        assert (answer.status, answer.json) == (200, {})


def test_a_ticket_sees_and_ends_its_own_loop(play: Scene) -> None:
    browser = play.browser()
    ticket = {"authorization": f"Bearer {play.played.ticket_secret.reveal()}"}
    seen = browser.get("/api/v1/loops/self", **ticket).json
    assert seen["id"] == play.played.ticket.loop.id
    assert seen["spent"] == {"commands": 3, "rows": 40, "bytes": 0, "writes": 0, "denials": 0}
    assert play.played.ticket_secret.reveal() not in str(seen)
    assert browser.ask("DELETE", "/api/v1/loops/self", headers=ticket).json == {"ended": True}
    assert play.played.ended == [f"{play.played.ticket.loop.id} ended"]


@pytest.mark.parametrize(
    "authorization", ["", "Bearer", "Bearer ", "Basic eDp5", "Bearer ct_x y", "Bearer ct_unknown"]
)
def test_strangers_see_no_loop(play: Scene, authorization: str) -> None:
    for method in ("GET", "DELETE"):
        answer = play.browser().ask(
            method, "/api/v1/loops/self", headers={"authorization": authorization}
        )
        assert answer.status == 401
        assert answer.header("www-authenticate") == 'Bearer error="invalid_token"'
        assert answer.json["error"] == "invalid_token"


def test_anybody_may_know_the_gateway(play: Scene) -> None:
    told = play.browser().get("/api/v1/gateway").json
    assert told["name"] == "gw.example.com"
    assert told["providers"][0]["issuer"] == "https://id.example.com"
    (listener,) = told["listeners"]
    assert (listener["protocol"], listener["host"]) == ("postgres", "gw.example.com")
    assert (listener["port"], listener["target"]) == (6432, None)


def test_a_providers_logout(play: Scene) -> None:
    browser = play.browser()
    path = "/login/corp/backchannel-logout"
    assert browser.post(path, {"logout_token": "logout-token"}).status == 200
    assert play.played.ended == ["corp ada "]
    again = browser.post(path, {"logout_token": "logout-token"})
    assert (again.status, again.json["code"]) == (400, "identity.replayed")
    forged = browser.post(path, {"logout_token": "forged"})
    assert (forged.status, forged.json["code"]) == (400, "identity.signature")
    assert browser.post("/login/nobody/backchannel-logout", {"logout_token": "x"}).status == 404
    assert play.played.ended == ["corp ada "]


def test_the_gateway_as_a_service_provider(play: Scene) -> None:
    answer = play.browser().get("/saml/corp-saml/metadata")
    assert (answer.status, answer.body) == (200, b"<EntityDescriptor/>")
    assert answer.header("content-type").startswith("application/samlmetadata+xml")
    assert play.browser().get("/saml/corp/metadata").status == 404
