"""`custody grants suggest` and `custody grants unused`."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from custody.app.admin.client import ask
from custody.cli.output import ConfigOption, JsonOption, console, read_config, say
from custody.cli.terminal import print_document, visible, warn_of_missing
from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.config.tables import Config

app = typer.Typer(
    name="grants",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="What grants are needed, by evidence.",
)


@app.command()
def suggest(
    *,
    identity: Annotated[
        str | None,
        typer.Option(help="Whose work: a subject, or ISSUER#SUBJECT.", show_default=False),
    ] = None,
    group: Annotated[
        str | None, typer.Option(help="Or the work of all in a group.", show_default=False)
    ] = None,
    issuer: Annotated[
        str | None,
        typer.Option(help="Only whom this issuer vouched for.", show_default=False),
    ] = None,
    since: Annotated[str, typer.Option(help="How far to look back: 24h, 30d.")] = "30d",
    hours: Annotated[
        bool, typer.Option("--hours", help="Narrow to the hours of the day that were used.")
    ] = False,
    objects: Annotated[
        bool, typer.Option("--objects", help="Narrow to the objects that were touched.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Propose the narrowest grants that would have allowed what was done.

    Prints [[grant]] tables to paste; what they leave out, and what cannot be known, goes to
    standard error.
    """
    if (identity is None) == (group is None):
        raise CustodyError(
            "usage.whose",
            "It is not clear whose work to look at.",
            "Give either --identity or --group.",
        )
    document = _ask(
        read_config(config, judges=False),
        "grants.suggest",
        since,
        identity=identity or "",
        group=group or "",
        issuer=issuer or "",
        hours=hours,
        objects=objects,
    )
    if json:
        return print_document(document)
    typer.echo(document["toml"], nl=False)
    code = warn_of_missing(document)
    if document["refused"]:
        from custody.cli import tables
        from custody.cli.operator import grants_tables

        say("\nRefused in this period, and so not in the grants above:")
        tables.print_whole(_errors(), grants_tables.refused(document["refused"]))
    _say_rest(document)
    return code


@app.command()
def unused(
    *,
    since: Annotated[str, typer.Option(help="How far to look back: 24h, 30d.")] = "90d",
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Name what was never used: grants, and targets, effects and groups within grants."""
    document = _ask(read_config(config, judges=False), "grants.unused", since)
    if json:
        return print_document(document)
    from custody.cli import tables
    from custody.cli.operator import grants_tables

    tables.print_whole(console(), grants_tables.unused(document["items"]))
    code = warn_of_missing(document)
    _say_rest(document)
    return code


def _ask(config: "Config", call: str, since: str, **more: object) -> dict[str, Any]:
    import msgspec

    from custody.model.config.config_key import UnfitValueError
    from custody.model.config.value_readers import duration

    try:
        since_ms = duration(since)
    except UnfitValueError as error:
        raise CustodyError(
            "usage.since", f"--since {since!r} is not usable.", error.wanted
        ) from None
    return ask(
        config,
        call,
        {
            "since_ms": since_ms,
            "grants": msgspec.to_builtins(config.grants),
            "targets": [*(target.name for target in config.targets), *config.later_targets],
            **more,
        },
    )


def _say_rest(document: dict[str, Any]) -> None:
    from custody.investigation.grants.toml_text import many

    period = document["period"]
    say(
        f"\nLooked at {period['looked_at']} of {period['asked']} days, {period['since']} to "
        f"{period['until']}: {many(document['sessions'], 'session')}, "
        f"{many(document['commands'], 'command')}."
    )
    for note in document["notes"]:
        say(f"- {visible(note)}")


def _errors() -> "Any":  # noqa: ANN401 - Rich is imported only where a table is printed
    import sys

    return console(sys.stderr)
