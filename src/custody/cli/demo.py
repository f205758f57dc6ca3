"""`custody demo`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from custody.app.demo import Finding


def demo(
    keep: Annotated[
        Path | None,
        typer.Option(help="Keep everything in this directory, to look around in.", metavar="DIR"),
    ] = None,
) -> None:
    """See the main job end to end: a real PostgreSQL, an agent, a refusal, the proof."""
    from custody.app.demo import run_demo  # noqa: PLC0415 - see main: start fast
    from custody.cli.output import console  # noqa: PLC0415

    screen = console()
    number = 0

    def show(finding: "Finding") -> None:
        nonlocal number
        number += 1
        screen.print(f"\n[bold]{number}.[/bold] ", end="")
        screen.print(finding.claim, markup=False)
        for line in finding.lines:
            screen.print(line, markup=False, style="dim", no_wrap=True, overflow="ellipsis")

    run_demo(show, keep.resolve() if keep is not None else None)
    screen.print("\n[bold green]Everything above happened, and every claim was checked.[/]")
    if keep is not None:
        screen.print(f"It is all in {keep}.", markup=False)
