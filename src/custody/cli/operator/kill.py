"""`custody kill`."""

from typing import Annotated

import typer

from custody.app.admin.client import actor, ask
from custody.cli.output import ConfigOption, JsonOption, read_config
from custody.cli.terminal import print_document, print_line


def kill(
    what: Annotated[str, typer.Argument(metavar="ID", help="A loop (loop_…) or session (ses_…).")],
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End a loop, all loops below it and their sessions, or one session. Now.

    A loop's ticket opens nothing any more; a session's loop goes on.
    """
    document = ask(read_config(config, judges=False), "kill", {"id": what, "actor": actor()})
    if json:
        print_document(document)
    else:
        print_line(f"{what} has ended")
