"""`custody backup`."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from custody.app.admin.client import actor, ask
from custody.cli.output import ConfigOption, JsonOption, print_items, say
from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.operations.backup.backup import Backup


def backup(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; it must not be there yet.")
    ],
    *,
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Also seal the keys into this file, apart from DIR."),
    ] = None,
    recipient: Annotated[
        str | None,
        typer.Option(
            help="For whom the keys are sealed: a name in `[[escrow]]`, or a public key as "
            "`custody escrow keygen` prints it."
        ),
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Copy evidence, state and configuration, of a running gateway too, and prove the copy.

    Never the keys, the anchor or the search index. It is on the record. What cannot be proved ends
    with 1 and leaves nothing behind. With --keys, the keys are sealed for a recipient into a file
    of their own: whoever has that file, the private key and the backup has everything, so keep the
    three apart. `custody restore` is the way back.
    """
    import os

    from custody.app.admin.backup_calls import BACKUP
    from custody.config.load import find_config, load_config
    from custody.operations.backup.backup import check_place, make_backup
    from custody.operations.backup.sealed_keys import recipient_key, seal_keys

    if (keys is None) != (recipient is None):
        raise CustodyError(
            "usage.backup-keys",
            "--keys and --recipient belong together.",
            "Name the file, and for whom it is sealed.",
        )
    path = find_config(config, os.environ, Path.cwd())
    loaded = load_config(path, conditions=False)
    if not json:
        for warning in loaded.warnings:
            say(f"warning: {warning}")
    check_place(loaded, directory)
    place = str(directory.absolute())
    if keys is not None:
        place += f" (keys for {recipient} in {keys.absolute()})"
    begun = ask(loaded, BACKUP, {"actor": actor(), "place": place})
    sealed: list[str] = []
    try:
        if keys is not None and recipient is not None:
            sealed = seal_keys(loaded, recipient_key(loaded, recipient), keys, directory)
        made = make_backup(loaded, path, directory, holds=int(begun["items"][0]["records"]))
    except CustodyError:
        if keys is not None and sealed:  # it belongs to a backup that is none
            keys.unlink(missing_ok=True)
        raise
    if json:
        print_items([made])
        return
    _print(made)
    if keys is not None:
        typer.echo(f"{keys}: sealed for {recipient}: {', '.join(sealed)}")


def _print(made: "Backup") -> None:
    for log in made.manifest.logs:
        typer.echo(f"{log.origin}: the first {log.size} records")
    for name in made.manifest.files:
        typer.echo(name)
    for each in made.manifest.left_out:
        typer.echo(f"not in it: {each}")
    typer.echo(f"{made.directory}: {made.verdict}")
