"""`custody init DIR`."""

import datetime as dt
import os
import re
import socket
from pathlib import Path
from typing import Annotated

import typer

from custody.cli.output import JsonOption, print_items
from custody.operations.init import InitResult, initialise


def init(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="Where to write; made if it is not there.")
    ],
    *,
    name: Annotated[
        str,
        typer.Option(help="The gateway's name; its logs are called NAME/YEAR.", show_default=False),
    ] = "",
    json: JsonOption = False,
) -> None:
    """Write a configuration that runs as it is, with keys and a local CA.

    Nothing that exists is overwritten.
    """
    made = initialise(directory, name or _host_name(), dt.datetime.now(dt.UTC), os.urandom)
    if json:
        print_items([made])
    else:
        typer.echo(_next_steps(made))


def _host_name() -> str:
    return re.sub(r"[^A-Za-z0-9.-]", "-", socket.gethostname()).strip(".-") or "gateway"


def _next_steps(made: InitResult) -> str:
    width = max(len(str(path)) for path in (made.config, made.keys, made.authority))
    return f"""Made:
  {made.config!s:<{width}}  what the gateway does
  {made.keys!s:<{width}}  its keys: never inside data, never in its backups
  {made.authority!s:<{width}}  give it to clients as sslrootcert

Next:
  1. Keep a copy of {made.verifier_policy} on another machine.
  2. Name your database in {made.config}.
     Its password comes from the environment: export ORDERS_PASSWORD=…
  3. custody doctor -c {made.config}
  4. custody serve -c {made.config}
  5. custody ticket create -c {made.config} --subject you --group agents --ttl 1h"""
