"""Tokens: who checks them, what they become, and who is not let in."""

import asyncio
import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.access.scene import CI, CORP, HOUR, NOON, House, grant, job, loop_request, proof

from custody.access.exchange import TokenIssuer
from custody.access.requests import (
    ACCESS_TOKEN,
    ID_TOKEN,
    JWT,
    LOGIN,
    TICKET,
    ExchangeRequest,
    StartedLogin,
    StartedLoop,
)
from custody.identity.oidc.responses import TokenKind
from custody.model.errors import CustodyError
from custody.model.identity import Admission, NotAdmitted, Proof
from custody.model.record import LoginRefused
from custody.model.secret import Secret
from custody.model.words import Method

CLIENT = "192.0.2.7:4711"
OURS = frozenset({"custody"})


def token(issuer: str, says: str, *audience: str) -> Secret:
    """Shaped as a token is; the fake issuers below look at no signature."""

    def part(of: object) -> str:
        return base64.urlsafe_b64encode(json.dumps(of).encode()).decode().rstrip("=")

    return Secret(
        f"{part({'alg': 'RS256'})}.{part({'iss': issuer, 'sub': says, 'aud': audience})}.c2ln"
    )


class Checks:
    """An issuer that knows these subjects, and no others."""

    def __init__(self, **known: Proof) -> None:
        self.known = known
        self.asked: list[TokenKind | None] = []

    async def check(self, brought: Secret, kind: TokenKind | None = None) -> Proof:
        self.asked.append(kind)
        said = brought.reveal().split(".")[1]
        subject = json.loads(base64.urlsafe_b64decode(said + "=="))["sub"]
        if subject not in self.known:
            raise CustodyError("identity.requirement", "A requirement is not met.")
        return self.known[subject]


class Counter:
    """A house with one OpenID provider and two workloads of one issuer."""

    def __init__(self, folder: Path) -> None:
        ada = proof("ada", "agents", method=Method.OIDC_TOKEN)
        self.corp = Checks(ada=ada)
        self.main = Checks(
            main=job("acme/shop", "ci"), once=job("acme/shop", "ci", use="jti-1"),
            agent=job("agent-7", "agents"),
        )  # fmt: skip
        self.tags = Checks(tag=job("acme/shop", "ci"))
        self.people = Checks(ada=ada, stranger=ada)
        self.house = House(
            folder,
            grant("read", groups=("agents", "ci"), targets=("*",)),
            issuers=(
                TokenIssuer("ci", CI, OURS, workload=self.main, password=True),
                TokenIssuer("ci-tags", CI, OURS, workload=self.tags),
                TokenIssuer("corp", CORP, OURS, oidc=self.corp),
                TokenIssuer("ci-people", CI, frozenset({"people"}), oidc=self.people),
            ),
        )

    def ask(self, subject: Secret, kind: str, **more: object) -> StartedLoop | StartedLogin:
        asked = ExchangeRequest(subject, kind, **more)  # type: ignore[arg-type]  # a case's own fields
        return self.house.run(self.house.exchange.exchange(asked, CLIENT))

    def refused(self, subject: Secret, kind: str, **more: object) -> str:
        before = len(self.house.records)
        with pytest.raises(CustodyError) as caught:
            self.ask(subject, kind, **more)
        assert subject.reveal() not in str(caught.value)
        (record,) = self.house.records[before:]
        assert isinstance(record.body, LoginRefused)
        assert (record.body.reason, record.body.client) == (caught.value.code, CLIENT)
        return caught.value.code

    def started(self, subject: Secret, kind: str, **more: object) -> StartedLoop:
        answer = self.ask(subject, kind, **more)
        assert isinstance(answer, StartedLoop)
        return answer

    def admit(self, brought: Secret, *names: str) -> Admission | str:
        """Bring a token as a password; or at the entrance of these issuers."""
        door = self.house.exchange.tokens.authenticator_of(names or ("ci",))
        answer = self.house.run(door.admit(brought, CLIENT, self.house.now))
        return answer.reason if isinstance(answer, NotAdmitted) else answer


