"""A session against a toy server, over real sockets: what moves, when, and what is recorded."""

import asyncio

import pytest
from tests.gateway.stage import bench, kinds, line, run, until

from custody.model.words import SessionId


def test_a_command_leaves_only_once_its_record_is_durable() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            b.log.by_hand = True
            writer.write(b"SELECT 1\n")
            await until(lambda: "CommandSeen" in kinds(b.log))
            await asyncio.sleep(0.05)
            assert b.server.seen == ["hello real-password"]
            b.log.sync()
            assert await line(reader) == "ok SELECT 1"
            assert b.server.seen[1:] == ["SELECT 1"]

    run(scenario)


def test_pipelined_commands_leave_in_order_and_share_a_sync() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            b.log.by_hand = True
            writer.write(b"SELECT 1\nSELECT 2\nSELECT 3\n")
            await until(lambda: kinds(b.log).count("CommandSeen") == 3)
            b.log.sync()
            assert [await line(reader) for _ in range(3)] == [f"ok SELECT {i}" for i in (1, 2, 3)]

    run(scenario)


def test_a_refused_command_is_recorded_answered_and_never_sent() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            writer.write(b"DELETE 1\n")
            assert "denied" in await line(reader)
            writer.write(b"SELECT 2\n")
            assert await line(reader) == "ok SELECT 2"
            assert b.server.seen[1:] == ["SELECT 2"]
            assert kinds(b.log) == [
                "SessionStart",
                "CommandSeen",
                "Response",
                "CommandSeen",
                "Response",
            ]

    run(scenario)


def test_one_refused_statement_holds_back_its_whole_message() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            writer.write(b"SELECT 1;DELETE 2\n")
            assert "denied" in await line(reader)
            assert b.server.seen == ["hello real-password"]
            assert kinds(b.log).count("CommandSeen") == 2
            assert kinds(b.log).count("Response") == 2

    run(scenario)


def test_a_policy_that_breaks_lets_nothing_through() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            writer.write(b"BROKEN\n")
            assert "not_recorded" in await line(reader)
            assert b.server.seen == ["hello real-password"]

    run(scenario)


def test_a_full_log_refuses_keeps_the_session_and_counts_the_gap() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            b.log.full = True
            writer.write(b"SELECT 1\n")
            assert "not_recorded" in await line(reader)
            b.log.full = False
            writer.write(b"SELECT 2\n")
            assert await line(reader) == "ok SELECT 2"
            assert "Gap" in kinds(b.log)
            assert b.server.seen[1:] == ["SELECT 2"]

    run(scenario)


def test_a_log_that_fails_while_a_command_waits_ends_the_session_without_sending() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            b.log.by_hand = True
            writer.write(b"SELECT 1\n")
            await until(lambda: "CommandSeen" in kinds(b.log))
            b.log.fail()
            assert "not_recorded" in await line(reader)
            assert await line(reader) == ""
            assert b.server.seen == ["hello real-password"]

    run(scenario)


def test_strict_responses_wait_for_their_record() -> None:
    async def scenario() -> None:
        async with bench(strict=True) as b:
            reader, writer = await b.login()
            b.log.by_hand = True
            writer.write(b"SELECT 1\n")
            await until(lambda: "CommandSeen" in kinds(b.log))
            b.log.sync()
            await until(lambda: "Response" in kinds(b.log))
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await reader.readline()
            b.log.sync()
            assert await line(reader) == "ok SELECT 1"

    run(scenario)


@pytest.mark.parametrize(
    ("login", "says", "reason"),
    [
        ("LOGIN orders ct_bad", "identity", "ticket.unknown"),
        ("LOGIN nowhere ct_good", "not_granted", "target.unknown"),
        ("LOGIN secret-target ct_good", "not_granted", "grant.missing"),
    ],
)
def test_a_refused_login_is_told_and_recorded(login: str, says: str, reason: str) -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.connect()
            writer.write(login.encode() + b"\n")
            assert says in await line(reader)
            assert await line(reader) == ""
            assert b.server.seen == []
            (body,) = b.log.bodies()
            assert getattr(body, "reason", "") == reason

    run(scenario)


def test_no_such_target_and_not_yours_are_the_same_words() -> None:
    async def scenario() -> None:
        async with bench() as b:
            answers = []
            for target in ("nowhere", "secret-target"):
                reader, writer = await b.connect()
                writer.write(f"LOGIN {target} ct_good\n".encode())
                answers.append((await line(reader)).replace(target, "T"))
            assert answers[0] == answers[1]

    run(scenario)


def test_a_target_that_dies_leaves_its_commands_unknown() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            b.server.silent = True
            writer.write(b"SELECT 1\n")
            await until(lambda: len(b.server.seen) == 2)
            b.server.drop()
            while await line(reader):
                pass
            await until(lambda: "SessionEnd" in kinds(b.log))
            assert kinds(b.log)[-2:] == ["ResponseUnknown", "SessionEnd"]

    run(scenario)


def test_what_a_client_sent_before_it_left_is_still_delivered() -> None:
    async def scenario() -> None:
        async with bench() as b:
            _, writer = await b.login()
            b.log.by_hand = True
            writer.write(b"SELECT 1\n")
            await writer.drain()
            await until(lambda: "CommandSeen" in kinds(b.log))
            writer.transport.abort()
            await asyncio.sleep(0.05)
            b.log.sync()
            await until(lambda: b.server.seen[1:] == ["SELECT 1"])

    run(scenario)


def test_garbage_ends_the_session_in_the_record_too() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, writer = await b.login()
            writer.write(b"SEL\0ECT\n")
            assert "protocol" in await line(reader)
            await until(lambda: "SessionEnd" in kinds(b.log))

    run(scenario)


def test_a_ticket_that_is_over_ends_its_sessions() -> None:
    async def scenario() -> None:
        async with bench() as b:
            reader, _ = await b.login()
            b.tickets.over = True
            for session in b.registry.all():
                session.end_if_over()
            assert "loop_over" in await line(reader)
            assert list(b.registry.of(SessionId("ses_none"))) == []

    run(scenario)
