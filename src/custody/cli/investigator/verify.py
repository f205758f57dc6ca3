"""`custody verify`."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from custody.cli.output import (
    ConfigOption,
    JsonOption,
    console,
    print_error,
    print_json,
    read_config,
)
from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.evidence import TlogPolicy
    from custody.evidence.verifier import Progress, Report


def verify(
    directory: Annotated[
        Path, typer.Argument(help="A data or evidence directory, of a running gateway too.")
    ],
    policy: Annotated[
        Path | None,
        typer.Option(help="Whose logs to trust: your own copy of verifier.policy."),
    ] = None,
    keys: Annotated[
        Path | None,
        typer.Option(help="The keys directory, to open and compare contents too."),
    ] = None,
    anchor: Annotated[
        Path | None,
        typer.Option(help="The anchor file, to notice an older copy of everything."),
    ] = None,
    config: ConfigOption = None,
    *,
    json: JsonOption = False,
) -> int:
    """Prove that nothing in the evidence was altered, removed, reordered or forged.

    With a configuration whose data this is (-c, $CUSTODY_CONFIG or ./custody.toml), its keys and
    anchor are used. Exit codes: 0 proved, 1 tampered, 2 incomplete, 3 wrong use.
    """
    from custody.evidence.verifier import PROCESS_ENDED, Exit, VerifyOptions, usable_processors
    from custody.evidence.verifier import verify as run

    if not directory.exists():
        raise CustodyError(
            "usage.no-directory", f"{directory} does not exist.", "Name a data directory."
        )
    beside = _beside(directory, config)
    keys, anchor = keys or beside[0], anchor or beside[1]
    with _opener(keys) as open_day, _progress(quiet=json) as progress:
        options = VerifyOptions(
            policy=_policy(policy),
            anchor=anchor,
            open_day=open_day,
            progress=progress,
            processes=usable_processors(),
        )
        try:
            report = run(directory, options)
        except CustodyError as error:
            if error.code != PROCESS_ENDED:
                raise
            # What was not read to its end is not proved; nor is it a sign of tampering.
            print_error(error.code, str(error), json=json)
            return int(Exit.INCOMPLETE)
    if json:
        print_json(_document(report))
    else:
        _print(report)
    return int(report.exit)


def _beside(directory: Path, config: Path | None) -> tuple[Path | None, Path | None]:
    """Keys and anchor of the configuration that is in reach, if this is its data."""
    try:
        gateway = read_config(config).gateway
    except CustodyError:
        if config is not None:
            raise
        return None, None
    data = gateway.data.resolve()
    if directory.resolve() not in (data, data / "evidence"):
        return None, None
    return gateway.keys, gateway.anchor


def _policy(path: Path | None) -> "TlogPolicy | None":
    if path is None:
        return None
    from custody.evidence import parse_policy

    try:
        return parse_policy(path.read_bytes())
    except OSError as error:
        raise CustodyError(
            "usage.no-policy",
            f"The policy {path} cannot be read: {error.strerror}.",
            "`custody init` wrote one as keys/verifier.policy; use your own copy of it.",
        ) from error


@contextmanager
def _opener(keys: Path | None) -> "Iterator[Any]":
    """Opens day keys in a process of its own, as the gateway does."""
    if keys is None:
        yield None
        return
    from custody.evidence import KeyholderProcess

    with KeyholderProcess(keys) as process:
        yield process.unwrap


@contextmanager
def _progress(*, quiet: bool) -> "Iterator[Progress | None]":
    import sys

    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import Progress as Bars
    from rich.progress import TaskID

    with Bars(console=console(sys.stderr), transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def progress(what: str, done: int, total: int) -> None:
            if what not in tasks:
                tasks[what] = bars.add_task(what, total=total)
            bars.update(tasks[what], completed=done, total=total)

        yield progress


def _document(report: "Report") -> dict[str, Any]:
    return {
        "verdict": report.exit.name.lower(),
        "exit": int(report.exit),
        "sentence": report.verdict,
        "faults": [
            dataclasses.asdict(fault) | {"kind": fault.kind.value} for fault in report.faults
        ],
        "more_faults": report.more_faults,
        "logs": [dataclasses.asdict(log) for log in report.logs],
        "payloads": {state.value: count for state, count in report.payloads.items()},
        "proved": list(report.proved),
        "not_proved": list(report.not_proved),
    }


def _print(report: "Report") -> None:
    screen = console()
    style = {0: "bold green", 1: "bold red"}.get(int(report.exit), "bold yellow")
    screen.print(report.verdict, style=style, markup=False)
    for fault in report.faults:
        where = f"record {fault.index}" if fault.index is not None else fault.path or fault.log
        more = f" (session {fault.session})" if fault.session else ""
        screen.print(f"  ✗ {where}{more}: {fault.sentence} [{fault.kind.value}]", markup=False)
    if any(fault.kind.value == "checkpoint.stale" for fault in report.faults):
        screen.print(
            "    cure: if the gateway was killed, start it: it signs what is left. Else look for "
            "the newer checkpoint, or for who put this one back.",
            markup=False,
        )
    if report.more_faults:
        screen.print(f"  ✗ and {report.more_faults} more faults", markup=False)
    for line in report.proved:
        screen.print(f"  ✓ {line}", markup=False)
    for line in report.not_proved:
        screen.print(f"  · not proved: {line}", markup=False)
