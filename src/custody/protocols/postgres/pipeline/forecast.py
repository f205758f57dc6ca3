"""The session as it will be when the server reaches the next message of the client.

Law: what a message of this pipeline changes has happened by then, for the server skips the rest of
a pipeline that failed; what one of an earlier pipeline changes may have happened. It is worked out
once for each message, however many are not answered yet.
"""

from collections.abc import Iterable, Sequence

from custody.protocols.postgres.statements.session_view import SessionView
from custody.wire.sql.syntax import Change

Changes = Sequence[Change]


class SessionForecast:
    def __init__(self) -> None:
        self._start: SessionView | None = None
        """Behind the pipelines before this one; ``None``: not worked out."""
        self._here: list[Changes] = []
        """Of this pipeline's messages."""
        self._view: SessionView | None = None

    def view(
        self, known: SessionView, before: Iterable[Changes], here: Iterable[Changes]
    ) -> SessionView:
        """``known``: what the server's answers say. The changes whose answers are due, in order: of
        earlier pipelines, and of this one. They are looked at only where ``forget`` was called.
        """
        if self._view is None:
            start = view = _perhaps(known, before)
            self._here = list(here)
            for changes in self._here:
                view = view.apply(changes)
            self._start, self._view = start, view
        return self._view

    def forget(self) -> None:
        """An answer came that says more than was foreseen."""
        self._start = self._view = None
        self._here = []

    def forwarded(self, changes: Changes) -> None:
        if self._view is not None:
            self._view = self._view.apply(changes)
            self._here.append(changes)

    def end_pipeline(self) -> None:
        if self._start is not None and self._here:
            self._start = self._view = _perhaps(self._start, self._here)
            self._here = []

    def foresaw(self, name: str, statement: object) -> bool:
        """Whether exactly that statement was expected under the name."""
        return self._start is not None and self._start.prepared.get(name) is statement


def _perhaps(view: SessionView, each: Iterable[Changes]) -> SessionView:
    for changes in each:
        view = view.perhaps(changes)
    return view
