"""The `custody` command: a flat list of commands, each in a module of its own.

Law: nothing is decided here. A command's module is imported only when that command runs, so that
`custody --help` starts fast. Every error leaves through this file, with the exit code of
`custody.cli.output`.

To add a command: write a module with a typed function (or a `typer.Typer` for one with
sub-commands) and add a line to `COMMANDS`.
"""

import importlib
import sys
from collections.abc import Sequence
from typing import Annotated, Any, Final, NamedTuple

import typer
from typer.core import TyperCommand, TyperGroup

from custody import __version__
from custody.cli.output import INTERRUPTED, OK, USAGE, exit_code, print_error, say
from custody.model.errors import CustodyError


class CommandEntry(NamedTuple):
    name: str
    place: str
    """``module:attribute`` of a function or a ``typer.Typer``."""
    summary: str


COMMANDS: Final = (
    CommandEntry(
        "init", "custody.cli.operator.init:init", "Write a configuration, keys and a local CA."
    ),
    CommandEntry("serve", "custody.cli.operator.serve:serve", "Run the gateway."),
    CommandEntry(
        "reload", "custody.cli.operator.reload:reload", "Take in a changed configuration."
    ),
    CommandEntry("demo", "custody.cli.operator.demo:demo", "See the main job end to end."),
    CommandEntry(
        "verify",
        "custody.cli.investigator.verify:verify",
        "Prove that the evidence was not touched.",
    ),
    CommandEntry("login", "custody.cli.agent.login:login", "Prove who you are to a gateway."),
    CommandEntry("logout", "custody.cli.agent.login:logout", "End the login and its loops."),
    CommandEntry("run", "custody.cli.agent.run:run", "Run a command inside a loop of its own."),
    CommandEntry("ticket", "custody.cli.operator.ticket:app", "Make, list and withdraw tickets."),
    CommandEntry(
        "loops",
        "custody.cli.operator.loops:app",
        "List the runs of agents; let a paused one go on.",
    ),
    CommandEntry("kill", "custody.cli.operator.kill:kill", "End a loop or a session, now."),
    CommandEntry(
        "identity",
        "custody.cli.operator.identity:app",
        "Keep identities out, and let them in again.",
    ),
    CommandEntry(
        "sessions", "custody.cli.investigator.sessions:sessions", "List connections to targets."
    ),
    CommandEntry(
        "show", "custody.cli.investigator.show:show", "Show a session or a command, whole."
    ),
    CommandEntry(
        "timeline", "custody.cli.investigator.timeline:timeline", "Show what happened in a loop."
    ),
    CommandEntry("search", "custody.cli.investigator.search:search", "Find commands."),
    CommandEntry("index", "custody.cli.operator.index:app", "Look after the search index."),
    CommandEntry(
        "secret", "custody.cli.operator.secret:app", "Keep targets' credentials sealed here."
    ),
    CommandEntry(
        "escrow",
        "custody.cli.operator.escrow:app",
        "Read contents without the gateway's keys.",
    ),
    CommandEntry(
        "policy", "custody.cli.operator.policy:app", "Judge a configuration, explain a verdict."
    ),
    CommandEntry(
        "grants", "custody.cli.operator.grants:app", "What grants are needed, by evidence."
    ),
    CommandEntry(
        "backup", "custody.cli.operator.backup:backup", "Copy a gateway's data, and prove the copy."
    ),
    CommandEntry(
        "restore", "custody.cli.operator.restore:restore", "Put a backup back for a gateway."
    ),
    CommandEntry(
        "doctor", "custody.cli.operator.doctor:doctor", "What is wrong here, and the cure."
    ),
)


def load(entry: CommandEntry) -> Any:  # noqa: ANN401 - a click command; typer publishes no type for it
    """The command itself, its module imported."""
    module, _, attribute = entry.place.partition(":")
    found = getattr(importlib.import_module(module), attribute)
    if not isinstance(found, typer.Typer):
        single = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
        single.command(entry.name)(found)
        found = single
    command = typer.main.get_command(found)
    command.name = entry.name
    _plain(command)
    return command


def _plain(command: Any) -> None:  # noqa: ANN401 - as above
    """Help as plain text: it starts faster than boxes, and goes through pipes as it is."""
    command.rich_markup_mode = None
    for inner in getattr(command, "commands", {}).values():
        _plain(inner)


class LazyGroup(TyperGroup):
    """Lists commands by name and summary; imports the one that is to run."""

    def __init__(self, **settings: Any) -> None:  # noqa: ANN401 - passed through
        super().__init__(**settings)
        for entry in COMMANDS:
            self.commands[entry.name] = TyperCommand(entry.name, help=entry.summary)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:  # noqa: ANN401 - as in the parent
        for entry in COMMANDS:
            if args and args[0] == entry.name:
                return entry.name, load(entry), args[1:]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=LazyGroup,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


def _version(wanted: bool) -> None:  # noqa: FBT001 - typer calls it so
    if wanted:
        typer.echo(f"custody {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _custody(
    context: typer.Context,
    *,
    _version: Annotated[
        bool,
        typer.Option(
            "--version",
            help="Print the version.",
            callback=_version,
            is_eager=True,
            expose_value=False,
        ),
    ] = False,
) -> None:
    """A forensic access gateway for AI agent loops.

    Records every command durably before it forwards it, and proves it.
    """
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())


def run(arguments: Sequence[str]) -> int:
    """Runs one command line and gives its exit code. Prints its errors."""
    own = arguments[: arguments.index("--")] if "--" in arguments else arguments
    json = "--json" in own
    try:
        code = typer.main.get_command(app).main(
            list(arguments), prog_name="custody", standalone_mode=False
        )
    except CustodyError as error:
        print_error(error.code, str(error), json=json)
        return exit_code(error)
    except typer.TyperException as error:
        said = error.format_message()
        if said.startswith("Usage:"):  # no sub-command was named: typer's message is the help
            say(said)
            said = "A command is missing."
        # The library's sentences end as they like, some with a question mark and a full stop.
        said = said.rstrip(".")
        said = said if said.endswith("?") else f"{said}."
        print_error("usage.arguments", f"{said} Try --help.", json=json)
        return USAGE
    except (KeyboardInterrupt, typer.Abort):
        return INTERRUPTED
    return code if isinstance(code, int) else OK


def main() -> None:
    """The entry point of the `custody` script."""
    sys.exit(run(sys.argv[1:]))
