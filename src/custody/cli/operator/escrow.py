"""`custody escrow`: contents for those who are to read them without the gateway."""

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from custody.cli.output import INCOMPLETE, OK, JsonOption, print_items, print_json, say
from custody.model.errors import CustodyError

if TYPE_CHECKING:
    from custody.evidence import EscrowOpener, EvidenceReader, ReadRecord

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Read contents without the gateway's keys: for recipients of `[[escrow]]`.",
)


@app.command()
def keygen(
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="Where the private key goes: a new file.")
    ],
    *,
    name: Annotated[
        str | None, typer.Option(help="What the recipient is called; else the file's name.")
    ] = None,
    json: JsonOption = False,
) -> None:
    """Make a recipient's key, and print the table for the gateway's configuration.

    Run it on the recipient's own machine: whoever has the private key can read every day that was
    sealed for it. Nothing can be opened if it is lost.
    """
    from custody.evidence import create_escrow_key
    from custody.model.words import NAME

    called = name or file.stem
    if not NAME.fullmatch(called):
        raise CustodyError(
            "usage.escrow-name",
            f"{called!r} cannot be a recipient's name.",
            "Give --name: at most 63 letters, digits, dots, dashes and underscores.",
        )
    public = create_escrow_key(file).public
    if json:
        print_json({"name": called, "key": public, "file": file})
        return
    say(f"{file} holds the private key: keep it, and a copy of it, away from the gateway")
    typer.echo(f'[[escrow]]\nname = "{called}"\nkey = "{public}"')


@app.command("open")
def open_contents(
    directory: Annotated[
        Path, typer.Argument(metavar="DIR", help="A copy of a data or evidence directory.")
    ],
    *,
    key: Annotated[Path, typer.Option(help="The recipient's private key.")],
    day: Annotated[str | None, typer.Option(help="The records of this day (YYYY-MM-DD).")] = None,
    record: Annotated[
        int | None, typer.Option(min=0, help="This record, by its index in the log.")
    ] = None,
    log: Annotated[
        str | None, typer.Option(help="Whose index it is, NAME/YEAR; else the newest log's.")
    ] = None,
    limit: Annotated[int, typer.Option(min=1, help="At most so many records.")] = 1000,
    cursor: Annotated[
        int | None, typer.Option(min=0, help="Go on with a day: `next` of the last page.")
    ] = None,
    json: JsonOption = False,
) -> int:
    """Open one day or one record; without either, list the days that this key opens.

    It needs neither the log key nor the key-encryption key, and writes nothing. It does not prove
    what it shows: run `custody verify --escrow-key` on the same copy first. What cannot be opened
    is said to be so, and the exit code is 2.
    """
    from custody.evidence import (
        CautiousFiles,
        DiskFiles,
        EscrowOpener,
        EvidenceReader,
        load_escrow_key,
    )
    from custody.evidence.verifier import find_evidence, names, read_bytes, refuse_irregular

    if day is not None and record is not None:
        raise CustodyError("usage.escrow", "--day and --record were both given.", "Give one.")
    evidence = find_evidence(directory)
    refuse_irregular(evidence)
    opener = EscrowOpener(CautiousFiles(read_bytes, names), evidence, load_escrow_key(key))
    if day is None and record is None:
        _print_days(opener, json=json)
        return OK
    reader = EvidenceReader(DiskFiles(), evidence, opener.name, opener)
    try:
        if record is not None:
            found, following = _one(reader, log, record), None
        else:
            found, following = _of_day(reader, day or "", limit, cursor)
    finally:
        reader.close()
    items = [_item(log_of, each) for log_of, each in found]
    if json:
        print_items(items, following)
    else:
        _print(items, following)
    return INCOMPLETE if any("unopened" in item for item in items) else OK


def _one(reader: "EvidenceReader", log: str | None, index: int) -> "list[tuple[str, ReadRecord]]":
    origin = log or max(reader.logs(), default="")
    found = reader.record(origin, index) if origin in reader.logs() else None
    if found is None:
        raise CustodyError(
            "usage.no-record", f"There is no record {index} of {origin or 'any log'} here.", ""
        )
    return [(origin, found)]


def _of_day(
    reader: "EvidenceReader", day: str, limit: int, cursor: int | None
) -> "tuple[list[tuple[str, ReadRecord]], str | None]":
    """Up to ``limit`` records of a day, and the index of the one behind them."""
    start = reader.first_of(day)
    if start is None:
        raise CustodyError(
            "usage.no-day", f"There are no records of {day} here.", "Give it as YYYY-MM-DD."
        )
    log, first = start
    found: list[tuple[str, ReadRecord]] = []
    for each in _from(reader, log, max(first, cursor or 0)):
        if each.day > day:
            break
        if len(found) == limit:
            return found, str(each.number)
        found.append((log, each))
    return found, None


def _from(reader: "EvidenceReader", log: str, index: int) -> "Iterator[ReadRecord]":
    """A log's records from there on; what damage hides is passed over and said."""
    while True:
        batch = reader.follow(log, index)
        if batch.lost is not None:
            lost = batch.lost
            say(f"warning: records {lost.first} to {lost.end - 1} of {log} cannot be read")
        yield from batch.records
        if batch.log != log or not batch.more:
            return
        index = batch.following


def _item(log: str, found: "ReadRecord") -> dict[str, Any]:
    from custody.investigation.documents import record_document
    from custody.model.durations import moment

    item: dict[str, Any] = {"log": log, "index": found.number, "day": found.day or None}
    if isinstance(found.record, CustodyError):
        return item | {"unopened": {"code": found.record.code, "fault": found.record.fault}}
    stored, document = found.record, record_document(found.record)
    return item | {
        "kind": document.pop("type", None),
        "time": moment(stored.time),
        "loop": stored.loop,
        "session": stored.session,
        "n": stored.n if stored.session else None,
        "record": document,
    }


def _print_days(opener: "EscrowOpener", *, json: bool) -> None:
    days = opener.days()
    if json:
        print_items([{"day": day} for day in days])
        return
    for day in days:
        typer.echo(day)
    if not days:
        say("no day here was sealed for this key")


def _print(items: list[dict[str, Any]], following: str | None) -> None:
    from custody.cli.terminal import ascii_json, print_line

    for item in items:
        if "unopened" in item:
            print_line(f"{item['index']}  not opened: {item['unopened']['fault']}")
            continue
        where = item["session"] or item["loop"] or ""
        said = ascii_json(item["record"])
        print_line(f"{item['index']}  {item['time']}  {item['kind']}  {where}  {said}")
    if following is not None:
        say(f"more: --cursor {following}")
