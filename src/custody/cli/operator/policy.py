"""`custody policy check` and `custody policy explain`."""

import asyncio
import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer
from rich.text import Text

from custody.cli.output import ConfigOption, JsonOption, console, print_items, read_config
from custody.model.identity import Identity
from custody.model.words import Decision, IdentityKind

if TYPE_CHECKING:
    from custody.app.policy_trial import TrialVerdict

app = typer.Typer(
    name="policy",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Judge a configuration, explain a verdict.",
)

_COLOURS = {Decision.ALLOW: "green", Decision.DENY: "bold red", Decision.ASK: "yellow"}
_CAVEAT = (
    "The target was not asked: names mean what they mean under the default search_path, and a "
    "function that is not PostgreSQL's own counts as execute."
)


@app.command()
def check(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Judge a configuration: sound, or every fault with its line and its cure.

    Ends with 3 if there is a fault.
    """
    from custody.config.load import compile_policy

    found = read_config(config, warn=not json)
    counts = {
        "targets": len(found.targets),
        "grants": len(found.grants),
        "rules": len(found.rules),
        "masks": len(found.masks),
    }
    digest = compile_policy(found).digest.hex()
    if json:
        print_items(
            [{"path": str(found.path), **counts, "policy": digest, "warnings": found.warnings}]
        )
        return
    said = ", ".join(f"{count} {_plural(name, count)}" for name, count in counts.items())
    typer.echo(f"OK  {found.path}: {said}; policy {digest[:16]}")


def _plural(name: str, count: int) -> str:
    return name[:-1] if count == 1 else name


@app.command()
def explain(
    statement: Annotated[str, typer.Argument(metavar="SQL", help="What to judge.")],
    *,
    target: Annotated[str, typer.Option(help="The target it would be sent to.")],
    subject: Annotated[str, typer.Option(help="Who would send it.")] = "someone",
    group: Annotated[
        list[str] | None, typer.Option(help="A group of theirs; may be repeated.")
    ] = None,
    issuer: Annotated[str, typer.Option(help="Who vouches for them.")] = "local",
    kind: Annotated[IdentityKind, typer.Option(help="What they are.")] = IdentityKind.AGENT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say which grant or rule decides about a statement, and why.

    Asks nothing of the target and records nothing.
    """
    from custody.app.policy_trial import try_statements

    identity = Identity(subject, issuer, tuple(group or ()), kind)
    now = time.time_ns() // 1_000_000
    judged = asyncio.run(try_statements(read_config(config), target, identity, statement, now))
    if json:
        print_items([_item(one) for one in judged])
        return
    for one in judged:
        _print(one)
    if not judged:
        typer.echo("There is no statement in this text.")
    typer.echo(_CAVEAT, err=True)


def _item(judged: "TrialVerdict") -> dict[str, object]:
    command, steps = judged.command, judged.explanation
    return {
        "action": command.action,
        "effects": steps.effects,
        "objects": command.objects,
        "bounded": command.bounded,
        "problem": command.problem,
        "grants": steps.grants,
        "ceiling": steps.ceiling,
        "missing": steps.missing,
        "rules": steps.rules,
        "verdict": steps.verdict.decision,
        "rule": steps.verdict.rule,
        "reason": steps.verdict.reason,
        "approvers": steps.verdict.approvers,
    }


def _print(judged: "TrialVerdict") -> None:
    command, steps = judged.command, judged.explanation
    out = console()
    head = Text(f"{command.action or 'statement'}: ", style="bold")
    head.append(_listed(steps.effects) or "no effects", style="default")
    head.append(f" on {_listed(command.objects)}" if command.objects else "", style="default")
    head.append("" if command.bounded else ", unbounded", style="default")
    head.append(f" ({command.problem})" if command.problem else "", style="default")
    out.print(head)
    names = [grant.name for grant in steps.grants] + [rule.name for rule in steps.rules]
    width = max(map(len, names), default=0)
    for grant in steps.grants:
        out.print(Text(f"  {'holds' if grant.holds else '-':7}{grant.name:{width}}  {grant.why}"))
    if steps.missing:
        out.print(Text(f"  no grant allows {_listed(steps.missing)}, so no rule is asked"))
    for rule in steps.rules:
        out.print(Text(f"  {rule.then:7}{rule.name:{width}}  {rule.value}"))
    verdict = steps.verdict
    end = Text("  => ")
    end.append(verdict.decision.value, style=_COLOURS[verdict.decision])
    end.append(f" by {verdict.rule}: {verdict.reason}")
    out.print(end)


def _listed(words: Sequence[str]) -> str:
    return ", ".join(words)
