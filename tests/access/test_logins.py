"""Logins: remembered, recognised, asked for again, ended; and identities that are revoked."""

import asyncio
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import pytest
from tests.access.scene import HOUR, MINUTE, NOON, House, grant, job, loop_request, proof

from custody.access.refresh_tokens import load_refresh_token_sealer
from custody.identity.oidc.responses import ProviderLogin
from custody.model.errors import CustodyError
from custody.model.gateway_records import AdminAct
from custody.model.identity import Admission, Proof, RememberedLogin
from custody.model.record import LoginAccepted, LoginEnd
from custody.model.secret import Secret
from custody.model.words import LoginId, Method

REFRESH = "a-refresh-token-of-ada"


class Provider:
    """Answers the next refresh with what a test put there."""

    def __init__(self) -> None:
        self.answer: Proof | CustodyError = proof()
        self.asked: list[str] = []

    async def refresh(self, refresh: Secret, before: Proof) -> ProviderLogin:
        self.asked.append(refresh.reveal())
        if isinstance(self.answer, CustodyError):
            raise self.answer
        return ProviderLogin(self.answer, Secret(f"token {len(self.asked)}"), Secret("id"))


class Office:
    def __init__(self, folder: Path) -> None:
        self.provider = Provider()
        grants = (
            grant("read", groups=("agents",)),
            grant("read", "write", groups=("dba",), name="for dbas"),
        )
        self.house = House(folder, *grants, providers={"corp": self.provider})

    def accept(self, who: Proof, *, refresh: bool = False) -> tuple[Secret, RememberedLogin]:
        token = Secret(REFRESH) if refresh else None
        return self.house.run(self.house.logins.accept(who, client="127.0.0.1:9", refresh=token))

    def fault(self, secret: Secret) -> str:
        with pytest.raises(CustodyError) as caught:
            self.house.run(self.house.logins.authenticate(secret))
        return caught.value.code

    def recheck(self) -> int:
        self.house.now += MINUTE
        return self.house.run(self.house.logins.recheck("corp"))


@pytest.fixture
def office(tmp_path: Path) -> Iterator[Office]:
    made = Office(tmp_path)
    yield made
    made.house.state.close()


def test_a_login_is_on_the_record_and_is_recognised_by_its_secret(office: Office) -> None:
    house = office.house
    secret, login = office.accept(proof("ada", "agents"))
    assert secret.reveal().startswith("cl_")
    (accepted,) = house.bodies(LoginAccepted)
    assert (accepted.login, accepted.client) == (login.id, "127.0.0.1:9")
    assert accepted.expires == login.expires == NOON + 8 * HOUR
    assert house.run(house.logins.authenticate(secret)) == login
    assert office.fault(Secret("cl_" + "A" * 43)) == "identity.login-unknown"
    assert office.fault(Secret("ct_" + secret.reveal()[3:])) == "identity.login-unknown"
    house.now = login.expires
    assert office.fault(secret) == "identity.login-expired"


def test_a_login_that_is_not_on_the_record_does_not_exist(office: Office) -> None:
    office.house.broken = True
    with pytest.raises(CustodyError):
        office.accept(proof())
    assert office.house.run(office.house.logins.list()) == []


def test_a_token_that_was_brought_is_remembered_no_longer_than_it_holds(office: Office) -> None:
    _, login = office.accept(proof(method=Method.OIDC_TOKEN, lasts=MINUTE))
    assert login.expires == NOON + MINUTE


