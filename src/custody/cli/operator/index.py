"""`custody index`."""

import typer

from custody.app.admin.client import ask
from custody.cli.output import ConfigOption, JsonOption, read_config, say
from custody.cli.terminal import print_document, warn_of_missing

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
def rebuild(*, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Forget the search index and build it again from the evidence log.

    While a gateway runs it goes on building after this command has ended.
    """
    document = ask(read_config(config, judges=False), "index.rebuild", {})
    if json:
        return print_document(document)
    code = warn_of_missing(document)
    say("the index is built again" + (", but for what could not be read" if code else ""))
    return code
