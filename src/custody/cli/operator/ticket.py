"""`custody ticket`: an operator's local tickets."""

import re
from typing import TYPE_CHECKING, Annotated, Any

import typer

from custody.app.admin.client import actor, ask
from custody.cli.output import ConfigOption, JsonOption, console, read_config, say
from custody.cli.terminal import print_document, print_line, shown
from custody.model.errors import CustodyError
from custody.model.words import IdentityKind

if TYPE_CHECKING:
    from custody.config.tables import Config, TargetConfig

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Make, list and withdraw an operator's local tickets.",
)


@app.command()
def create(
    *,
    subject: Annotated[str, typer.Option(help="Whose ticket it is.")],
    ttl: Annotated[str, typer.Option(help="How long it holds: 30m, 1h, 8h.")],
    group: Annotated[list[str] | None, typer.Option(help="A group of theirs; repeatable.")] = None,
    purpose: Annotated[str, typer.Option(help="What the loop is for.")] = "",
    on_behalf_of: Annotated[str, typer.Option(help="For whom the agent acts.")] = "",
    kind: Annotated[IdentityKind, typer.Option(help="What acts.")] = IdentityKind.AGENT,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print only the secret.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Make a ticket for a new loop. Its secret is shown this once."""
    from custody.model.config.config_key import UnfitValueError
    from custody.model.config.value_readers import duration

    try:
        ttl_ms = duration(ttl)
    except UnfitValueError as error:
        raise CustodyError("usage.ttl", f"--ttl {ttl!r} is not usable.", error.wanted) from None
    read = read_config(config, judges=False)
    arguments = {
        "subject": subject,
        "groups": group or [],
        "ttl_ms": ttl_ms,
        "actor": actor(),
        "purpose": purpose,
        "on_behalf_of": on_behalf_of,
        "kind": kind.value,
    }
    document = ask(read, "ticket.create", arguments)
    (item,) = document["items"]
    targets = _reachable(read, subject, tuple(group or ()))
    if not targets:
        say("warning: no grant names this subject or any of these groups, so it opens nothing")
    if json:
        print_document(document)
    elif quiet:
        typer.echo(item["secret"])
    else:
        _explain(read, item, targets)


@app.command("list")
def list_tickets(
    *,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many, newest first.")] = 100,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """List tickets, the newest first. Secrets are not kept, so none is shown."""
    document = ask(read_config(config, judges=False), "ticket.list", {"limit": limit})
    if json:
        print_document(document)
    else:
        from custody.cli import tables

        tables.print_whole(console(), tables.tickets(document["items"]))


@app.command()
def revoke(
    ticket: Annotated[str, typer.Argument(metavar="ID", help="The ticket's id: tkt_…")],
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Withdraw a ticket, and end its open sessions.

    No login with it succeeds any more.
    """
    document = ask(
        read_config(config, judges=False), "ticket.revoke", {"id": ticket, "actor": actor()}
    )
    if json:
        print_document(document)
    else:
        (item,) = document["items"]
        print_line(f"{item['id']} is withdrawn (loop {item['loop']})")


def _reachable(config: "Config", subject: str, groups: tuple[str, ...]) -> "list[TargetConfig]":
    from custody.identity import local_identity

    identity = local_identity(subject, groups)
    granted = {
        target for grant in config.grants if grant.names(identity) for target in grant.targets
    }
    return [each for each in config.targets if each.name in granted or "*" in granted]


def _word(subject: str) -> str:
    """The subject as a user name, where it needs no quotes; a client may call itself anything."""
    return subject if re.fullmatch(r"[A-Za-z0-9._@-]+", subject) else "agent"


def _explain(config: "Config", item: dict[str, Any], targets: "list[TargetConfig]") -> None:
    from custody.cli.tables import clock

    out = console()
    for name in ("id", "loop", "identity"):
        out.print(shown(f"{name:<9} {item[name]}"))
    out.print(shown(f"{'expires':<9} {clock(item['expires'])} UTC"))
    out.print(shown(f"{'secret':<9} {item['secret']}").append("   (shown this once)", "dim"))
    listener = next((each for each in config.listeners if each.name == "postgres"), None)
    if listener is not None and targets:
        connection = (
            f"host={listener.address.host} port={listener.address.port} "
            f"dbname={targets[0].name} user={_word(item['identity'])} sslmode=verify-full "
            f"sslrootcert={config.gateway.data / 'ca.pem'}"
        )
        out.print(shown(f'\nPGPASSWORD={item["secret"]} psql "{connection}"', lines=True))
