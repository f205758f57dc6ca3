"""The part of the fixed script that is spoken by hand: logins that are refused, and the protocol.

Law: as of the script.
"""

from tests.real import raw_line as raw
from tests.real.evidence_stage import Stage
from tests.real.raw_line import FLUSH, SYNC, TERMINATE, RawLine

UNKNOWN_TICKET = "ct_" + "a" * 43


def logins(stage: Stage, ticket: str) -> None:
    """What each is told, byte for byte."""
    withdrawn, name, _ = stage.ticket("eve", "agents")
    with stage.settled("loop.end"):
        stage.gateway.custody("ticket", "revoke", name)
    plain = {"user": "agent", "database": "orders"}
    for words, secret, more in (
        ("a ticket that nobody made", UNKNOWN_TICKET, {}),
        ("a password that is no ticket", "open sesame", {}),
        ("no password", "", {}),
        ("a ticket that was withdrawn", withdrawn, {}),
        ("no such target", ticket, {"database": "nowhere"}),
        ("no grant for this target", ticket, {"database": "stock"}),
        ("a card number for a target", ticket, {"database": "4111111111111111"}),
        ("a name for oneself", UNKNOWN_TICKET, {"user": "bob@example.com"}),
        ("replication", ticket, {"replication": "database"}),
        ("another role", "", {"role": "nobody_at_all"}),
        ("settings", "", {"options": "-c session_replication_role=replica"}),
        ("options", "", {"options": "-h"}),
        ("no user", "", {"user": ""}),
    ):
        with stage.settled("login.refused"):
            login(stage, words, secret, {**plain, **more})
    with stage.settled("session.end"):
        login(stage, "no such database", ticket, {**plain, "database": "orders/nowhere"})
    stage.login_refused("a driver with a wrong ticket", UNKNOWN_TICKET, "orders")
    with stage.settled("login.refused"):
        open_with(stage, "another protocol", raw.startup(plain, 2 << 16))
    open_with(stage, "a cancel request for nobody", raw.message(b"", raw.CANCEL, bytes(8)))
    open_with(stage, "a web request", b"GET / HTTP/1.1\r\n\r\n")


def login(stage: Stage, words: str, secret: str, parameters: dict[str, str]) -> None:
    stage.told(f"== {words}")
    with RawLine(stage.gateway.port, stage.told) as line:
        line.send("start-up", raw.startup(parameters))
        if line.until(b"R") == b"R":
            line.send("password", raw.message(b"p", raw.text(secret)))
            line.until()


def open_with(stage: Stage, words: str, opening: bytes) -> None:
    stage.told(f"== {words}")
    with RawLine(stage.gateway.port, stage.told) as line:
        line.send("it opens", opening)
        line.until()


def raw_protocol(stage: Stage, ticket: str) -> None:
    """The extended protocol step by step, and what breaks it."""
    select = "SELECT id, ssn, pin FROM users WHERE id <= $1::int ORDER BY id"
    with stage.settled("session.end"), enter(stage, "by hand", ticket) as line:
        for words, messages in (
            ("Parse, Describe", (raw.parse("s", select), raw.describe("S", "s"), SYNC)),
            ("Bind, Execute", (raw.bind("", "s", b"2"), raw.execute(), SYNC)),
            ("in binary", (raw.bind("", "s", b"1", results=1), raw.execute(), SYNC)),
            ("a value of NULL", (raw.bind("", "s", None), raw.execute(), SYNC)),
            ("a wrong value", (raw.bind("", "s", b"bob@example.com"), raw.execute(), SYNC)),
            ("Close", (raw.close("S", "s"), SYNC)),
            ("a statement that is gone", (raw.bind("", "s", b"1"), raw.execute(), SYNC)),
            ("a refused Parse", (raw.parse("d", "DELETE FROM users"), SYNC)),
            ("its Bind", (raw.bind("", "d"), raw.execute(), SYNC)),
            ("an empty query", (raw.parse("", ""), raw.bind("", ""), raw.execute(), SYNC)),
            ("two statements", (raw.parse("", "SELECT 1; SELECT 2"), SYNC)),
            ("a function", (raw.call(177, b"40", b"2"),)),  # int4pl
            ("a function with a wrong value", (raw.call(177, b"40", b"bob@example.com"),)),
            ("no such function", (raw.call(4_000_000_000 - 2**32, b"1"),)),
        ):
            line.send(words, *messages)
            line.until(b"Z")
        query(line, "SELECT ssn FROM users ORDER BY id")
        portal(line, select)
        line.send("Terminate", TERMINATE)
        line.until()
    with stage.settled("session.end"), enter(stage, "gone without a word", ticket) as line:
        query(line, "SELECT 1")
    with stage.settled("session.end"), enter(stage, "no such message", ticket) as line:
        line.send("nonsense", raw.message(b"?", b"bob@example.com"))
        line.until()


def portal(line: RawLine, select: str) -> None:
    """Some rows at a time, and what comes before a Sync."""
    query(line, "BEGIN")
    line.send("a portal", raw.parse("", select), raw.bind("p", "", b"3"), FLUSH)
    line.until(b"2")
    for rows in (2, 2):
        line.send("some rows", raw.execute("p", rows), FLUSH)
        line.until(b"s", b"C")
    line.send("Close", raw.close("P", "p"), SYNC)
    line.until(b"Z")
    line.send("a refusal, then more", raw.parse("", "DELETE FROM users"), raw.bind("", ""), FLUSH)
    line.until(b"E")
    line.send("Sync", raw.parse("", "SELECT 1"), SYNC)
    line.until(b"Z")
    query(line, "ROLLBACK")


def enter(stage: Stage, words: str, ticket: str) -> RawLine:
    stage.told(f"== {words}")
    line = RawLine(stage.gateway.port, stage.told)
    parameters = {"user": "agent", "database": "orders", "application_name": words}
    line.send("start-up", raw.startup(parameters))
    line.until(b"R")
    line.send("password", raw.message(b"p", raw.text(ticket)))
    line.until(b"Z")
    return line


def query(line: RawLine, words: str) -> None:
    line.send(words, raw.message(b"Q", raw.text(words)))
    line.until(b"Z")
