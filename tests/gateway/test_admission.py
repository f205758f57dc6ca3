"""Logins with a provider's token where a ticket would be: who checks them, what is told."""

import asyncio
import traceback

import pytest
from tests.gateway.fakes import ADMISSION
from tests.gateway.stage import bench, kinds, line, run, until

from custody.gateway.admission import is_token
from custody.gateway.session_refusals import not_authenticated
from custody.model.identity import Admission, NotAdmitted
from custody.model.record import LoginRefused
from custody.model.secret import Secret

TOKEN = "eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJhZGEifQ.c2lnbmF0dXJl"


class Tokens:
    """Takes one token; any other is refused for the given reason. Waits where it is told to."""

    def __init__(self, reason: str = "identity.signature", *, slow: bool = False) -> None:
        self.reason = reason
        self.seen: list[tuple[str, str]] = []
        self.abandoned = 0
        self.open = asyncio.Event()
        if not slow:
            self.open.set()

    async def admit(self, token: Secret, client: str, now: int) -> Admission | NotAdmitted:
        self.seen.append((token.reveal(), client.rpartition(":")[0]))
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.abandoned += 1
            raise
        return ADMISSION if token.reveal() == TOKEN else NotAdmitted(self.reason)


@pytest.mark.parametrize(
    ("secret", "token"),
    [
        (TOKEN, True),
        ("a.b.c", True),
        ("ct_3q2-7wAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", False),
        ("a.b", False),
        ("a.b.c.d", False),
        ("a..c", False),
        ("a.b.", False),
        ("a.b.c\n", False),
        ("a.b.c=", False),
        ("é.b.c", False),
        ("", False),
    ],
)
def test_a_token_is_known_by_its_shape(secret: str, token: bool) -> None:  # noqa: FBT001 - a case's value
    assert is_token(Secret(secret)) is token


def test_a_token_begins_a_session_as_a_ticket_does() -> None:
    async def scenario() -> None:
        tokens = Tokens()
        async with bench(tokens=tokens) as b:
            reader, writer = await b.connect()
            writer.write(f"LOGIN orders {TOKEN}\n".encode())
            assert await line(reader) == "welcome"
            assert tokens.seen == [(TOKEN, "127.0.0.1")]
            assert TOKEN not in repr(b.log.bodies())

    run(scenario)


def test_a_ticket_is_not_looked_at_as_a_token() -> None:
    async def scenario() -> None:
        tokens = Tokens()
        async with bench(tokens=tokens) as b:
            await b.login()
            assert tokens.seen == []

    run(scenario)


def test_on_a_listener_for_tokens_even_a_ticket_is_one() -> None:
    async def scenario() -> None:
        bearer, passwords = Tokens("identity.malformed"), Tokens()
        async with bench(bearer=bearer, tokens=passwords) as b:
            reader, writer = await b.connect()
            writer.write(b"LOGIN orders ct_good\n")
            assert "identity" in await line(reader)
            assert bearer.seen == [("ct_good", "127.0.0.1")]
            assert passwords.seen == []

    run(scenario)


@pytest.mark.parametrize("tokens", [None, Tokens("token.unknown"), Tokens("identity.signature")])
def test_a_token_that_is_not_taken_is_told_what_an_unknown_ticket_is(
    tokens: Tokens | None,
) -> None:
    async def scenario() -> None:
        async with bench(tokens=tokens) as b:
            told = []
            for secret in ("ct_bad", "x" + TOKEN):
                reader, writer = await b.connect()
                writer.write(f"LOGIN orders {secret}\n".encode())
                told.append(await line(reader))
                assert await line(reader) == ""
            assert told[0] == told[1]
            reasons = [getattr(body, "reason", "") for body in b.log.bodies()]
            assert reasons == ["ticket.unknown", tokens.reason if tokens else "token.unknown"]
            assert TOKEN not in repr(b.log.bodies())

    run(scenario)


