"""What every command shares: its options, how it prints, and what its exit code means.

Law: results go to standard output, words about them to standard error. With ``--json`` there is
exactly one document on standard output, for errors too. Exit codes are contract:

====  ==========================================================================
0     done, proved, nothing wrong
1     failed, tampered, or ``doctor`` found a fault
2     incomplete (``verify``, and answers out of damaged evidence)
3     wrong use or a faulty configuration: nothing was begun
4     consistent, but nobody vouched for the key (``verify``)
130   interrupted
====  ==========================================================================
"""

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final, TextIO

import typer

from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from rich.console import Console

    from custody.config.tables import Config

OK: Final = 0
FAILED: Final = 1
INCOMPLETE: Final = 2
USAGE: Final = 3
INTERRUPTED: Final = 130

ConfigOption = Annotated[
    Path | None,
    typer.Option(
        "--config",
        "-c",
        help="The configuration file; else $CUSTODY_CONFIG, else ./custody.toml.",
        show_default=False,
    ),
]
JsonOption = Annotated[
    bool, typer.Option("--json", help="Print one JSON document.", show_default=False)
]

_REFUSED_AT_START: Final = (
    "config.", "escrow.key", "escrow.no-log", "init.", "keys.malformed", "keys.unreadable",
    "masking.key", "policy.", "search.", "tls.", "usage.",
)  # fmt: skip


def exit_code(error: CustodyError) -> int:
    """3 for what was wrong before anything began, 1 for what failed."""
    return USAGE if error.code.startswith(_REFUSED_AT_START) else FAILED


def read_config(option: Path | None, *, warn: bool = False, judges: bool = True) -> "Config":
    """The configuration by the rule of ``-c``. ``warn`` prints its warnings; without ``judges`` the
    conditions of its rules stay unread, and its masks unchecked.
    """
    from custody.config.load import find_config, load_config

    config = load_config(find_config(option, os.environ, Path.cwd()), conditions=judges)
    if warn:
        for warning in config.warnings:
            say(f"warning: {warning}")
    return config


def say(sentence: str) -> None:
    """A sentence for the person at the terminal, on standard error."""
    typer.echo(sentence, err=True)


def print_json(document: object) -> None:
    """One document, on one line. Takes what msgspec can encode, and paths."""
    import msgspec

    typer.echo(msgspec.json.encode(document, enc_hook=_path).decode())


def _path(value: object) -> str:
    if isinstance(value, Path):
        return str(value)
    raise TypeError(f"{type(value).__name__} has no form in JSON")


def print_items(items: Sequence[object], following: str | None = None) -> None:
    """The shape of every list: ``{"items": […], "next": …}``; ``next`` asks for what follows."""
    print_json({"items": items, "next": following})


def console(stream: TextIO | None = None) -> "Console":
    """For tables and colours; plain where the output is no terminal."""
    from rich.console import Console

    return Console(file=stream or sys.stdout, highlight=False, soft_wrap=True)


def print_error(code: str, message: str, *, json: bool) -> None:
    if json:
        print_json({"error": {"code": code, "message": message}})
    else:
        say(f"custody: {message}")
