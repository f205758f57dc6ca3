"""`custody search`."""

from typing import Annotated, Any

import typer

from custody.app.admin.client import all_items, ask
from custody.cli.output import ConfigOption, JsonOption, console, read_config, say
from custody.cli.terminal import print_document, visible, warn_of_missing


def search(
    query: Annotated[
        list[str] | None,
        typer.Argument(help='Words, "parts of text" and key:value terms.', show_default=False),
    ] = None,
    *,
    oldest: Annotated[bool, typer.Option("--oldest", help="The oldest first.")] = False,
    count: Annotated[
        str | None,
        typer.Option(
            help="Count the hits by one of: loop, session, target, identity, effect, object, "
            "action, verdict, rule, outcome, kind."
        ),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many.")] = 100,
    cursor: Annotated[str | None, typer.Option(help="Go on: `next` of the last page.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> int:
    """Find commands by what they say, who ran them, where, and how they ended.

    For example: custody search 'verdict:deny target:orders since:1h "drop table"'
    """
    read = read_config(config, judges=False)
    asked = {"query": " ".join(query or [])}
    if count is not None:
        document = ask(read, "facets", {**asked, "field": count, "limit": min(limit, 1000)})
    else:
        order = "oldest" if oldest else "newest"
        document = all_items(
            read, "search", {**asked, "order": order, "cursor": cursor}, most=limit
        )
    if json:
        return print_document(document)
    from custody.cli import tables

    out = console()
    items = document["items"]
    if count is not None:
        tables.print_whole(out, tables.counts(items))
    else:
        for line in tables.hits(items, out.width):
            out.print(line)
    code = warn_of_missing(document)
    if not items:
        say("nothing found")
    if document["next"] is not None:
        say(f"more: --cursor {document['next']}")
    _say_reach(document)
    return code


def _say_reach(document: dict[str, Any]) -> None:
    """How far "nothing else" can be relied on."""
    indexed = document.get("indexed")
    reach = f"complete up to {visible(indexed['until'])}" if indexed else "nothing is indexed yet"
    cut = document.get("cut")
    from custody.cli.tables import many

    more = f"; {many(cut, 'answer')} that may fit held more than was captured" if cut else ""
    say(f"{reach}{more}")