@pytest.mark.parametrize("reason", ["logout", "expired", "revoked", "provider.logout"])
def test_the_end_of_a_login_is_the_end_of_its_loops(office: Office, reason: str) -> None:
    house = office.house
    who = proof("ada", "agents", session="s1")
    secret, login = office.accept(who)
    started = house.start(who, login=login)
    child = house.child(started)
    other = house.start(proof("bob"))
    admission = house.enter(child)
    assert isinstance(admission, Admission)
    match reason:
        case "logout":
            assert house.run(house.logins.end(login.id, "logout"))
        case "expired":
            house.now = login.expires - 1
            assert house.run(house.logins.lapse()) == 0
            house.now += 1
            assert house.run(house.logins.lapse()) == 1
        case "revoked":
            assert house.run(house.logins.revoke(who.identity.issuer, "ada", "root")) == 2
        case _:
            assert house.run(house.logins.end_at_provider_logout("corp", "", "s1")) == 1
    assert not house.door.still_admits(admission, house.now + 1000)
    assert {loop for loop, _ in house.closed} == {started.ticket.loop.id, child.ticket.loop.id}
    assert house.bodies(LoginEnd) == [LoginEnd(login.id, reason)]
    house.run(house.logins.record_ends())
    assert [len(reasons) for reasons in house.ends().values()] == [1, 1]
    assert not house.run(house.logins.end(login.id, "logout"))
    if reason != "expired":
        assert isinstance(house.enter(other), Admission)
        assert office.fault(secret) == "identity.login-ended"
        with pytest.raises(CustodyError):
            house.start(who, login=login)


@pytest.mark.parametrize(
    ("subject", "session", "ended"),
    [("ada", "", 2), ("", "s1", 1), ("ada", "s2", 1), ("bob", "", 0), ("", "", 0)],
)
def test_a_providers_logout_names_a_person_a_session_or_both(
    office: Office, subject: str, session: str, ended: int
) -> None:
    for name in ("s1", "s2"):
        office.accept(proof("ada", session=name))
    house = office.house
    assert house.run(house.logins.end_at_provider_logout("other", subject, session)) == 0
    assert house.run(house.logins.end_at_provider_logout("corp", subject, session)) == ended


def test_a_revoked_identity_is_out_until_it_is_restored(office: Office) -> None:
    house = office.house
    ada = proof("ada", "agents")
    loop = house.start(ada)
    acting = house.start(ada, actor=job("agent-7", "agents"))
    assert house.run(house.logins.revoke(ada.identity.issuer, "ada", "root")) == 2
    assert house.enter(loop) == house.enter(acting) == "ticket.revoked"
    for act in (lambda: house.start(ada), lambda: office.accept(ada)):
        with pytest.raises(CustodyError) as caught:
            act()
        assert caught.value.code == "identity.revoked"
    assert house.refusals() == ["identity.revoked", "identity.revoked"]
    with pytest.raises(CustodyError) as caught:
        house.start(ada, actor=job("agent-7", "agents"))
    assert caught.value.code == "identity.revoked"
    (revoked,) = house.run(house.logins.revoked_identities())
    assert (revoked.subject, revoked.actor) == ("ada", "root")
    house.run(house.logins.restore(ada.identity.issuer, "ada", "root"))
    house.start(ada)
    acts = [(body.act, body.subject) for body in house.bodies(AdminAct)]
    assert acts == [("identity.revoke", "ada"), ("identity.restore", "ada")]
    with pytest.raises(CustodyError) as caught:
        house.run(house.logins.restore(ada.identity.issuer, "ada", "root"))
    assert caught.value.code == "identity.not-revoked"


def test_a_recheck_keeps_what_the_provider_still_vouches_for(office: Office) -> None:
    secret, _ = office.accept(proof("ada", "agents"), refresh=True)
    office.provider.answer = proof("ada", "agents")
    assert office.house.run(office.house.logins.recheck("corp")) == 0
    assert office.recheck() == 1
    assert office.recheck() == 1
    assert office.provider.asked == [REFRESH, "token 1"]
    assert office.house.run(office.house.logins.authenticate(secret)).ended is None


