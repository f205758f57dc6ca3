"""`custody serve`."""

from typing import Annotated

import typer

from custody.cli.output import ConfigOption, read_config


def serve(
    config: ConfigOption = None,
    *,
    accept_new_anchor: Annotated[
        bool,
        typer.Option(
            "--accept-new-anchor",
            help="Go on with a log that is older than its anchor (data restored from a backup). "
            "This is recorded, and can never be undone.",
        ),
    ] = False,
) -> None:
    """Run the gateway: listeners, evidence log, search index, all under this one command.

    Prints each address that it listens on, then `ready`. SIGTERM lets sessions finish for at most
    ten seconds.
    """
    from custody.app.process import harden

    harden()
    settings = read_config(config, warn=True)

    from custody.app.log_output import write_log

    write_log(settings.log.format, settings.log.level)

    import asyncio

    import uvloop

    from custody.app.serve.serve import serve as run
    from custody.web import console

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(run(settings, _announce, accept_new_anchor=accept_new_anchor, console=console))


def _announce(line: str) -> None:
    # Flushed at once: whoever started us waits for these lines, maybe through a pipe.
    typer.echo(line)
