"""The sessions that are open now.

Law: a session is here from the moment its loop is known until its last record is queued, so that
a kill, a revoked ticket or an expiry reaches every session of a loop.
"""

import asyncio
from collections.abc import Iterator
from typing import Final, Protocol

from custody.model.identity import Admission
from custody.model.refusal import Refusal
from custody.model.words import LoopId, SessionId, TargetName


class LiveSession(Protocol):
    """An open session, as far as others may touch it."""

    id: SessionId
    admission: Admission | None

    @property
    def target_name(self) -> TargetName | None:
        """What it reaches; ``None`` before it was let in."""
        ...

    def kill(self, reason: str, refusal: Refusal) -> None:
        """End it now; the client is told why in its own protocol."""
        ...

    def cancel(self, requested_by: str) -> None:
        """Cancel what the target is running for this session."""
        ...

    def end_if_over(self) -> None:
        """End it if its ticket, its loop or its idle time is over."""
        ...


class Registry:
    def __init__(self) -> None:
        self._sessions: Final[dict[SessionId, LiveSession]] = {}
        self._by_key: Final[dict[bytes, LiveSession]] = {}
        self._empty: Final = asyncio.Event()
        self._empty.set()

    def add(self, session: LiveSession) -> None:
        self._sessions[session.id] = session
        self._empty.clear()

    def add_key(self, session: LiveSession, key: bytes) -> None:
        """The cancel key that the session's client was given."""
        self._by_key[key] = session

    def remove(self, session: LiveSession, key: bytes) -> None:
        self._sessions.pop(session.id, None)
        self._by_key.pop(key, None)
        if not self._sessions:
            self._empty.set()

    async def wait_until_empty(self) -> None:
        """Returns once no session is open."""
        await self._empty.wait()

    def by_key(self, key: bytes) -> LiveSession | None:
        """The session that this cancel key belongs to. Keys are random and unguessable."""
        return self._by_key.get(key)

    def of(self, wanted: LoopId | SessionId) -> Iterator[LiveSession]:
        """The sessions of a loop, or the one session of that id."""
        for session in list(self._sessions.values()):
            admission = session.admission
            if session.id == wanted or (admission is not None and admission.loop.id == wanted):
                yield session

    def all(self) -> list[LiveSession]:
        return list(self._sessions.values())

    def __len__(self) -> int:
        return len(self._sessions)