def test_the_record_names_who_had_proved_it_and_was_still_not_let_in() -> None:
    class Full:
        async def admit(self, token: Secret, client: str, now: int) -> Admission | NotAdmitted:
            return NotAdmitted("loop.concurrency", "ada")

    async def scenario() -> None:
        async with bench(tokens=Full()) as b:
            reader, writer = await b.connect()
            writer.write(f"LOGIN orders {TOKEN}\n".encode())
            await line(reader)
            (body,) = b.log.bodies()
            assert isinstance(body, LoginRefused)
            assert (body.reason, body.subject, body.target) == ("loop.concurrency", "ada", "orders")

    run(scenario)


def test_no_such_target_and_not_yours_are_the_same_words_for_a_token() -> None:
    async def scenario() -> None:
        async with bench(tokens=Tokens()) as b:
            told = []
            for target in ("nowhere", "secret-target"):
                reader, writer = await b.connect()
                writer.write(f"LOGIN {target} {TOKEN}\n".encode())
                told.append((await line(reader)).replace(target, "T"))
            assert told[0] == told[1]

    run(scenario)


@pytest.mark.parametrize("how", ["closes", "resets"])
def test_a_client_that_leaves_while_its_token_is_checked_is_noticed_at_once(how: str) -> None:
    async def scenario() -> None:
        tokens = Tokens(slow=True)
        async with bench(tokens=tokens) as b:
            _, writer = await b.connect()
            writer.write(f"LOGIN orders {TOKEN}\n".encode())
            await until(lambda: len(tokens.seen) == 1)
            if how == "closes":
                writer.close()
            else:
                writer.transport.abort()
            await until(lambda: tokens.abandoned == 1)
            assert b.server.seen == []
            assert kinds(b.log) == []

    run(scenario)


def test_others_are_served_while_a_token_is_checked() -> None:
    async def scenario() -> None:
        tokens = Tokens(slow=True)
        async with bench(tokens=tokens) as b:
            reader, writer = await b.connect()
            writer.write(f"LOGIN orders {TOKEN}\n".encode())
            await until(lambda: len(tokens.seen) == 1)
            await b.login()
            tokens.open.set()
            assert await line(reader) == "welcome"

    run(scenario)


class Broken:
    async def admit(self, token: Secret, client: str, now: int) -> Admission | NotAdmitted:
        raise RuntimeError(token.reveal())


def test_a_check_that_breaks_lets_nobody_in_and_tells_nothing(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def scenario() -> None:
        async with bench(tokens=Broken()) as b:
            reader, writer = await b.connect()
            writer.write(f"LOGIN orders {TOKEN}\n".encode())
            told = await line(reader)
            assert "internal" in told
            assert TOKEN not in told
            assert b.server.seen == []

    run(scenario)
    assert TOKEN not in caplog.text


def test_a_token_is_not_in_a_traceback() -> None:
    shown = traceback.format_exception(ValueError(Secret(TOKEN)))
    assert TOKEN not in "".join(shown)


@pytest.mark.parametrize(
    ("reason", "code", "says"),
    [
        ("identity.expired", "identity", "this token has expired"),
        ("identity.not-yet", "identity", "does not hold yet"),
        ("identity.replayed", "identity", "was used before"),
        ("identity.unreachable", "unchecked", "cannot be checked now"),
        ("loop.no-grant", "not_granted", "no grant"),
        ("loop.concurrency", "overloaded", "as many loops"),
        ("ticket.expired", "identity", "expired"),
        ("ticket.revoked", "identity", "revoked"),
        ("log.full", "unchecked", "no loop can begin"),
        ("state.locked", "unchecked", "no loop can begin"),
    ],
)
def test_what_the_holder_may_know(reason: str, code: str, says: str) -> None:
    refusal = not_authenticated(reason)
    assert (refusal.code, refusal.fatal) == (code, True)
    assert says in refusal.message
    assert refusal.hint


def test_whatever_else_is_wrong_is_one_sentence() -> None:
    reasons = ("identity.signature", "identity.audience", "identity.issuer", "token.unknown", "new")
    assert len({not_authenticated(reason) for reason in reasons}) == 1
    assert len({not_authenticated(reason, bearer=True) for reason in reasons}) == 1
    assert "ticket" not in not_authenticated("new", bearer=True).message