@pytest.fixture
def counter(tmp_path: Path) -> Iterator[Counter]:
    made = Counter(tmp_path)
    yield made
    made.house.state.close()


def test_a_workloads_token_becomes_a_loop(counter: Counter) -> None:
    started = counter.started(token(CI, "main"), JWT, loop_request=loop_request("orders"))
    assert started.ticket.loop.identity.subject == "acme/shop"
    assert started.ticket.loop.expires == NOON + HOUR
    assert counter.house.kinds() == ["login.accepted", "loop.start"]


def test_of_two_tables_of_one_issuer_the_one_that_takes_it_counts(counter: Counter) -> None:
    counter.started(token(CI, "tag"), JWT)
    assert len(counter.main.asked) == len(counter.tags.asked) == 1


@pytest.mark.parametrize("also", [(), ("people",)])
def test_what_a_workloads_table_refuses_no_provider_of_the_same_issuer_takes(
    counter: Counter, also: tuple[str, ...]
) -> None:
    brought = token(CI, "stranger", "custody", *also)
    for kind in (JWT, ID_TOKEN, ACCESS_TOKEN):
        assert counter.refused(brought, kind) == "identity.requirement"
    assert counter.admit(brought, "ci-people") == "token.unknown"
    assert not counter.people.asked


def test_what_is_meant_for_people_alone_is_the_providers(counter: Counter) -> None:
    answer = counter.ask(token(CI, "ada", "people"), ID_TOKEN, requested_type=LOGIN)
    assert isinstance(answer, StartedLogin)
    assert counter.people.asked == [TokenKind.ID_TOKEN]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [(ID_TOKEN, TokenKind.ID_TOKEN), (ACCESS_TOKEN, TokenKind.ACCESS_TOKEN), (JWT, None)],
)
def test_a_provider_is_told_what_kind_of_token_it_is(
    counter: Counter, kind: str, wanted: TokenKind | None
) -> None:
    counter.started(token(CORP, "ada"), kind)
    assert counter.corp.asked == [wanted]


def test_a_persons_token_becomes_a_login_and_that_starts_loops(counter: Counter) -> None:
    answer = counter.ask(token(CORP, "ada"), ID_TOKEN, requested_type=LOGIN)
    assert isinstance(answer, StartedLogin)
    started = counter.started(answer.secret, LOGIN, loop_request=loop_request("orders"))
    assert started.ticket.loop.login == answer.login.id
    assert counter.house.kinds() == ["login.accepted", "loop.start"]


def test_an_agents_token_acts_for_a_person(counter: Counter) -> None:
    started = counter.started(
        token(CORP, "ada"), ID_TOKEN, actor=token(CI, "agent"), actor_type=JWT
    )
    loop = started.ticket.loop
    assert loop.principal is not None
    assert (loop.identity.subject, loop.principal.subject) == ("agent-7", "ada")


def test_a_ticket_becomes_a_child(counter: Counter) -> None:
    parent = counter.started(token(CI, "main"), JWT)
    child = counter.started(parent.secret, TICKET, loop_request=loop_request("orders"))
    assert child.ticket.loop.parent == parent.ticket.loop.id


@pytest.mark.parametrize(
    ("subject", "kind", "more", "code"),
    [
        (token(CI, "branch"), JWT, {}, "identity.requirement"),
        (token("https://evil.example", "main"), JWT, {}, "identity.issuer"),
        (token(CI, "main"), "urn:ietf:params:oauth:token-type:saml2", {}, "exchange.type"),
        (token(CI, "main"), JWT, {"requested_type": "urn:x"}, "exchange.wanted"),
        (token(CI, "main"), JWT, {"requested_type": LOGIN}, "exchange.no-login"),
        (Secret("not a token"), JWT, {}, "identity.issuer"),
        (Secret("ct_" + "A" * 43), TICKET, {}, "ticket.unknown"),
        (Secret("ct_" + "A" * 43), TICKET, {"requested_type": LOGIN}, "exchange.ticket"),
        (Secret("cl_" + "A" * 43), LOGIN, {}, "identity.login-unknown"),
        (token(CI, "main"), JWT, {"loop_request": loop_request("secrets")}, "loop.scope"),
        (
            token(CORP, "ada"),
            ID_TOKEN,
            {"actor": Secret("cl_" + "A" * 43), "actor_type": LOGIN},
            "exchange.type",
        ),
    ],
)
def test_who_is_not_let_in_is_on_the_record(
    counter: Counter, subject: Secret, kind: str, more: dict[str, object], code: str
) -> None:
    assert counter.refused(subject, kind, **more) == code


