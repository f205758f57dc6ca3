"""What the PostgreSQL codec costs in Python, without any I/O.

Run it with ``python -m bench.codec``. Figures are microseconds per round trip, the best of several
runs: receive and events of both sides, for one statement and its one-row answer.
"""

import time
from collections.abc import Callable, Hashable

from tests.protocols.postgres import messages as m

from custody.gateway.lookups.parser.cache import AnalysisCache
from custody.model.codec import UpstreamLogin
from custody.model.event import CommandsReceived, LoginReceived
from custody.model.secret import Secret
from custody.model.words import Side
from custody.protocols.postgres.codec import PostgresCodec
from custody.protocols.postgres.options import PostgresOptions
from custody.protocols.postgres.statements.catalogue import (
    ColumnsQuestion,
    RelationFact,
    RelationFacts,
    RelationsQuestion,
    TableFact,
    Unanswered,
)
from custody.wire.sql.analyse import analyse
from custody.wire.sql.syntax import ParseQuestion

UNANSWERED = Unanswered()
TEXTS = AnalysisCache()
FACTS: dict[Hashable, object] = {
    RelationsQuestion("accounts"): RelationFacts(
        (RelationFact("public", "accounts", "r", ("aid", "balance")),)
    ),
    ColumnsQuestion(16384): TableFact("public", "accounts", "r", ((1, "aid"), (2, "balance"))),
}
ANSWER = (
    m.columns(("balance", 16384, 2, 23, 0)) + m.row(b"12345") + m.complete("SELECT 1") + m.ready()
)


def recall(question: Hashable) -> object:
    if isinstance(question, ParseQuestion):
        return TEXTS.recall(question.text) or TEXTS.keep(question.text, analyse(question.text))
    return FACTS.get(question, UNANSWERED)


def session() -> PostgresCodec:
    codec = PostgresCodec(PostgresOptions(cleartext=True))
    codec.consult(recall)
    codec.receive(Side.CLIENT, m.startup(user="u", database="d") + m.password("x"))
    while not isinstance(event := codec.next_event(Side.CLIENT), LoginReceived):
        pass
    codec.admit(event, UpstreamLogin("app", "d", Secret("s"), tls="off", client_key=bytes(36)))
    codec.receive(Side.SERVER, m.LOGGED_IN)
    while (sent := codec.next_event(Side.SERVER)) is not None:
        if hasattr(sent, "question"):
            codec.answer(sent.question, recall(sent.question))
    return codec


def exchange(codec: PostgresCodec, sent: bytes, answered: bytes) -> None:
    next_event, client, server = codec.next_event, Side.CLIENT, Side.SERVER
    codec.receive(client, sent)
    while (event := next_event(client)) is not None:
        if type(event) is CommandsReceived:
            codec.allow(event)
    codec.receive(server, answered)
    while next_event(server) is not None:
        pass


def best(act: Callable[[], None], times: int) -> float:
    """Microseconds for one."""
    found = 1e9
    for _ in range(7):
        start = time.process_time()
        for _ in range(times):
            act()
        found = min(found, (time.process_time() - start) / times)
    return found * 1e6


def main() -> None:
    text = "SELECT balance FROM accounts WHERE aid = 7"
    codec = session()
    sent = m.query(text)
    print(f"simple, same text        {best(lambda: exchange(codec, sent, ANSWER), 5000):8.2f} µs")
    texts = [m.query(f"SELECT balance FROM accounts WHERE aid = {n}") for n in range(4000)]
    for one in texts:
        exchange(codec, one, ANSWER)
    turn = iter(range(10**9))

    def varied() -> None:
        exchange(codec, texts[next(turn) % 4000], ANSWER)

    print(f"simple, other texts      {best(varied, 4000):8.2f} µs (the analysis is remembered)")
    sent_extended = m.statement("SELECT balance FROM accounts WHERE aid = $1", b"7")
    answer = m.PARSED + m.BOUND + ANSWER
    print(
        f"extended, one statement  "
        f"{best(lambda: exchange(codec, sent_extended, answer), 3000):8.2f} µs"
    )
    exchange(
        codec,
        m.parse("SELECT balance FROM accounts WHERE aid = $1", "s") + m.SYNC,
        m.PARSED + m.ready(),
    )
    run = m.bind("", "s", [b"7"]) + m.execute() + m.SYNC
    done = m.BOUND + m.row(b"12345") + m.complete("SELECT 1") + m.ready()
    print(f"extended, prepared       {best(lambda: exchange(codec, run, done), 3000):8.2f} µs")
    rows_of_many(codec)


def rows_of_many(codec: PostgresCodec) -> None:
    count = 200_000
    row = m.row(b"12345", b"x" * 81)
    rows = b"".join(m.row(b"%d" % (n * 7919 % 100_000), b"x" * (80 + n % 3)) for n in range(count))
    for name, body in (("equal", row * count), ("varied", rows)):
        answer = m.columns(("a", 0, 0, 23, 0), ("b", 0, 0, 25, 0)) + body
        answer += m.complete(f"SELECT {count}") + m.ready()
        chunks = [answer[at : at + 65536] for at in range(0, len(answer), 65536)]

        def all_rows(chunks: list[bytes] = chunks) -> None:
            codec.receive(Side.CLIENT, m.query("SELECT a, b FROM accounts"))
            while (event := codec.next_event(Side.CLIENT)) is not None:
                if type(event) is CommandsReceived:
                    codec.allow(event)
            for chunk in chunks:
                codec.receive(Side.SERVER, chunk)
                while codec.next_event(Side.SERVER) is not None:
                    pass

        spent = best(all_rows, 1)
        rate = len(answer) / spent
        print(f"{count} {name} rows     {spent / count:8.3f} µs a row, {rate:7.0f} MB/s")


if __name__ == "__main__":
    main()
