"""A pool of workers that can be lost: nobody's text but the culprit's suffers."""

import asyncio
import os
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from custody.gateway.lookups.parser import ParserPool
from custody.gateway.lookups.parser.frames import REQUEST_BYTES_AT_MOST
from custody.gateway.lookups.parser.process import Worker
from custody.gateway.lookups.parser.text_queue import LONG
from custody.wire.sql.syntax import Analysis, Statements, Unreadable

Scene = Callable[[ParserPool], Awaitable[None]]


def play(scene: Scene, *, workers: int = 2, seconds: float = 5.0, patience: float = 30.0) -> None:
    async def whole() -> None:
        async with ParserPool(
            workers=workers, processor_seconds=seconds, patience=patience
        ) as pool:
            await scene(pool)

    asyncio.run(whole())


async def read(pool: ParserPool, text: str, asker: str = "loop") -> Analysis:
    return await pool.parse(text, asker)


def workers_of(pool: ParserPool) -> list[Worker]:
    return [worker for worker in pool._alive if worker.ready]


def process(worker: Worker) -> int:
    assert worker._transport is not None
    pid = worker._transport.get_pid()
    assert pid is not None
    return pid


def test_texts_are_parsed_and_remembered() -> None:
    async def scene(pool: ParserPool) -> None:
        assert pool.recall("SELECT 'a'") is None
        first = await read(pool, "SELECT 'a'")
        assert isinstance(first, Statements)
        assert first.statements[0].stamp
        assert pool.recall("SELECT 'a'") is first
        typo = Unreadable("syntax", 'syntax error at or near "SELEC"', 1)
        assert await read(pool, "SELEC") == typo
        assert pool.recall("SELEC") == typo

    play(scene)


def test_texts_that_differ_in_integers_share_an_answer() -> None:
    async def scene(pool: ParserPool) -> None:
        first = await read(pool, "SELECT a FROM t WHERE id = 111")
        assert pool.recall("SELECT a FROM t WHERE id = 222") is first
        assert pool.recall("SELECT a FROM t WHERE id = 2222") is None
        await read(pool, "DELETE FROM t WHERE 1 = 2")
        assert pool.recall("DELETE FROM t WHERE 1 = 1") is None

    play(scene)


def test_the_same_text_asked_twice_at_once_is_parsed_once() -> None:
    async def scene(pool: ParserPool) -> None:
        one, other = await asyncio.gather(read(pool, "SELECT 'x'"), read(pool, "SELECT 'x'"))
        assert one is other

    play(scene, workers=1)


def test_a_crash_costs_one_worker_and_one_answer() -> None:
    async def scene(pool: ParserPool) -> None:
        await read(pool, "SELECT 0")
        (worker,) = workers_of(pool)
        os.kill(process(worker), signal.SIGSTOP)
        culprit = asyncio.ensure_future(read(pool, "SELECT 'culprit'"))  # noqa: TID251  # the scene awaits it
        queued = asyncio.ensure_future(read(pool, "SELECT 'queued'"))  # noqa: TID251  # likewise
        await asyncio.sleep(0.05)
        os.kill(process(worker), signal.SIGKILL)
        assert await culprit == Unreadable("crash")
        assert isinstance(await queued, Statements)
        assert pool.lost == 1
        assert isinstance(await read(pool, "SELECT 'after'"), Statements)

    play(scene, workers=1)


def test_a_text_that_takes_more_than_its_length_allows_costs_its_worker() -> None:
    async def scene(pool: ParserPool) -> None:
        text = "SELECT a" + ", a" * 50_000
        assert await read(pool, text) == Unreadable("time-out")
        assert pool.recall(text) is None
        assert isinstance(await read(pool, "SELECT 'next'"), Statements)
        assert pool.lost == 1

    play(scene, workers=1, seconds=0.01)


def test_a_worker_that_is_only_slow_answers() -> None:
    async def scene(pool: ParserPool) -> None:
        await read(pool, "SELECT 0")
        (worker,) = workers_of(pool)
        os.kill(process(worker), signal.SIGSTOP)
        late = asyncio.ensure_future(read(pool, "SELECT 'late'"))  # noqa: TID251  # the scene awaits it
        await asyncio.sleep(0.7)  # longer than any text may take
        assert not late.done()
        os.kill(process(worker), signal.SIGCONT)
        assert isinstance(await late, Statements)
        assert pool.lost == 0

    play(scene, workers=1, seconds=0.5)


def test_a_worker_that_hangs_is_lost_and_says_nothing_of_its_text() -> None:
    async def scene(pool: ParserPool) -> None:
        await read(pool, "SELECT 0")
        (worker,) = workers_of(pool)
        os.kill(process(worker), signal.SIGSTOP)
        assert await read(pool, "SELECT 'hangs'") == Unreadable("overload")
        assert pool.recall("SELECT 'hangs'") is None
        assert isinstance(await read(pool, "SELECT 'hangs'"), Statements)
        assert pool.lost == 1

    play(scene, workers=1, seconds=0.1)