def test_what_may_be_used_once_is_used_once(counter: Counter) -> None:
    counter.started(token(CI, "once"), JWT)
    assert counter.refused(token(CI, "once"), JWT) == "identity.replayed"


def test_refusals_are_recorded_as_far_as_strangers_may(counter: Counter) -> None:
    for _ in range(50):
        with pytest.raises(CustodyError):
            counter.ask(token(CI, "branch"), JWT)
    assert len(counter.house.refusals()) == 20


def test_whoever_holds_a_secret_may_throw_it_away(counter: Counter) -> None:
    house = counter.house
    login = counter.ask(token(CORP, "ada"), ID_TOKEN, requested_type=LOGIN)
    assert isinstance(login, StartedLogin)
    of_login = counter.started(login.secret, LOGIN)
    direct = counter.started(token(CI, "main"), JWT)
    assert house.run(house.exchange.revoke(direct.secret, CLIENT))
    assert not house.run(house.exchange.revoke(direct.secret, CLIENT))
    assert house.run(house.exchange.revoke(login.secret, CLIENT))
    assert not house.run(house.exchange.revoke(Secret("nonsense"), CLIENT))
    assert house.enter(of_login) == house.enter(direct) == "ticket.revoked"


def test_a_token_as_a_password_gives_one_loop_however_often_it_comes(counter: Counter) -> None:
    async def rush() -> list[Admission | NotAdmitted]:
        door = counter.house.exchange.tokens.authenticator_of(["ci"])
        coming = (door.admit(token(CI, "once"), CLIENT, NOON) for _ in range(8))
        return await asyncio.gather(*coming)

    admissions = counter.house.run(rush())
    assert len({each.loop.id for each in admissions if isinstance(each, Admission)}) == 1
    assert counter.house.kinds() == ["login.accepted", "loop.start"]
    assert len(counter.main.asked) == 1


def test_a_loop_that_was_ended_is_not_begun_anew_by_its_token(counter: Counter) -> None:
    house = counter.house
    admission = counter.admit(token(CI, "main"))
    assert isinstance(admission, Admission)
    house.run(house.loops.end(admission.loop.id, "killed", "root"))
    house.now += 2000
    assert counter.admit(token(CI, "main")) == "ticket.revoked"
    house.now = admission.loop.expires
    assert counter.admit(token(CI, "main")) == "ticket.revoked"


def test_the_twin_of_a_tokens_signature_is_no_other_token(counter: Counter) -> None:
    """Anybody can make it, without a key: (r, n - s) is as good a signature as (r, s)."""

    def signed(s: int) -> Secret:
        def part(of: bytes) -> str:
            return base64.urlsafe_b64encode(of).decode().rstrip("=")

        said = (
            part(b'{"alg":"ES256"}') + "." + part(json.dumps({"iss": CI, "sub": "main"}).encode())
        )
        return Secret(f"{said}.{part(b'r' * 32 + s.to_bytes(32, 'big'))}")

    house, order = counter.house, 2**256 - 2**224 + 2**192 - 0x4319055258E8617B0C46353D039CDAAF
    admission = counter.admit(signed(7))
    assert isinstance(admission, Admission)
    assert counter.admit(signed(order - 7)) == admission
    house.run(house.loops.end(admission.loop.id, "killed", "root"))
    house.now += 2000
    assert counter.admit(signed(order - 7)) == "ticket.revoked"


