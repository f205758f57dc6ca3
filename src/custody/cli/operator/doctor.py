"""`custody doctor`."""

import datetime as dt
import os
from pathlib import Path

import typer

from custody.cli.output import FAILED, ConfigOption, JsonOption, console, print_items
from custody.config.load import find_config
from custody.doctor.examination import examine
from custody.doctor.findings import Finding, Level

_COLOURS = {Level.OK: "green", Level.WARN: "yellow", Level.FAULT: "bold red"}


def doctor(*, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Say what is wrong with this installation, and the cure.

    Ends with 1 if there is a fault; warnings alone end with 0.
    """
    path = find_config(config, os.environ, Path.cwd())
    findings = examine(path, os.environ, dt.datetime.now(dt.UTC))
    found: list[Finding] = []
    for finding in findings:
        found.append(finding)
        if not json:
            _print(finding)
    if json:
        print_items(found)
    if any(finding.level is Level.FAULT for finding in found):
        raise typer.Exit(FAILED)


def _print(finding: Finding) -> None:
    from rich.text import Text

    line = Text(f"{finding.level.value:5} ", style=_COLOURS[finding.level])
    line.append(finding.what, style="default")
    console().print(line)
    if finding.cure and finding.level is not Level.OK:
        console().print(Text(f"      cure: {finding.cure}"))
