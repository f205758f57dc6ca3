"""The values of a condition's variables, cut down to what the rules mention.

Law: a fact is a copy of a word of the model, under the name that the rules' author knows. Only
what some rule mentions is handed over, for conversion is most of a judgement's cost.
"""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Final

import msgspec

from custody.model.command import Command
from custody.model.identity import Session

EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
LATEST: Final = 253_402_300_799_999


class TargetFacts(msgspec.Struct, frozen=True):
    """What a condition may know of a target."""

    name: str
    protocol: str
    database: str


def moment(milliseconds: int) -> datetime:
    """Total: a time past the year 9999, where CEL's timestamps end, becomes that end."""
    return EPOCH + timedelta(milliseconds=min(max(milliseconds, 0), LATEST))


COMMAND: Final[Mapping[str, Callable[[Command], object]]] = {
    "effects": lambda command: sorted(command.effects),
    "action": lambda command: command.action,
    "objects": lambda command: command.objects,
    "bounded": lambda command: command.bounded,
    "text": lambda command: command.text,
    "fingerprint": lambda command: command.fingerprint,
    "form": lambda command: command.form,
    "arguments": lambda command: len(command.arguments),
    "cascade": lambda command: command.cascade is True,
    "actions": lambda command: (command.action, *(command.actions or ())),
}

SESSION: Final[Mapping[str, Callable[[Session], object]]] = {
    "target": lambda session: session.target,
    "protocol": lambda session: session.protocol,
    "client": lambda session: session.client,
    "user": lambda session: session.user,
    "database": lambda session: session.database,
    "application": lambda session: session.application,
}

LOOP: Final[Mapping[str, Callable[[Session], object]]] = {
    "id": lambda session: session.loop.id,
    "purpose": lambda session: session.loop.purpose,
    "on_behalf_of": lambda session: session.loop.on_behalf_of,
    "started": lambda session: moment(session.loop.started),
    "expires": lambda session: moment(session.loop.expires),
    "parent": lambda session: session.loop.parent or "",
}

IDENTITY: Final[Mapping[str, Callable[[Session], object]]] = {
    "subject": lambda session: session.loop.identity.subject,
    "issuer": lambda session: session.loop.identity.issuer,
    "groups": lambda session: session.loop.identity.groups,
    "kind": lambda session: session.loop.identity.kind.value,
}


CONDITION_FIELDS: Final[Mapping[str, frozenset[str]]] = {
    "command": frozenset(COMMAND),
    "session": frozenset(SESSION),
    "loop": frozenset(LOOP),
    "identity": frozenset(IDENTITY),
    "target": frozenset(TargetFacts.__struct_fields__),
    "now": frozenset(),
}
"""Each variable of a condition with its fields; ``now`` is a timestamp and has none."""


class ConditionVariables:
    """Gathers the variables that a set of rules mentions."""

    def __init__(
        self, mentioned: Mapping[str, frozenset[str]], targets: Mapping[str, TargetFacts]
    ) -> None:
        def touched(variable: str) -> list[str]:
            return sorted(mentioned.get(variable, ()))

        self._command = [(field, COMMAND[field]) for field in touched("command")]
        self._session = [(field, SESSION[field]) for field in touched("session")]
        self._loop = [(field, LOOP[field]) for field in touched("loop")]
        self._identity = [(field, IDENTITY[field]) for field in touched("identity")]
        self._target = touched("target")
        self._targets = targets
        self._now = "now" in mentioned

    def of_session(self, session: Session) -> dict[str, object]:
        """What stays as it is while the session lives."""
        facts: dict[str, object] = {}
        if self._session:
            facts["session"] = {field: get(session) for field, get in self._session}
        if self._loop:
            facts["Loop"] = {field: get(session) for field, get in self._loop}
        if self._identity:
            facts["identity"] = {field: get(session) for field, get in self._identity}
        if self._target:
            target = self._targets.get(session.target) or TargetFacts(
                session.target, session.protocol, session.database
            )
            facts["target"] = {field: getattr(target, field) for field in self._target}
        return facts

    def of_command(self, command: Command, now: int) -> dict[str, object]:
        facts: dict[str, object] = {}
        if self._command:
            facts["command"] = {field: get(command) for field, get in self._command}
        if self._now:
            facts["now"] = moment(now)
        return facts
