"""`custody timeline`."""

from typing import Annotated

import typer

from custody.app.admin.client import all_items, pages
from custody.cli.output import ConfigOption, JsonOption, console, read_config, say
from custody.cli.terminal import exit_code_of, print_document, warn_of_missing


def timeline(
    loop: Annotated[str, typer.Argument(metavar="LOOP", help="The loop's id: loop_…")],
    *,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many events; else all (with --json: 1000)."),
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Go on: `next` of the last page.")] = None,
    alone: Annotated[
        bool, typer.Option("--alone", help="Without the loops of its sub-agents.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Show everything that happened in a loop, in order, through all of its sessions.

    What its sub-agents did, in loops of their own, stands further in.
    """
    read = read_config(config, judges=False)
    asked = {"loop": loop, "cursor": cursor, "alone": alone}
    if json:
        return print_document(all_items(read, "timeline", asked, most=limit or 1000))
    from custody.cli.family import Depths, further_in
    from custody.cli.investigator.transcript import event

    out = console()
    code, seen = 0, False
    for document in pages(read, "timeline", asked, most=limit):
        code = max(code, exit_code_of(document) if seen else warn_of_missing(document))
        seen = True
        depths = Depths(document.get("children", ()))
        for item in document["items"]:
            depth = depths.of(item["loop"])
            if depth and item["kind"] == "loop.start":
                out.print(further_in(depths.heading(item["loop"]), depth - 1))
            for line in event(item, 0):
                out.print(further_in(line, depth))
        if not document.get("children_complete", True):
            say("warning: this loop has more children than are shown; look at each with its id")
    return code
