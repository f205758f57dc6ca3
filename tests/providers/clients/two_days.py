"""One program's day, lived twice: direct, and through the gateway, each in a database of its own.

Law: both days saw the same and left the same behind, and whatever a server without a gateway
logs of the day is in the gateway's evidence, as often.
"""

import re
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.conftest import StartGateway
from tests.providers.clients.ordinary_day import direct, through
from tests.real.configs import HEAD, target
from tests.real.running import RunningGateway
from tests.real.test_dump import dumped, programs, without_chance

from custody.demo.scratch_postgres import ScratchPostgres

_LOGGED = re.compile(r"LOG:  (?:statement|execute [^\n]*?): (.*)", re.DOTALL)
_MARK = re.compile(r"‹[^›]*›")
# Times of day, object ids, and names that a library makes of addresses and threads.
_BY_CHANCE = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d+|[0-9a-f]{4,}", re.IGNORECASE)
_COMMENTS = re.compile(r"--[^\n]*")
_LINE = re.compile(r"\n(?=\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)")


class TwoDays:
    """The databases, the gateway in front of the second, and what was seen through it."""

    def __init__(
        self,
        server: ScratchPostgres,
        database: str,
        start_gateway: StartGateway,
        *,
        name: str = "orders",
    ) -> None:
        """``name`` is the target's."""
        self.name = name
        self.server = server
        self.plain = f"{database}_direct"
        self.behind = database
        server.create_database(self.plain)
        server.execute(f"ALTER DATABASE {self.plain} SET log_statement = 'all'")
        self.gateway: RunningGateway = start_gateway(HEAD + target(server, database, name=name))

    def live(self, words: Sequence[str], *options: str, **environment: str) -> list[Any]:
        """What both saw. With the option ``--local``, DATABASE_URL leads to the database."""
        begun = self.server.log.stat().st_size
        plain, behind = dict(environment), dict(environment)
        if "--local" in options:
            plain["DATABASE_URL"], behind["DATABASE_URL"] = map(
                self._url, (self.plain, self.behind)
            )
        seen = direct(self.server, self.plain, words, **plain)
        log = self.server.log.read_bytes()[begun:].decode()
        logged = _statements(log.replace(self.plain, self.behind))
        before = len(self.gateway.commands())
        found = through(self.gateway, words, *options, target=self.name, **behind)
        assert found == seen, [
            each for each in zip(found, seen, strict=False) if each[0] != each[1]
        ]
        texts = [item["text"] for item in self.gateway.commands()[before:]]
        assert logged
        assert not (missing := _not_held(logged, texts)), missing
        self.left_the_same()
        assert self.gateway.verify().returncode == 0
        return seen

    def _url(self, database: str) -> str:
        server = self.server
        user = f"{server.superuser}:{server.password}"
        return f"postgresql://{user}@{server.host}:{server.port}/{database}?sslmode=disable"

    def left_the_same(self) -> None:
        program = next(programs(self.server))
        plain, behind = (
            dumped(program, self.server.dsn(name)) for name in (self.plain, self.behind)
        )
        assert plain.returncode == 0, plain.stderr
        here, there = Counter(_lines(behind.stdout)), Counter(_lines(plain.stdout))
        assert here == there, (here - there, there - here)


def _statements(log: str) -> list[str]:
    """Those that the server logged, as they came: it sets a tab before each further line."""
    found = (_LOGGED.search(line) for line in _LINE.split("\n" + log))
    return [each[1].replace("\n\t", "\n").rstrip("\n") for each in found if each]


def _not_held(logged: Sequence[str], texts: Sequence[str]) -> Counter[str]:
    """What was logged and is not among the evidence's texts, in which passwords are marks."""
    held = Counter(map(_bare, texts))
    missing = Counter(piece for text in logged for piece in _pieces(text, held)) - held
    for text, count in held.items():
        if "‹" in text:
            shape = re.compile(".*?".join(map(re.escape, _MARK.split(text))), re.DOTALL)
            fitting = [each for each in missing.elements() if shape.fullmatch(each)]
            missing -= Counter(fitting[:count])
    return missing


def _pieces(text: str, held: Counter[str]) -> list[str]:
    """The statements of a text: the server logs them together, the evidence has each."""
    if _bare(text) in held:
        return [_bare(text)]
    pieces = map(_bare, text.split(";"))
    return [each for each in pieces if _COMMENTS.sub("", each).strip()]


def _bare(text: str) -> str:
    # Whether a name by chance is quoted hangs on its first letter.
    return _BY_CHANCE.sub("#", text.strip().rstrip(";").strip()).replace('"#"', "#")


def _lines(dump: bytes) -> list[str]:
    return [_bare(line.decode()) for line in without_chance(dump)]
