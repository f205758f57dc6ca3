"""The call that takes in a changed configuration.

Law: what came of it is on the record either way; a reload that fails has changed nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Final, NamedTuple

import msgspec

from custody.app.admin.documents import Document, document, typed

RELOAD: Final = "reload"

Name = Annotated[str, msgspec.Meta(min_length=1, max_length=255)]


class Reloaded(NamedTuple):
    """What a reload did."""

    changed: Sequence[str]
    """Names of tables of the configuration."""
    notes: Sequence[str]
    """What protects less than before."""
    sessions_ended: int


class ReloadRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    actor: Name
    path: Annotated[str, msgspec.Meta(min_length=1, max_length=4096)]
    """The file that the caller means; the running gateway reads its own alone."""


class ReloadCalls:
    def __init__(self, reload: Callable[[str, Path], Awaitable[Reloaded]]) -> None:
        self._reload: Final = reload

    def handles(self, call: str) -> bool:
        return call == RELOAD

    async def dispatch(self, call: str, arguments: Mapping[str, object]) -> Document:
        """Raises ``admin.arguments``, and as the reload does."""
        del call
        asked = typed(arguments, ReloadRequest)
        done = await self._reload(asked.actor, Path(asked.path))
        return document(
            {
                "changed": list(done.changed),
                "notes": list(done.notes),
                "sessions_ended": done.sessions_ended,
            }
        )
