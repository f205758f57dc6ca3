"""`custody restore`."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from custody.cli.output import JsonOption, print_items
from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.operations.backup.restore import Restored


def restore(
    backup: Annotated[Path, typer.Argument(metavar="BACKUP", help="What `custody backup` made.")],
    *,
    into: Annotated[
        Path,
        typer.Option(
            metavar="DIR",
            help="The gateway's directory; its keys must be there already, or come with --keys.",
        ),
    ],
    keys: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="The keys that `custody backup --keys` sealed."),
    ] = None,
    escrow_key: Annotated[
        Path | None, typer.Option(help="The recipient's private key, which opens them.")
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(help="Whose logs to trust: your own copy of verifier.policy."),
    ] = None,
    json: JsonOption = False,
) -> None:
    """Put a backup where a gateway can start from it; nothing that exists is overwritten.

    Every login, loop and ticket in it is ended. The gateway then starts with
    `custody serve --accept-new-anchor`, which records what was given up.
    """
    from custody.cli.investigator.verify import read_policy
    from custody.evidence import load_escrow_key
    from custody.operations.backup.restore import restore as run

    if (keys is None) != (escrow_key is None):
        raise CustodyError(
            "usage.backup-keys",
            "--keys and --escrow-key belong together.",
            "Name the sealed keys, and the private key that opens them.",
        )
    trusted = read_policy(policy) if policy is not None else None
    sealed = (keys, load_escrow_key(escrow_key)) if keys and escrow_key else None
    done = run(backup, into, time.time_ns() // 1_000_000, policy=trusted, keys=sealed)
    if json:
        print_items([done])
    else:
        typer.echo(_next_steps(done))


def _next_steps(done: "Restored") -> str:
    left_out = "\n".join(f"  not in the backup: {each}" for each in done.manifest.left_out)
    return f"""The backup: {done.verdict}
  made {done.manifest.made} by custody {done.manifest.custody}
{left_out}
Ended, since they may have been withdrawn later: {done.logins} logins, {done.loops} loops.

Next:
  1. custody doctor -c {done.config}
  2. custody serve --accept-new-anchor -c {done.config}
     (once; it records what was given up)
  3. Keep out again who was kept out since: `custody identity revoke`."""
