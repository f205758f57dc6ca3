"""A session or a loop as a person reads it, event by event.

Law: missing evidence is as visible as recorded evidence: gaps, opaque bytes, unknown outcomes,
truncated and unreadable content each get a line of their own. Every piece of evidence goes through
``custody.cli.terminal``; nothing here prints.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

from rich.console import RenderableType
from rich.text import Text

from custody.cli.layout import Lines, Rows
from custody.cli.tables import OUTCOME_STYLES, VERDICT_STYLES, clock, many, word
from custody.cli.terminal import clipped, shown

Item = Mapping[str, Any]

CELL: Final = 60
"""Characters of a column's name."""
VALUE: Final = 200
"""Characters of one value; ``--json`` has all that was captured."""
_LOUD: Final = "bold black on yellow"
_INDENT: Final = 4


def heading(session: Item) -> Iterator[RenderableType]:
    """What a session is."""
    yield shown(f"session {session['id']}", "bold")
    ended = f"{clock(session['ended'])} ({session['reason']})" if session["ended"] else "open"
    facts = {
        "loop": session["loop"],
        "identity": f"{session['identity']} ({session['issuer']})",
        "target": session["target"],
        "database": session["database"],
        "client": session["client"],
        "says it is": " ".join(
            str(session[key]) for key in ("user", "application") if session[key]
        ),
        "tls": session["tls"] or "none",
        "started": clock(session["time"]),
        "ended": ended,
        "commands": f"{session['commands']}, {session['refused']} refused",
    }
    for name, value in facts.items():
        if value:
            yield Text(f"  {name:<11} ", "dim", end="").append_text(shown(str(value)))
    yield Text("")


def event(item: Item, rows: int) -> Iterator[RenderableType]:
    """One event, with at most ``rows`` of the rows that were captured."""
    if item["kind"] == "command":
        yield from _command(item, rows)
    else:
        yield from _other(item)
    if "missing" in item:
        yield _loud(f"not readable: {item['missing']['message']}")


def _command(item: Item, rows: int) -> Iterator[RenderableType]:
    yield Lines(_first_line(item))
    yield _inside(shown(item["text"], "bold", lines=True))
    for number, bind in enumerate(item.get("binds") or _bare(item["arguments"]), 1):
        yield _inside(_bind(number, bind))
    if item["verdict"] != "allow":
        reason = item.get("reason") or item["detail"].get("reason") or ""
        yield _inside(shown(f"rule {item['rule']}: {reason}", "red"))
    if item["detail"].get("problem"):
        yield _loud(f"not understood: {item['detail']['problem']}")
    if item["detail"].get("text_bytes"):
        said = f"long text: {item['detail']['text_bytes']} bytes came; what is kept may be cut"
        yield _inside(
            shown(f"{said}; SHA-256 of all of it, masked: {item['detail']['text_digest']}", "dim")
        )
    yield from _doubts(item)
    if "response" in item:
        yield from _response(item["response"], rows)
    elif item["outcome"] is not None:
        yield _inside(_outcome(item))
    yield Text("")


def _doubts(item: Item) -> Iterator[RenderableType]:
    """What nobody saw, or what did not hold."""
    if item["outcome"] == "unknown":
        yield _loud("unknown outcome: forwarded, and no answer was seen")
    elif item["outcome"] == "ok" and item["committed"] == "no":
        yield _loud("rolled back: its transaction did not hold")
    elif item["outcome"] == "ok" and item["committed"] == "unknown":
        yield _loud("nobody knows whether its transaction held")
    elif item["outcome"] is None:
        yield _inside(Text("no answer recorded yet", "dim"))


def _outcome(item: Item) -> Text:
    """How a command ended, where its answer was not asked for."""
    line = Text("→ ", "dim", end="").append_text(word(item["outcome"], OUTCOME_STYLES))
    if item["rows"] is not None:
        line.append_text(shown(f"  {many(item['rows'], 'row')}", "dim"))
    return line


def _first_line(item: Item) -> Text:
    line = shown(f"{clock(item['time'])}  ", "dim")
    line.append_text(shown(item["id"], "cyan")).append("  ")
    line.append_text(shown(item["action"] or "", "bold")).append("  ")
    line.append_text(shown(item["verdict"] or "", VERDICT_STYLES.get(item["verdict"] or "", "")))
    line.append_text(shown(f" ({item['rule']})" if item["rule"] else "", "dim"))
    effects = ", ".join(item["effects"])
    objects = ", ".join(item["objects"])
    if effects or objects:
        line.append_text(shown(f"  {effects} {objects}".rstrip(), "dim"))
    return line


