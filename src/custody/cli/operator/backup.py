"""`custody backup`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from custody.app.admin.client import actor, ask
from custody.cli.output import ConfigOption, JsonOption, print_items, say

if TYPE_CHECKING:
    from custody.operations.backup.backup import Backup


def backup(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; it must not be there yet.")
    ],
    *,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy evidence, state and configuration, of a running gateway too, and prove the copy.

    Never the keys, the anchor or the search index. It is on the record. What cannot be proved ends
    with 1 and leaves nothing behind. `custody restore` is the way back.
    """
    import os

    from custody.app.admin.backup_calls import BACKUP
    from custody.config.load import find_config, load_config
    from custody.operations.backup.backup import check_place, make_backup

    path = find_config(config, os.environ, Path.cwd())
    loaded = load_config(path, conditions=False)
    if not json:
        for warning in loaded.warnings:
            say(f"warning: {warning}")
    check_place(loaded, directory)
    begun = ask(loaded, BACKUP, {"actor": actor(), "place": str(directory.absolute())})
    made = make_backup(loaded, path, directory, holds=int(begun["items"][0]["records"]))
    if json:
        print_items([made])
    else:
        _print(made)


def _print(made: "Backup") -> None:
    for log in made.manifest.logs:
        typer.echo(f"{log.origin}: the first {log.size} records")
    for name in made.manifest.files:
        typer.echo(name)
    for each in made.manifest.left_out:
        typer.echo(f"not in it: {each}")
    typer.echo(f"{made.directory}: {made.verdict}")