@pytest.mark.parametrize(
    ("brought", "code"),
    [
        (token(CORP, "ada"), "token.unknown"),
        (token(CI, "tag"), "identity.requirement"),
        (token("https://evil.example", "main"), "token.unknown"),
        (Secret("x.y.z"), "token.unknown"),
    ],
    ids=["not as a password", "not this table's", "a stranger's", "nonsense"],
)
def test_a_password_is_a_token_of_an_issuer_that_allows_it(
    counter: Counter, brought: Secret, code: str
) -> None:
    assert counter.admit(brought) == code
    assert counter.house.kinds() == []


def test_an_entrance_takes_its_own_issuers_tokens_alone(counter: Counter) -> None:
    house = counter.house
    brought = token(CORP, "ada")
    admission = counter.admit(brought, "corp")
    assert isinstance(admission, Admission)
    assert counter.admit(brought, "ci") == "token.unknown"
    house.run(house.loops.end(admission.loop.id, "killed", "root"))
    assert counter.admit(brought, "corp") == "ticket.revoked"


def test_two_tables_of_one_issuer_do_not_let_in_each_others_tokens(counter: Counter) -> None:
    assert isinstance(counter.admit(token(CI, "main"), "ci"), Admission)
    assert counter.admit(token(CI, "main"), "ci-tags") == "identity.requirement"


@pytest.mark.parametrize("end", ["kill", "revoke", "nothing"])
def test_what_a_token_began_is_remembered_across_a_restart(
    counter: Counter, tmp_path: Path, end: str
) -> None:
    admission = counter.admit(token(CI, "once"))
    assert isinstance(admission, Admission)
    loop, house = admission.loop, counter.house
    house.state.close()
    again = Counter(tmp_path)
    match end:
        case "kill":
            again.house.run(again.house.loops.end(loop.id, "killed", "root"))
        case "revoke":
            logins, who = again.house.logins, loop.identity
            again.house.run(logins.revoke(who.issuer, who.subject, "root"))
            again.house.run(logins.restore(who.issuer, who.subject, "root"))
    answer = again.admit(token(CI, "once"))
    assert answer == (admission if end == "nothing" else "ticket.revoked")
    assert again.main.asked == []
    again.house.state.close()


def test_a_token_waits_for_no_view_to_see_that_its_loop_ended(counter: Counter) -> None:
    house = counter.house
    admission = counter.admit(token(CI, "main"))
    assert isinstance(admission, Admission)
    assert house.door.still_admits(admission, house.now)
    house.run(house.loops.end(admission.loop.id, "killed", "root"))
    assert house.door.still_admits(admission, house.now)  # its view is younger than a second
    assert counter.admit(token(CI, "main")) == "ticket.revoked"


def test_a_loop_that_began_under_a_fresh_view_is_alive(counter: Counter) -> None:
    house = counter.house
    house.door.authenticate(Secret("ct_" + "A" * 43), house.now)
    admission = counter.admit(token(CI, "main"))
    assert isinstance(admission, Admission)
    assert house.door.still_admits(admission, house.now)


def test_a_token_whose_loop_nobody_was_ever_in_is_no_worse_for_it(counter: Counter) -> None:
    counter.house.broken = True
    assert counter.admit(token(CI, "main")) == "log.full"
    counter.house.broken = False
    assert isinstance(counter.admit(token(CI, "main")), Admission)


def test_a_token_that_no_loop_may_begin_by_is_left_to_the_listeners_record(
    counter: Counter,
) -> None:
    house = counter.house
    house.run(house.logins.revoke(CI, "acme/shop", "root"))
    before = len(house.records)
    door = house.exchange.tokens.authenticator_of(["ci"])
    answer = house.run(door.admit(token(CI, "main"), CLIENT, house.now))
    assert answer == NotAdmitted("identity.revoked", "acme/shop")
    assert len(house.records) == before
