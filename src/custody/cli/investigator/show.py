"""`custody show`."""

from typing import Annotated

import typer

from custody.app.admin.client import all_items, pages
from custody.cli.output import ConfigOption, JsonOption, console, read_config
from custody.cli.terminal import exit_code_of, print_document, warn_of_missing


def show(
    what: Annotated[
        str, typer.Argument(metavar="ID", help="A session's, a command's or a loop's id.")
    ],
    *,
    rows: Annotated[int, typer.Option(min=0, help="Captured rows to show of each answer.")] = 20,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many events; else all (with --json: 1000)."),
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Go on: `next` of the last page.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Show a session as a transcript, or one command, with all that was captured; a loop as its
    timeline.
    """
    if what.startswith("loop_"):
        from custody.cli.investigator.timeline import timeline

        return timeline(what, limit=limit, cursor=cursor, config=config, json=json)
    read = read_config(config, judges=False)
    asked = {"id": what, "cursor": cursor}
    if json:
        return print_document(all_items(read, "show", asked, most=limit or 1000))
    from custody.cli.investigator import transcript

    out = console()
    code, seen = 0, False
    first = cursor is None
    for document in pages(read, "show", asked, most=limit):
        code = max(code, exit_code_of(document) if seen else warn_of_missing(document))
        seen = True
        if first and "session" in document:
            for line in transcript.heading(document["session"]):
                out.print(line)
        first = False
        for item in document["items"]:
            for line in transcript.event(item, rows):
                out.print(line)
    return code
