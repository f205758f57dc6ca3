"""`custody run -- CMD`: a loop for one command, with everything its standard clients need."""

import os
from pathlib import Path
from typing import Annotated, Final

import typer

from custody.cli.agent.gateway_connection import AuthorityOption, GatewayOption, loop_starter
from custody.cli.output import ConfigOption, print_error, say
from custody.model.errors import CustodyError
from custody.model.words import Effect

_AS_SHELLS: Final = {"run.not-found": 127, "run.not-executable": 126}
"""Exit codes of a command that was not started (POSIX, "Exit Status for Commands")."""


def run(
    command: Annotated[list[str], typer.Argument(metavar="-- CMD…", help="What is to run.")],
    *,
    target: Annotated[
        list[str] | None,
        typer.Option(help="A target to reach, the first is the default; else all. Repeatable."),
    ] = None,
    purpose: Annotated[str, typer.Option(help="What the loop is for; it is recorded.")] = "",
    effect: Annotated[
        list[Effect] | None,
        typer.Option(help="Narrow the loop to these effects. Repeatable."),
    ] = None,
    ttl: Annotated[str, typer.Option(help="How long the loop holds at most: 30m, 1h.")] = "",
    local: Annotated[
        bool,
        typer.Option(
            "--local",
            help="Listen on loopback too, and lead variables such as DATABASE_URL there.",
        ),
    ] = False,
    map: Annotated[  # noqa: A002 - the option's name
        list[str] | None,
        typer.Option(metavar="NAME=TARGET", help="With --local: what a variable's URL means."),
    ] = None,
    group: Annotated[
        list[str] | None,
        typer.Option(
            help="At this host's own gateway: in which groups, instead of the account's. "
            "Repeatable."
        ),
    ] = None,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Say nothing of the loop.")] = False,
    gateway: GatewayOption = None,
    ca: AuthorityOption = None,
    config: ConfigOption = None,
) -> None:
    """Run a command inside a loop of its own, and end the loop with it.

    psql, psycopg, asyncpg and whatever else reads the standard variables and files need no change.
    The exit code is the command's.
    """
    from custody.client import run

    asked = run.RunRequest(
        command=tuple(command),
        loop=run.LoopOptions(
            targets=tuple(target or ()),
            purpose=purpose,
            effects=tuple(each.value for each in effect or ()),
            ttl_s=_seconds(ttl),
        ),
        local=local,
        chosen=dict(_chosen(each) for each in map or ()),
        quiet=quiet,
    )
    starter = loop_starter(gateway, ca, config, Path.cwd(), group or ())
    try:
        code = run.run(asked, starter, os.environ, say)
    except CustodyError as error:
        if error.code not in _AS_SHELLS:
            raise
        print_error(error.code, str(error), json=False)
        code = _AS_SHELLS[error.code]
    raise typer.Exit(code)


def _seconds(text: str) -> int | None:
    if not text:
        return None
    from custody.model.config.config_key import UnfitValueError
    from custody.model.config.value_readers import duration

    try:
        return max(1, duration(text) // 1000)
    except UnfitValueError as error:
        raise CustodyError("usage.ttl", f"--ttl {text!r} is not usable.", error.wanted) from None


def _chosen(text: str) -> tuple[str, str]:
    name, equals, target = text.partition("=")
    if not (name and equals and target):
        raise CustodyError(
            "usage.map", f"--map {text!r} is not usable.", "Write NAME=TARGET, both filled."
        )
    return name, target
