"""`custody index`."""

import typer

from custody.app.admin.client import ask
from custody.cli.output import ConfigOption, JsonOption, read_config, say
from custody.cli.terminal import print_document

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Look after the search index.",
)


@app.callback()
def _index() -> None:
    """Look after the search index."""


@app.command()
def rebuild(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Forget the search index and build it again from the evidence log.

    While a gateway runs it goes on building after this command has ended.
    """
    document = ask(read_config(config, judges=False), "index.rebuild", {})
    if json:
        print_document(document)
    else:
        say("the index is built again")