def _bare(arguments: Sequence[str | None]) -> list[Item]:
    return [{"value": value, "type": ""} for value in arguments]


def _bind(number: int, bind: Item) -> Text:
    line = Text(f"${number} = ", "dim", end="")
    line.append_text(_value(bind["value"], VALUE))
    if bind["type"]:
        line.append_text(shown(f"  {bind['type']}", "dim"))
    if bind.get("readable") is False:
        line.append("  (hexadecimal)", "dim")
    if bind.get("truncated"):
        line.append(f"  cut: {bind['length']} bytes in all", _LOUD)
    return line


def _value(value: str | None, width: int) -> Text:
    return Text("NULL", "dim italic") if value is None else clipped(value, width)


def _response(response: Item, rows: int) -> Iterator[RenderableType]:
    if response["error"] is not None:
        yield _inside(_report(response["error"], "red"))
    for notice in response["notices"]:
        yield _inside(_report(notice, "yellow"))
    if response["notices_dropped"]:
        yield _loud(f"{response['notices_dropped']} notices were not kept")
    if response["captured"]:
        yield _grid(response["columns"], response["captured"], rows)
    said = shown(f"→ {response['outcome']}", "dim")
    if response["tag"]:
        said.append_text(shown(f"  {response['tag']}", "dim"))
    said.append_text(
        shown(
            f"  {many(response['rows'], 'row')}, {many(response['bytes'], 'byte')},"
            f" {response['duration_us'] / 1000:.1f} ms",
            "dim",
        )
    )
    yield _inside(said)
    yield from _cut(response, rows)


def _cut(came: Item, rows: int) -> Iterator[RenderableType]:
    captured = len(came["captured"])
    if captured > rows:
        more = many(captured - rows, "more captured row")
        yield _inside(Text(f"{more}: --rows {captured} shows all", "dim"))
    if came["truncated"]:
        yield _loud(f"truncated: {captured} rows were kept, perhaps not whole")


def _report(report: Item, style: str) -> Text:
    text = shown(f"{report['severity']} {report['code']}: {report['message']}", style, lines=True)
    for key in ("detail", "hint", "context"):
        if report[key]:
            text.append_text(shown(f"\n{key}: {report[key]}", style, lines=True))
    return text


def _grid(columns: Sequence[Item], captured: Sequence[Sequence[str | None]], rows: int) -> Rows:
    kept = captured[:rows]
    width = max([len(columns), *(len(row) for row in kept)])
    names = [columns[number]["name"] if number < len(columns) else "" for number in range(width)]
    return Rows(
        [clipped(name, CELL) for name in names],
        [[_value(value, VALUE) for value in row] for row in kept],
        _INDENT,
    )


_LOUD_KINDS: Final = {
    "gap": "gap: {text} (count {count})",
    "opaque": "opaque: {text}, {bytes} bytes not understood",
    "recovery": "recovery after a crash: {torn_bytes} bytes set aside",
    "clock": "clock jump: {text}",
    "anchor.accepted": "an operator accepted a new anchor: {text}",
}


def _other(item: Item) -> Iterator[RenderableType]:
    kind = item["kind"]
    if kind in _LOUD_KINDS:
        facts = {"text": item["text"], "count": "?", "bytes": "?", "torn_bytes": "?"}
        sentence = _LOUD_KINDS[kind].format_map({**facts, **item["detail"]})
        yield _loud(f"{clock(item['time'])}  {item['id']}  {sentence}", indent=0)
        return
    style = "bold red" if kind in {"login.refused", "injected"} else ""
    line = shown(f"{clock(item['time'])}  ", "dim")
    line.append_text(shown(item["id"], "cyan")).append("  ")
    line.append_text(shown(kind, style)).append("  ")
    if item["identity"] and not item["session"]:
        line.append_text(clipped(item["identity"], CELL)).append("  ")
    line.append_text(clipped(" ".join(item["text"].split()), 200))
    yield Lines(line)
    if "response" in item:
        yield from _response(item["response"], 20)
    if "stream" in item:
        stream = item["stream"]
        yield _inside(
            shown(f"{stream['kind']} {stream['direction']}: {stream['bytes']} bytes", "dim")
        )
        if stream["captured"]:
            yield _grid(stream["columns"], stream["captured"], 20)
        yield from _cut(stream, 20)


def _inside(what: Text) -> Lines:
    return Lines(what, _INDENT)


def _loud(sentence: str, indent: int = _INDENT) -> Lines:
    return Lines(shown(f"!! {sentence}", _LOUD), indent)
