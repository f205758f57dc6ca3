"""The people, sessions and commands of the policy tests."""

from custody.model.command import Argument, Command
from custody.model.identity import Identity, Loop, Session
from custody.model.words import Decision, Effect, LoopId, SessionId, TargetName
from custody.policy.grant import Grant
from custody.policy.judge import CompiledPolicy
from custody.policy.rule import Rule
from custody.policy.variables import TargetFacts

NOON = 1_700_000_000_000 // 86_400_000 * 86_400_000 + 12 * 3_600_000
HOUR = 3_600_000
ORDERS = TargetName("orders")


def grant(
    *effects: str,
    groups: tuple[str, ...] = ("agents",),
    targets: tuple[str, ...] = ("orders",),
    name: str = "grant 1",
) -> Grant:
    return Grant(name, targets, frozenset(map(Effect, effects)), groups=groups)


def rule(when: str, then: str = "deny", *, name: str = "r", **more: object) -> Rule:
    approvers = ("dba",) if then == "ask" else ()
    return Rule(name, when, Decision(then), approvers=approvers, **more)  # type: ignore[arg-type]  # tests pass the field that a case is about


def policy(*parts: Grant | Rule) -> CompiledPolicy:
    grants = [part for part in parts if isinstance(part, Grant)]
    rules = [part for part in parts if isinstance(part, Rule)]
    targets = {"orders": TargetFacts("orders", "postgres", "shop")}
    return CompiledPolicy(grants, rules, targets)


def loop(*, groups: tuple[str, ...] = ("agents",), started: int = NOON - HOUR) -> Loop:
    return Loop(
        LoopId("loop_a"),
        Identity("alice", "https://id.example", groups),
        started,
        started + 8 * HOUR,
        purpose="month-end",
    )


def session(*, of: Loop | None = None, target: str = "orders", number: int = 1) -> Session:
    return Session(
        SessionId(f"ses_{number}"),
        of or loop(),
        TargetName(target),
        "postgres",
        "127.0.0.1:40000",
        "anything",
        "shop",
        "psql",
        NOON,
    )


def command(
    *effects: str,
    action: str = "SELECT",
    objects: tuple[str, ...] = ("public.orders",),
    bounded: bool = True,
    text: str = "SELECT 1",
    arguments: int = 0,
) -> Command:
    return Command(
        action,
        frozenset(map(Effect, effects)),
        objects,
        bounded,
        text,
        arguments=tuple(Argument(str(n), "int4", 1) for n in range(arguments)),
    )
