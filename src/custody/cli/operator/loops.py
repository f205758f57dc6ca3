"""`custody loops`."""

from typing import Annotated

import typer

from custody.app.admin.client import actor, all_items, ask
from custody.cli.output import ConfigOption, JsonOption, console, read_config, say
from custody.cli.terminal import print_document, print_line, warn_of_missing

app = typer.Typer(
    add_completion=False,
    pretty_exceptions_enable=False,
    help="List the runs of agents; let one that is paused go on.",
)


@app.callback(invoke_without_command=True)
def loops(
    context: typer.Context,
    *,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on: `next` of the last page.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List the runs of agents, the newest first."""
    if context.invoked_subcommand is not None:
        return
    document = all_items(read_config(config, judges=False), "loops", {"cursor": cursor}, most=limit)
    if json:
        if code := print_document(document):
            raise typer.Exit(code)
        return
    from custody.cli import tables

    tables.print_whole(console(), tables.loops(document["items"]))
    code = warn_of_missing(document)
    if document["next"] is not None:
        say(f"more: --cursor {document['next']}")
    if code:
        raise typer.Exit(code)


@app.command()
def resume(
    loop: Annotated[str, typer.Argument(metavar="LOOP", help="The loop's id: loop_…")],
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let a loop that has used up its budget go on. It has its budget once more."""
    read = read_config(config, judges=False)
    document = ask(read, "loop.resume", {"id": loop, "actor": actor()})
    if json:
        print_document(document)
    else:
        print_line(f"{loop} goes on")
