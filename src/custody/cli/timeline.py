"""`custody timeline`."""

from typing import Annotated

import typer

from custody.app.reading_access import gather, pages
from custody.cli.output import ConfigOption, JsonOption, console, read_config
from custody.cli.terminal import print_document, warn_if_behind


def timeline(
    loop: Annotated[str, typer.Argument(metavar="LOOP", help="The loop's id: loop_…")],
    *,
    limit: Annotated[
        int | None,
        typer.Option(min=1, help="At most so many events; else all (with --json: 1000)."),
    ] = None,
    cursor: Annotated[str | None, typer.Option(help="Go on: `next` of the last page.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show everything that happened in a loop, in order, through all of its sessions."""
    read = read_config(config, judges=False)
    asked = {"loop": loop, "cursor": cursor}
    if json:
        print_document(gather(read, "timeline", asked, most=limit or 1000))
        return
    from custody.cli import transcript  # noqa: PLC0415 - Rich is not needed for --json

    out = console()
    for document in pages(read, "timeline", asked, most=limit):
        warn_if_behind(document)
        for item in document["items"]:
            for line in transcript.event(item, 0):
                out.print(line)
