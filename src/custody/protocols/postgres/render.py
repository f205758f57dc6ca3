"""A record of this protocol as an investigator reads it.

Law: pure; nothing is added that the record does not say, and what was left out is said.
"""

from typing import Final

import msgspec

from custody.model.record import Body, CommandSeen, ErrorReport, Injected, Opaque, Response, Stream

Row = tuple[str | None, ...]


class Table(msgspec.Struct, frozen=True):
    """Rows to be shown as a table. ``None`` is SQL NULL."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


class Page(msgspec.Struct, frozen=True):
    """Lines to be read from top to bottom, then a table where there is one."""

    lines: tuple[str, ...]
    table: Table | None = None


_UNITS: Final = ((1_000_000, "s"), (1_000, "ms"))


def render(body: Body) -> Page | None:
    """``None`` for a record that is not of this protocol's making."""
    match body:
        case CommandSeen():
            return _command(body)
        case Response():
            return _response(body)
        case Stream():
            return _stream(body)
        case Injected():
            return Page(("a failing message was sent in the refused command's place",))
        case Opaque():
            return Page((f"{body.what} ({_bytes(body.bytes)})",))
        case _:
            return None


def _command(seen: CommandSeen) -> Page:
    command = seen.command
    effects = ", ".join(sorted(command.effects)) or "no effect"
    lines = [*command.text.strip().splitlines()]
    for number, argument in enumerate(command.arguments, 1):
        value = "NULL" if argument.value is None else argument.value
        if not argument.readable:
            value = f"0x{value}"
        cut = f" … of {_bytes(argument.length)}" if argument.truncated else ""
        kind = f" {argument.type}" if argument.type else ""
        lines.append(f"${number}{kind} = {value}{cut}")
    verdict = f"{seen.decision} ({seen.rule})"
    if seen.reason:
        verdict += f": {seen.reason}"
    if seen.stage != "execute":
        verdict += f" [at {seen.stage}]"
    lines.append(f"{verdict}; {effects}")
    if command.objects:
        lines.append(f"touches {', '.join(command.objects)}")
    if not command.bounded:
        lines.append("unbounded: no condition limits it")
    if command.problem:
        lines.append(f"not understood: {command.problem}")
    return Page(tuple(lines))


def _response(response: Response) -> Page:
    head = [response.tag or str(response.outcome), f"{response.rows} rows"]
    if response.tag:
        head.insert(0, str(response.outcome))
    if response.bytes:
        head.append(_bytes(response.bytes))
    if response.duration_us:
        head.append(_duration(response.duration_us))
    lines = ["; ".join(head)]
    if response.error is not None:
        lines += _report(response.error)
    for notice in response.notices:
        lines += _report(notice)
    if response.notices_dropped:
        lines.append(f"{response.notices_dropped} more notices were not kept")
    if response.digest:
        lines.append(f"digest {response.digest}")
    lines += [f"returned {argument.value}" for argument in response.arguments]
    if response.truncated:
        lines.append(f"only {len(response.captured)} rows, or parts of values, were kept")
    return Page(tuple(lines), _table(tuple(c.name for c in response.columns), response.captured))


def _stream(stream: Stream) -> Page:
    way = "to the target" if stream.direction == "up" else "from the target"
    lines = [f"{stream.kind} data {way}: {_bytes(stream.bytes)}"]
    if stream.announced is not None and stream.announced != stream.bytes:
        lines.append(f"{_bytes(stream.announced)} were announced")
    if stream.digest:
        lines.append(f"digest {stream.digest}")
    if stream.truncated:
        lines.append("only its beginning was kept")
    return Page(tuple(lines), _table(tuple(c.name for c in stream.columns), stream.captured))


def _table(names: tuple[str, ...], rows: tuple[Row, ...]) -> Table | None:
    if not rows and not names:
        return None
    width = max((len(row) for row in rows), default=len(names))
    columns = names + tuple(f"column {n}" for n in range(len(names) + 1, width + 1))
    return Table(columns, rows)


def _report(report: ErrorReport) -> list[str]:
    lines = [f"{report.severity} {report.code}: {report.message}"]
    for name, text in (
        ("detail", report.detail),
        ("hint", report.hint),
        ("context", report.context),
    ):
        if text:
            lines.append(f"{name}: {text}")
    return lines


def _bytes(count: int) -> str:
    return f"{count:,} bytes"


def _duration(microseconds: int) -> str:
    for size, unit in _UNITS:
        if microseconds >= size:
            return f"{microseconds / size:.1f} {unit}"
    return f"{microseconds} µs"