def test_a_login_that_its_provider_refuses_ends_with_its_loops(office: Office) -> None:
    house = office.house
    secret, login = office.accept(proof(), refresh=True)
    started = house.start(proof(), login=login)
    office.provider.answer = CustodyError("identity.refused", "The provider said no.")
    office.recheck()
    assert house.bodies(LoginEnd) == [LoginEnd(login.id, "provider.refused")]
    assert house.enter(started) == "ticket.revoked"
    assert office.fault(secret) == "identity.login-ended"
    assert house.ends() == {started.ticket.loop.id: ["login.provider.refused"]}


@pytest.mark.parametrize(
    "code",
    [
        "identity.unreachable",
        "identity.client-refused",
        "vault.unreachable",  # the store of the client's secret
        "state.failed",
    ],
)
def test_a_provider_that_is_silent_ends_nothing_before_its_time(office: Office, code: str) -> None:
    house = office.house
    secret, login = office.accept(proof(), refresh=True)
    office.provider.answer = CustodyError(code, "Nobody answered.")
    for _ in range(3):
        assert office.recheck() == 1
    assert house.run(house.logins.authenticate(secret)).id == login.id
    house.now = login.expires
    assert house.run(house.logins.lapse()) == 1


def test_a_fault_of_our_own_in_a_recheck_ends_neither_the_login_nor_the_gateway(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    secret, _ = office.accept(proof(), refresh=True)

    async def refresh(_: Secret, before: Proof) -> ProviderLogin:
        raise ValueError(before)

    monkeypatch.setattr(office.provider, "refresh", refresh)
    assert office.recheck() == 1
    assert office.house.run(office.house.logins.authenticate(secret)).ended is None


def test_groups_that_are_gone_end_the_loops_that_rest_on_them(office: Office) -> None:
    house = office.house
    who = proof("ada", "agents", "dba")
    _, login = office.accept(who, refresh=True)
    writing = house.start(who, loop_request(effects=("write",)), login=login)
    office.provider.answer = proof("ada", "agents", "dba", "more")
    office.recheck()
    assert isinstance(house.enter(writing), Admission)
    office.provider.answer = proof("ada", "agents")
    office.recheck()
    assert house.enter(writing) == "ticket.revoked"
    assert house.ends() == {writing.ticket.loop.id: ["groups.changed"]}
    assert [body.identity.groups for body in house.bodies(LoginAccepted)] == [
        ("agents", "dba"),
        ("agents", "dba", "more"),
        ("agents",),
    ]
    (held,) = house.run(house.logins.list())
    assert held.proof.identity.groups == ("agents",)
    with pytest.raises(CustodyError) as caught:
        house.start(held.proof, loop_request(effects=("write",)), login=held)
    assert caught.value.code == "loop.scope"


def test_new_groups_work_only_once_they_are_on_the_record(office: Office) -> None:
    house = office.house
    secret, _ = office.accept(proof("ada", "agents", "more"), refresh=True)
    office.provider.answer = proof("ada", "agents", "dba")
    house.broken = True
    office.recheck()
    assert house.run(house.logins.authenticate(secret)).proof.identity.groups == ("agents",)
    house.broken = False
    office.recheck()
    assert house.run(house.logins.authenticate(secret)).proof.identity.groups == ("agents", "dba")
    assert house.bodies(LoginAccepted)[-1].identity.groups == ("agents", "dba")


@pytest.mark.parametrize("delegated", [False, True])
def test_groups_that_are_gone_end_loops_after_a_crash_too(
    office: Office, *, delegated: bool
) -> None:
    """What the provider said was kept, and then the gateway was killed; or a loop began meanwhile
    with what the login was before.
    """
    house = office.house
    _, login = office.accept(proof("ada", "agents", "dba"), refresh=True)
    agent = job("agent-7", "agents", "dba") if delegated else None
    writing = house.start(login.proof, loop_request(effects=("write",)), login=login, actor=agent)
    less = proof("ada", "agents")
    assert house.state.logins.renew(login.id, less, None)
    office.provider.answer = less
    office.recheck()
    assert house.ends() == {writing.ticket.loop.id: ["groups.changed"]}
    assert len(house.bodies(LoginAccepted)) == 1 + delegated


def test_a_refresh_token_is_not_to_be_found_on_the_disk(office: Office, tmp_path: Path) -> None:
    office.accept(proof(), refresh=True)
    kept = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"ada" in kept
    assert REFRESH.encode() not in kept


def test_a_seal_is_of_one_login_and_one_key(tmp_path: Path) -> None:
    sealing = load_refresh_token_sealer(tmp_path)
    assert (tmp_path / "login.key").stat().st_mode & 0o777 == 0o600
    login, other = LoginId("login_a"), LoginId("login_b")
    sealed = sealing.seal(login, Secret(REFRESH))
    assert load_refresh_token_sealer(tmp_path).open(login, sealed).reveal() == REFRESH
    for of, text in ((other, sealed), (login, b"short")):
        with pytest.raises(CustodyError) as caught:
            sealing.open(of, text)
        assert caught.value.code == "login.seal"
    (tmp_path / "login.key").write_text("nonsense")
    with pytest.raises(CustodyError) as caught:
        load_refresh_token_sealer(tmp_path)
    assert caught.value.code == "login.key"


def test_what_was_used_once_is_used_after_a_restart_too(office: Office) -> None:
    use: Callable[[], bool] = lambda: office.house.run(  # noqa: E731 - said three times below
        office.house.logins.use_once("token.ci", "jti-1", NOON + HOUR)
    )
    assert use()
    assert not use()
    assert office.house.run(office.house.logins.use_once("logout.ci", "jti-1", NOON + HOUR))
    office.house.state.logins.forget(0, NOON + HOUR)
    assert use()


def test_a_provider_whose_logins_all_hang_delays_nobody_at_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    slow, quick = Provider(), Provider()
    house = House(tmp_path, grant("read"), providers={"slow": slow, "corp": quick})
    never = asyncio.Event()

    async def hang(_: Secret, before: Proof) -> ProviderLogin:
        await never.wait()
        raise AssertionError(before)

    monkeypatch.setattr(slow, "refresh", hang)

    async def scenario() -> None:
        for number in range(20):
            who = msgspec.structs.replace(proof(f"a{number}"), provider="slow")
            await house.logins.accept(who, client="", refresh=Secret(REFRESH))
        await house.logins.accept(proof(), client="", refresh=Secret(REFRESH))
        quick.answer = CustodyError("identity.refused", "The provider said no.")
        house.now += MINUTE
        async with asyncio.timeout(10), asyncio.TaskGroup() as tasks:
            rounds = tasks.create_task(house.logins.recheck("slow"))
            await asyncio.sleep(0.1)
            assert await house.logins.recheck("corp") == 1
            assert not rounds.done()
            rounds.cancel()

    assert set(house.logins.recheckable_providers) == {"slow", "corp"}
    house.run(scenario())
    assert [body.reason for body in house.bodies(LoginEnd)] == ["provider.refused"]
    house.state.close()


def test_rechecks_do_not_wait_for_one_that_hangs(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    house = office.house
    slow = asyncio.Event()

    async def scenario() -> None:
        secrets = [
            (await house.logins.accept(proof(name), client="", refresh=Secret(REFRESH)))[0]
            for name in ("ada", "bob")
        ]

        async def refresh(_: Secret, before: Proof) -> ProviderLogin:
            if before.identity.subject == "ada":
                await slow.wait()
            return ProviderLogin(msgspec.structs.replace(before), None, Secret("id"))

        monkeypatch.setattr(office.provider, "refresh", refresh)
        house.now += MINUTE
        async with asyncio.timeout(5), asyncio.TaskGroup() as tasks:
            round_ = tasks.create_task(house.logins.recheck("corp"))
            await asyncio.sleep(0.1)
            assert (await house.logins.authenticate(secrets[1])).proof.identity.subject == "bob"
            assert not round_.done()
            slow.set()

    house.run(scenario())
