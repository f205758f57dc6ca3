"""One advisor for a codec: texts go to the parser workers, the rest to the target's catalogue.

Law: the parser workers hold no key and no socket, and the catalogue is asked on a connection of
the gateway's own; a codec cannot reach either by itself.
"""

import asyncio
from collections.abc import Hashable
from typing import Final, Protocol

from custody.model.codec import SeveralQuestions
from custody.wire.sql.syntax import Analysis, ParseQuestion


class Parser(Protocol):
    """Reads texts in expendable processes."""

    def recall(self, text: str) -> Analysis | None: ...

    async def parse(self, text: str, asker: Hashable) -> Analysis: ...


class CatalogueLookups(Protocol):
    """What is known of one database; shared by its sessions."""

    def recall(self, question: Hashable) -> object | None: ...

    async def find(self, question: Hashable) -> object | None: ...

    def forget(self) -> None: ...

    def unsettle(self) -> None:
        """Once for each session, which calls ``settle`` once behind it."""
        ...

    def settle(self) -> None: ...


class NoCatalogue:
    """Nothing is known of a target, and nobody asks it."""

    def recall(self, question: Hashable) -> object | None:
        del question
        return None

    async def find(self, question: Hashable) -> object | None:
        del question
        return None

    def forget(self) -> None: ...

    def unsettle(self) -> None: ...

    def settle(self) -> None: ...


NO_CATALOGUE: Final = NoCatalogue()


class CodecAdvisor:
    def __init__(self, parser: Parser, lookups: CatalogueLookups, asker: Hashable) -> None:
        """``asker``: all who share a turn at the parser have the same."""
        self._parser: Final = parser
        self._lookups: Final = lookups
        self._asker: Final = asker
        self._unsettled = False

    def recall(self, question: Hashable) -> object | None:
        if isinstance(question, ParseQuestion):
            return self._parser.recall(question.text)
        return self._lookups.recall(question)

    async def find(self, question: Hashable) -> object | None:
        if isinstance(question, ParseQuestion):
            return await self._parser.parse(question.text, self._asker)
        if isinstance(question, SeveralQuestions):
            return tuple(await asyncio.gather(*map(self._lookups.find, question.each)))
        return await self._lookups.find(question)

    def forget(self, *, settled: bool) -> None:
        self._lookups.forget()
        if settled and self._unsettled:
            self._unsettled = False
            self._lookups.settle()

    def unsettle(self) -> None:
        if not self._unsettled:
            self._unsettled = True
            self._lookups.unsettle()
