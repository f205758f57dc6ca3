"""`custody sessions`."""

from typing import Annotated

import typer

from custody.app.admin.client import all_items
from custody.cli.output import ConfigOption, JsonOption, console, read_config, say
from custody.cli.terminal import print_document, warn_of_missing


def sessions(
    *,
    loop: Annotated[str | None, typer.Option(help="Only those of this loop.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many, newest first.")] = 50,
    cursor: Annotated[str | None, typer.Option(help="Go on: `next` of the last page.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """List the connections of agents to targets, the newest first."""
    asked = {"loop": loop, "cursor": cursor}
    document = all_items(read_config(config, judges=False), "sessions", asked, most=limit)
    if json:
        return print_document(document)
    from custody.cli import tables

    tables.print_whole(console(), tables.sessions(document["items"]))
    code = warn_of_missing(document)
    if document["next"] is not None:
        say(f"more: --cursor {document['next']}")
    return code