def test_long_texts_leave_a_worker_for_short_ones() -> None:
    async def scene(pool: ParserPool) -> None:
        while len(workers_of(pool)) < 2:  # noqa: ASYNC110  # processes set no event here
            await asyncio.sleep(0.01)
        for worker in workers_of(pool):
            os.kill(process(worker), signal.SIGSTOP)
        long = [
            asyncio.ensure_future(read(pool, f"SELECT '{n}{'x' * LONG}'", f"reader {n}"))  # noqa: TID251  # awaited below
            for n in range(8)
        ]
        await asyncio.sleep(0)
        short = asyncio.ensure_future(read(pool, "SELECT 'short'", "other"))  # noqa: TID251  # likewise
        await asyncio.sleep(0.05)
        (busy,) = pool._with_long
        (free,) = set(workers_of(pool)) - {busy}
        os.kill(process(free), signal.SIGCONT)
        assert isinstance(await short, Statements)
        assert not any(each.done() for each in long)
        os.kill(process(busy), signal.SIGCONT)
        assert all(isinstance(each, Statements) for each in await asyncio.gather(*long))

    play(scene)


HOSTILE = [
    "SELECT " + "1+" * 50_000 + "1",
    "SELECT " + "(" * 100_000,
    "SELECT " + "-" * 1 + " - " * 100_000 + "1",
    "SELECT " + "NOT " * 200_000 + "true",
    "SELECT " + "ARRAY[" * 50_000 + "1" + "]" * 50_000,
    "SELECT " + "1," * 200_000 + "1",
    "SELECT * FROM " + "(SELECT * FROM " * 20_000 + "t" + ") a" * 20_000,
    "SELECT 1" + " UNION SELECT 1" * 50_000,
    "SELECT a" + "[1]" * 100_000,
    "SELECT a" + ".b" * 100_000,
    "SELECT '" + "x" * 3_000_000 + "'",
    "DO $$ BEGIN " + "BEGIN " * 20_000 + "END; " * 20_000 + "END $$",
    "SELECT " + "CASE WHEN true THEN " * 20_000 + "1" + " END" * 20_000,
    ";" * 1_000_000,
    "SELECT 1;" * 50_000,
]


def test_hostile_texts_end_and_leave_the_pool_working() -> None:
    async def scene(pool: ParserPool) -> None:
        for text in HOSTILE:
            answer = await read(pool, text)
            assert isinstance(answer, (Statements, Unreadable))
            assert isinstance(await read(pool, "SELECT 'innocent'"), Statements)
        several = await asyncio.gather(*(read(pool, text + " ") for text in HOSTILE))
        assert all(isinstance(answer, (Statements, Unreadable)) for answer in several)
        assert isinstance(await read(pool, "SELECT 'still here'"), Statements)

    play(scene, seconds=0.3)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("SELECT '\ud800'", "encoding"),
        ("SELECT 1\0", "encoding"),
        ("x" * (REQUEST_BYTES_AT_MOST + 1), "too-long"),
    ],
)
def test_texts_that_are_not_sent(text: str, reason: str) -> None:
    async def scene(pool: ParserPool) -> None:
        assert await read(pool, text) == Unreadable(reason)
        assert pool.lost == 0

    play(scene, workers=1)


def test_too_many_waiting_texts_are_refused() -> None:
    async def scene(pool: ParserPool) -> None:
        await read(pool, "SELECT 0")
        (worker,) = workers_of(pool)
        os.kill(process(worker), signal.SIGSTOP)
        pool._patience = 0.5  # type: ignore[misc]  # the worker's start took longer than that
        answers = await asyncio.gather(*(read(pool, f"SELECT 'a{n}'") for n in range(300)))
        assert Unreadable("overload") in answers

    play(scene, workers=1, seconds=0.05)


def test_a_closed_pool_answers() -> None:
    async def whole() -> None:
        pool = ParserPool(workers=1)
        async with pool:
            pass
        assert await read(pool, "SELECT 1") == Unreadable("overload")

    asyncio.run(whole())


def test_a_worker_inherits_no_secret(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ORDERS_PASSWORD", "hunter2")

    async def scene(pool: ParserPool) -> None:
        await read(pool, "SELECT 0")
        for worker in workers_of(pool):
            folder = Path(f"/proc/{process(worker)}")
            assert b"hunter2" not in (folder / "environ").read_bytes()
            assert {link.name for link in (folder / "fd").iterdir()} == {"0", "1", "2"}
            limits = (folder / "limits").read_text()
            assert "Max core file size        0" in limits

    play(scene, workers=1)


def test_cancelling_one_asker_does_not_harm_another() -> None:
    async def scene(pool: ParserPool) -> None:
        await read(pool, "SELECT 0")
        one = asyncio.ensure_future(read(pool, "SELECT 'x'"))  # noqa: TID251  # the scene ends it
        other = asyncio.ensure_future(read(pool, "SELECT 'x'"))  # noqa: TID251  # likewise
        await asyncio.sleep(0)
        one.cancel()
        assert isinstance(await other, Statements)

    play(scene, workers=1)
