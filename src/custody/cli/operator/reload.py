"""`custody reload`."""

import tomllib
from pathlib import Path

import typer

from custody.app.admin.client import actor, ask_gateway
from custody.cli.output import ConfigOption, JsonOption, print_items, say
from custody.model.errors import CustodyError


def reload(*, config: ConfigOption = None, json: JsonOption = False) -> int:
    """Take in a changed configuration: checked whole, switched at once, recorded.

    Open sessions live on; their next command is judged by the new rules. One that cannot be taken
    in ends with 3 and changes nothing. SIGHUP does the same, and says so in the gateway's log.
    """
    import os

    from custody.config.load import find_config

    path = find_config(config, os.environ, Path.cwd())
    asked = {"actor": actor(), "path": str(path)}
    try:
        answer = ask_gateway(_data(path) / "run" / "admin.sock", "reload", asked)
    except CustodyError as error:
        from custody.cli.output import FAILED, USAGE, print_error

        print_error(error.code, str(error), json=json)
        return FAILED if error.code.startswith("admin.") else USAGE
    if answer is None:
        raise CustodyError(
            "reload.not-running",
            "No gateway runs with this configuration.",
            "`custody serve` reads it as it starts; `custody policy check` judges it now.",
        )
    if json:
        print_items(answer["items"])
        return 0
    (done,) = answer["items"]
    typer.echo(f"changed: {', '.join(done['changed']) or 'nothing'}")
    for note in done["notes"]:
        say(f"note: {note}")
    if done["sessions_ended"]:
        say(f"note: {done['sessions_ended']} sessions ended, for what they rested on is gone")
    return 0


def _data(path: Path) -> Path:
    """Where the running gateway's data is. The file may be one that the gateway will refuse, and it
    is the gateway that has to say so.
    """
    try:
        named = tomllib.loads(path.read_text("utf-8"))["gateway"]["data"]
    except (OSError, ValueError, KeyError, TypeError):
        named = "data"
    return path.parent / (named if isinstance(named, str) else "data")
