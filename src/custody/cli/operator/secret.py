"""`custody secret`: the local encrypted vault, for those who have no other."""

import getpass
import sys
from typing import Annotated

import typer

from custody.app.admin.client import actor, ask
from custody.cli.output import ConfigOption, JsonOption, read_config
from custody.cli.terminal import print_document, print_line
from custody.model.errors import CustodyError

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keep targets' credentials sealed on this host; `secret:NAME` refers to them.",
)

NameArgument = Annotated[str, typer.Argument(metavar="NAME", help="As `secret:NAME` has it.")]


@app.command("set")
def set_secret(
    name: NameArgument,
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Keep a secret under a name, in place of what was there. It is asked for, or read from stdin.

    Sessions that begin from now on use it; nothing needs to be restarted.
    """
    read = read_config(config, judges=False)
    arguments = {"name": name, "value": _asked_for(name), "actor": actor()}
    document = ask(read, "secret.set", arguments)
    if json:
        print_document(document)
    else:
        print_line(f'{name} is kept; refer to it with password = "secret:{name}"')


@app.command("list")
def list_secrets(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the names of what is kept. No value is ever shown."""
    document = ask(read_config(config, judges=False), "secret.list", {})
    if json:
        print_document(document)
        return
    for item in document["items"]:
        print_line(f"{item['name']}  (changed {item['changed']})")


@app.command()
def delete(
    name: NameArgument,
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Forget a secret."""
    read = read_config(config, judges=False)
    document = ask(read, "secret.delete", {"name": name, "actor": actor()})
    if json:
        print_document(document)
    else:
        print_line(f"{name} is forgotten")


def _asked_for(name: str) -> str:
    """One line of standard input, or what is typed unseen. Never an argument: those can be seen in
    the list of processes.
    """
    if sys.stdin.isatty():
        value = getpass.getpass(f"{name}: ")
        if value != getpass.getpass("again: "):
            raise CustodyError("usage.secret", "The two did not match.", "Try again.")
    else:
        value = sys.stdin.read().removesuffix("\n").removesuffix("\r")
    if not value:
        raise CustodyError("usage.secret", "No secret was given.", "Give it on standard input.")
    return value
