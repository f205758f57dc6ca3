"""`custody identity`: who is kept out, whatever a provider says."""

from typing import Annotated

import typer

from custody.app.admin.client import actor, ask
from custody.cli.output import ConfigOption, JsonOption, read_config
from custody.cli.terminal import print_document, print_line

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Keep identities out, and let them in again.",
)

Subject = Annotated[str, typer.Argument(metavar="SUBJECT", help="Whom, as their issuer says.")]
Issuer = Annotated[str, typer.Option(help="Whose word it is: an issuer's URL, or `local`.")]


@app.command()
def revoke(
    subject: Subject,
    *,
    issuer: Issuer,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """End all of an identity's logins, loops and sessions, and let none begin.

    Loops that others run on its behalf end too.
    """
    arguments = {"subject": subject, "issuer": issuer, "actor": actor()}
    document = ask(read_config(config, judges=False), "identity.revoke", arguments)
    if json:
        print_document(document)
    else:
        (item,) = document["items"]
        print_line(f"{subject} of {issuer} is revoked; loops ended: {item['loops']}")


@app.command()
def restore(
    subject: Subject,
    *,
    issuer: Issuer,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Let a revoked identity in again. What was ended stays ended."""
    arguments = {"subject": subject, "issuer": issuer, "actor": actor()}
    document = ask(read_config(config, judges=False), "identity.restore", arguments)
    if json:
        print_document(document)
    else:
        print_line(f"{subject} of {issuer} may come in again")


@app.command("list")
def list_revoked(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the identities that are revoked, the newest first."""
    document = ask(read_config(config, judges=False), "identity.list", {})
    if json:
        print_document(document)
        return
    for item in document["items"]:
        line = f"{item['subject']}  {item['issuer']}  since {item['time']}  by {item['actor']}"
        print_line(line)
