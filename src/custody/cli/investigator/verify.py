"""`custody verify`."""

import dataclasses
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NamedTuple

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


def verify(  # noqa: PLR0917 - the options of a command
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
    escrow_key: Annotated[
        Path | None,
        typer.Option(
            help="A recipient's private key, to open and compare the days sealed for it, instead "
            "of the keys directory."
        ),
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
    anchor are used. With a -c that is typed, and no --policy, so is its own keys/verifier.policy,
    and the verdict says whose word that is. Exit codes: 0 proved, 4 consistent but nobody vouched
    for the key, 2 incomplete, 1 tampered, 3 wrong use.
    """
    from custody.evidence.verifier import PROCESS_ENDED, Exit, VerifyOptions, usable_processors
    from custody.evidence.verifier import verify as run

    if not directory.exists():
        raise CustodyError(
            "usage.no-directory", f"{directory} does not exist.", "Name a data directory."
        )
    if keys is not None and escrow_key is not None:
        raise CustodyError(
            "usage.escrow", "--keys and --escrow-key were both given.", "Give one of them."
        )
    beside = _beside(directory, config)
    keys, anchor = keys or beside.keys, anchor or beside.anchor
    trusted, voucher = (
        (read_policy(policy), "your policy") if policy else _own_policy(beside.policy)
    )
    with _opener(directory, keys, escrow_key) as open_day, _progress(quiet=json) as progress:
        options = VerifyOptions(
            policy=trusted,
            voucher=voucher,
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


class _Beside(NamedTuple):
    """What a configuration brings along."""

    keys: Path | None = None
    anchor: Path | None = None
    policy: Path | None = None


def _beside(directory: Path, config: Path | None) -> _Beside:
    """Keys and anchor of the configuration that is in reach, if this is its data. Its policy only
    where the person typed ``-c``: nobody's word is taken for an environment that somebody else set.
    """
    from custody.evidence import VERIFIER_POLICY

    try:
        gateway = read_config(config).gateway
    except CustodyError:
        if config is not None:
            raise
        return _Beside()
    policy = gateway.keys / VERIFIER_POLICY if config is not None else None
    data = gateway.data.resolve()
    if directory.resolve() not in (data, data / "evidence"):
        return _Beside(policy=policy)
    return _Beside(gateway.keys, gateway.anchor, policy)


def _own_policy(path: Path | None) -> "tuple[TlogPolicy | None, str]":
    """The gateway's own policy, if it still lies there, and whose word that is."""
    if path is None or not path.is_file():
        return None, ""
    return read_policy(path), f"the gateway's own {path.name}"


def read_policy(path: Path) -> "TlogPolicy":
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
def _opener(directory: Path, keys: Path | None, escrow_key: Path | None) -> "Iterator[Any]":
    """Opens day keys: in a process of its own, as the gateway does, or as a recipient of escrow."""
    if escrow_key is not None:
        from custody.evidence import CautiousFiles, EscrowOpener, load_escrow_key
        from custody.evidence.verifier import find_evidence, names, read_bytes

        key, files = load_escrow_key(escrow_key), CautiousFiles(read_bytes, names)
        yield EscrowOpener(files, find_evidence(directory), key).open_day
        return
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
        "voucher": report.voucher,
        "opened": report.opened,
        "unbound": report.unbound,
        "escrow": [dataclasses.asdict(access) for access in report.escrow],
        "payloads": {state.value: count for state, count in report.payloads.items()},
        "proved": list(report.proved),
        "not_proved": list(report.not_proved),
    }


def _print(report: "Report") -> None:
    from custody.cli.terminal import visible
    from custody.evidence.verifier import Exit

    screen = console()

    def line(text: str, style: str | None = None) -> None:
        """A line of a report that may quote a stranger's directory."""
        screen.print(visible(text), style=style, markup=False)

    style = {0: "bold green", 1: "bold red"}.get(int(report.exit), "bold yellow")
    line(report.verdict, style)
    for fault in report.faults:
        where = f"record {fault.index}" if fault.index is not None else fault.path or fault.log
        more = f" (session {fault.session})" if fault.session else ""
        line(f"  ✗ {where}{more}: {fault.sentence} [{fault.kind.value}]")
    if any(fault.kind.value == "checkpoint.stale" for fault in report.faults):
        line(
            "    cure: if the gateway was killed, start it: it signs what is left. Else look for "
            "the newer checkpoint, or for who put this one back."
        )
    if report.more_faults:
        line(f"  ✗ and {report.more_faults} more faults")
    for said in report.proved:
        line(f"  ✓ {said}")
    for said in report.not_proved:
        line(f"  · not proved: {said}")
    if report.exit == Exit.CONSISTENT:
        line(
            "    cure: give the copy of verifier.policy that you keep elsewhere to --policy; on "
            "the gateway's own host, type its configuration with -c."
        )
