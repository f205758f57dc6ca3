"""`custody demo`."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

if TYPE_CHECKING:
    from custody.demo.demo import DemoClaim

_WIDEST: Final = 100
_INDENT: Final = 4


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep everything in this directory, to look around in.", metavar="DIR"),
    ] = None,
) -> None:
    """See the main job end to end: a real PostgreSQL, an agent, a refusal, the proof."""
    from custody.cli.layout import Lines
    from custody.cli.output import console
    from custody.cli.terminal import shown
    from custody.demo.demo import run_demo

    screen = console()
    width = min(screen.width, _WIDEST)
    number = 0

    def show(finding: "DemoClaim") -> None:
        nonlocal number
        number += 1
        said = textwrap.wrap(finding.claim, width - _INDENT, break_long_words=False)
        screen.print(f"\n[bold]{number:2}.[/bold] ", end="")
        screen.print(f"\n{'':{_INDENT}}".join(said), markup=False)
        for line in finding.lines:
            screen.print(Lines(shown(line, "dim"), _INDENT))

    run_demo(show, keep.resolve() if keep is not None else None)
    screen.print("\n[bold green]Everything above happened, and every claim was checked.[/]")
    if keep is not None:
        screen.print(f"It is all in {keep}.", markup=False)
        screen.print(f"Look around: custody sessions -c {keep}/gateway/custody.toml", markup=False)
    else:
        screen.print("To look around in it yourself: custody demo --keep DIR", markup=False)
    screen.print("With a database of your own: README.md and docs/operator.md", markup=False)
