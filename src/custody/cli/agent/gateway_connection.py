"""The gateway that a command speaks to, and the login it uses.

Law: the command line counts first, then the environment, then the login that `custody login` keeps,
then the gateway of this host's configuration. Nothing is guessed beyond that.
"""

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.client.gateway import GatewayClient
    from custody.client.run import LoopStarter

GatewayOption = Annotated[
    str | None,
    typer.Option(
        "--gateway",
        metavar="URL",
        help="The gateway's console; else $CUSTODY_GATEWAY, else the one logged in to, else this "
        "host's own.",
        show_default=False,
    ),
]
AuthorityOption = Annotated[
    Path | None,
    typer.Option(
        "--ca",
        help="Whom its certificate is trusted by, PEM; else $CUSTODY_CA, else the system's.",
        show_default=False,
    ),
]


def loop_starter(
    gateway: str | None,
    ca: Path | None,
    config: Path | None,
    folder: Path,
    groups: Sequence[str] = (),
) -> "LoopStarter":
    """The starter of loops for this command. ``groups`` are for this host's own gateway.

    Raises ``client.none`` where there is nobody, ``login.file``.
    """
    from custody.client import login_file
    from custody.client.remote_starter import RemoteStarter
    from custody.client.run import TICKET_AT

    kept = login_file.load(login_file.place(os.environ))
    url = gateway or (os.environ.get("CUSTODY_GATEWAY") if config is None else None)
    # Inside a loop it is the loop's gateway that counts, wherever one is logged in beside.
    if url is None and config is None and kept is not None and TICKET_AT not in os.environ:
        url = kept.gateway
    if url is None:
        return _of_this_host(config, folder, groups)
    if groups:
        raise CustodyError(
            "usage.group",
            "--group is for the gateway of this host.",
            "At another gateway your groups are what its provider says.",
        )
    own = kept if kept is not None and kept.gateway == url.rstrip("/") else None
    there = connect(url, ca, own.ca if own is not None else "")
    return RemoteStarter(there, os.environ, own)


def connect(url: str, ca: Path | None, authority: str = "") -> "GatewayClient":
    """The gateway's API. ``authority`` is the PEM that was kept when it was logged in to."""
    from custody.client.gateway import GatewayClient

    path = ca or (Path(named) if (named := os.environ.get("CUSTODY_CA")) else None)
    return GatewayClient(url, path, authority if path is None else "")


def _of_this_host(config: Path | None, folder: Path, groups: Sequence[str]) -> "LoopStarter":
    """The gateway that the configuration here is of, over its admin socket."""
    from custody.cli.agent.local_starter import LocalStarter
    from custody.config.load import find_config, load_config

    path = find_config(config, os.environ, folder)
    if not path.exists():
        raise CustodyError(
            "client.none",
            f"No gateway is named, and {path} is not there, which would be its configuration.",
            "`custody login --gateway URL`, or set CUSTODY_GATEWAY, or give -c FILE. "
            "The options of the command that is run stand behind `--`.",
        )
    return LocalStarter(load_config(path, conditions=False), os.environ, groups)
