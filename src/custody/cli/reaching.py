"""Which gateway a command speaks to, and as whom.

Law: what is said on the command line counts first, then the environment, then what `custody login`
keeps, then the gateway of this host's configuration. Nothing is guessed beyond that.
"""

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.client.gateway import Gateway
    from custody.client.running import Starter

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


@contextlib.contextmanager
def starter_for(
    gateway: str | None, ca: Path | None, config: Path | None, folder: Path
) -> "Iterator[Starter]":
    """Whoever begins loops for this command. Raises ``client.none`` where there is nobody."""
    from custody.client import login_file  # noqa: PLC0415 - see main: start fast
    from custody.client.starting import RemoteStarter  # noqa: PLC0415 - see main: start fast

    kept = login_file.load(login_file.place(os.environ))
    url = gateway or os.environ.get("CUSTODY_GATEWAY")
    if url is None and kept is not None and config is None:
        url = kept.gateway
    if url is not None:
        own = kept if kept is not None and kept.gateway == url.rstrip("/") else None
        with connected(url, ca, own.ca if own is not None else "") as there:
            yield RemoteStarter(there, os.environ, own)
        return
    yield _of_this_host(config, folder)


@contextlib.contextmanager
def connected(url: str, ca: Path | None, authority: str = "") -> "Iterator[Gateway]":
    """The gateway's API. ``authority`` is the PEM that was kept when it was logged in to."""
    from custody.client.gateway import Gateway  # noqa: PLC0415 - see main: start fast

    path = ca or (Path(named) if (named := os.environ.get("CUSTODY_CA")) else None)
    gateway = Gateway(url, path, authority if path is None else "")
    try:
        yield gateway
    finally:
        gateway.close()


def _of_this_host(config: Path | None, folder: Path) -> "Starter":
    """The gateway that the configuration here is of, over its admin socket."""
    from custody.app.config import find_config, load_config  # noqa: PLC0415 - see main: start fast
    from custody.cli.local_starter import LocalStarter  # noqa: PLC0415 - see main: start fast

    path = find_config(config, os.environ, folder)
    if not path.exists():
        raise CustodyError(
            "client.none",
            "No gateway is named, and there is no configuration of one here.",
            "`custody login --gateway URL`, or set CUSTODY_GATEWAY, or give -c FILE.",
        )
    return LocalStarter(load_config(path, conditions=False), os.environ)
