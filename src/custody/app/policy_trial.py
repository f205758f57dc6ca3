"""Judges statements that someone typed, as a session of theirs would be judged.

Law: nothing is asked of any target and nothing is recorded. Anything that only the target's
catalogue knows counts as its worst case, so a real session may be allowed more than the trial,
never less.
"""

from collections.abc import Sequence

import msgspec

from custody.config.load import compile_policy
from custody.config.tables import Config, TargetConfig
from custody.gateway import NO_CATALOGUE, CodecAdvisor, ParserPool
from custody.model.command import Command
from custody.model.errors import CustodyError
from custody.model.identity import Identity, Loop, Session
from custody.model.words import LoopId, SessionId, TargetName
from custody.policy import Explanation, explain
from custody.protocols import find_protocol

_HOUR_MS = 3_600_000


class TrialVerdict(msgspec.Struct, frozen=True):
    """One statement of the text, with how its verdict came about."""

    command: Command
    explanation: Explanation


async def try_statements(
    config: Config, target: str, identity: Identity, text: str, now: int
) -> Sequence[TrialVerdict]:
    """Every statement of ``text``, each as if those before it had succeeded."""
    session = _session(_target(config, target), identity, now)
    policy = compile_policy(config)
    commands = await _commands(text, session)
    return [TrialVerdict(command, explain(policy, session, command, now)) for command in commands]


def _target(config: Config, name: str) -> TargetConfig:
    for target in config.targets:
        if target.name == name:
            return target
    known = ", ".join(sorted(target.name for target in config.targets)) or "none"
    raise CustodyError(
        "usage.unknown-target", f"There is no target {name!r}.", f"The configuration has: {known}."
    )


def _session(target: TargetConfig, identity: Identity, now: int) -> Session:
    return Session(
        id=SessionId("ses_explained"),
        loop=Loop(LoopId("loop_explained"), identity, now, now + _HOUR_MS),
        target=TargetName(target.name),
        protocol=target.protocol,
        client="",
        user=target.user,
        database=target.database,
        application="custody policy explain",
        started=now,
    )


async def _commands(text: str, session: Session) -> Sequence[Command]:
    read_alone = find_protocol(session.protocol).read_alone
    if read_alone is None:
        raise CustodyError(
            "usage.no-trial", f'Commands of the protocol "{session.protocol}" cannot be typed here.'
        )
    reading = read_alone(text, session)
    # Nobody waits behind this text, so a slow machine may take its time over it.
    async with ParserPool(workers=1) as parser:
        advisor = CodecAdvisor(parser, NO_CATALOGUE, session.loop.id)
        try:
            question = next(reading)
            while True:
                question = reading.send(await advisor.find(question))
        except StopIteration as read:
            commands: Sequence[Command] = read.value
            return commands
