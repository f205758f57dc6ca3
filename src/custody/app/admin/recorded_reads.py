"""Reading evidence through the running gateway is on the record.

Law: what a reading call asks for is recorded, under the kernel's word for who asks, before it is
answered. Where the log takes no record (a full disk), evidence stays readable, for that is when it
is needed; the answer says that this reading is on no record.
"""

import logging
from collections.abc import Awaitable, Callable, Mapping
from typing import Final

from custody.app.admin.admin_caller import AdminCaller
from custody.app.admin.dispatch import CallDispatcher
from custody.model.errors import CustodyError
from custody.model.gateway_records import EvidenceRead

About = Callable[[Mapping[str, object]], str]

_log: Final = logging.getLogger("custody.admin")


def _named(*names: str) -> About:
    return lambda arguments: " ".join(
        str(arguments[name]) for name in names if arguments.get(name) not in {None, ""}
    )


ABOUT: Final[Mapping[str, About]] = {
    "loops": _named(),
    "sessions": _named("loop"),
    "show": _named("id"),
    "timeline": _named("loop"),
    "search": _named("query"),
    "facets": _named("field", "query"),
    "histogram": _named("query"),
    "grants.suggest": _named("identity", "group", "issuer"),
    "grants.unused": _named(),
}
"""Every call that shows evidence to somebody, and what it is about."""


class RecordedReads:
    """``dispatch`` fits the admin socket. ``record`` returns once a reading is on the record."""

    def __init__(
        self, calls: CallDispatcher, record: Callable[[EvidenceRead], Awaitable[None]]
    ) -> None:
        self._calls: Final = calls
        self._record: Final = record

    async def dispatch(
        self, call: str, arguments: Mapping[str, object], caller: AdminCaller
    ) -> dict[str, object]:
        """Raises as the calls do."""
        about = ABOUT.get(call)
        if about is None:
            return await self._calls.dispatch(call, arguments)
        recorded = True
        try:
            await self._record(EvidenceRead(caller.account, caller.login, call, about(arguments)))
        except CustodyError as error:
            _log.warning("a reading is on no record: %s", error.code)
            recorded = False
        return {**await self._calls.dispatch(call, arguments), "recorded": recorded}
