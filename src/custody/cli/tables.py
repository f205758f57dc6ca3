"""Lists for people: loops, sessions, tickets, hits.

Law: every cell goes through ``custody.cli.terminal``; nothing is cut but what
another command shows whole.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.table import Table
from rich.text import Text

from custody.cli.family import BRANCH, as_tree
from custody.cli.terminal import clipped, shown

Item = Mapping[str, Any]

VERDICT_STYLES = {"allow": "green", "deny": "bold red", "ask": "bold yellow"}
OUTCOME_STYLES = {"ok": "green", "error": "red", "refused": "bold red", "unknown": "bold yellow"}


def clock(time: str | None) -> str:
    """``2026-11-22 10:00:00.000`` out of an item's time."""
    return "" if time is None else time[:23].replace("T", " ")


def many(number: int, what: str) -> str:
    """``1 row``, ``2 rows``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def word(value: object, styles: Mapping[str, str]) -> Text:
    text = "" if value is None else str(value)
    return shown(text, styles.get(text, ""))


def loops(items: Sequence[Item]) -> Table:
    table = _table("loop", "started (UTC)", "identity", "purpose", "state", "sessions", "commands")
    table.add_column("refused", justify="right")
    for item, depth in as_tree(items):
        state = item["reason"] or "ended" if item["ended"] else f"until {clock(item['expires'])}"
        if item.get("paused") and not item["ended"]:
            state = f"paused: {item['paused']}"
        branch = "   " * (depth - 1) + BRANCH if depth else ""
        table.add_row(
            shown(branch + item["id"]),
            shown(clock(item["time"])),
            clipped(item["identity"], 40),
            clipped(item["purpose"], 40),
            shown(state),
            shown(str(item["sessions"])),
            shown(str(item["commands"])),
            _count(item["refused"]),
        )
    return table


def sessions(items: Sequence[Item]) -> Table:
    table = _table("session", "started (UTC)", "ended", "target", "identity", "client", "commands")
    table.add_column("refused", justify="right")
    for item in items:
        ended = f"{clock(item['ended'])} {item['reason'] or ''}" if item["ended"] else "open"
        table.add_row(
            shown(item["id"]),
            shown(clock(item["time"])),
            clipped(ended, 40),
            clipped(item["target"], 40),
            clipped(item["identity"], 40),
            clipped(f"{item['client'] or ''} {item['application'] or ''}".strip(), 40),
            shown(str(item["commands"])),
            _count(item["refused"]),
        )
    return table


def tickets(items: Sequence[Item]) -> Table:
    table = _table("ticket", "loop", "identity", "groups", "expires (UTC)", "state")
    styles = {"valid": "green", "revoked": "red", "expired": "dim", "ended": "dim"}
    for item in items:
        table.add_row(
            shown(item["id"]),
            shown(item["loop"]),
            clipped(item["identity"], 40),
            clipped(", ".join(item["groups"]), 40),
            shown(clock(item["expires"])),
            word(item["state"], styles),
        )
    return table


def hits(items: Sequence[Item], width: int) -> Iterator[Text]:
    """Two lines for each: what it was, and the beginning of what it said."""
    for item in items:
        line = shown(f"{clock(item['time'])}  ", "dim")
        line.append_text(shown(item["id"], "cyan")).append("  ")
        line.append_text(clipped(item["identity"] or "-", 40))
        line.append_text(shown(" → ", "dim")).append_text(clipped(item["target"] or "-", 40))
        line.append("  ").append_text(word(item["verdict"] or item["kind"], VERDICT_STYLES))
        if item["outcome"] is not None:
            line.append("  ").append_text(word(item["outcome"], OUTCOME_STYLES))
        if item["outcome"] == "ok" and item["committed"] in {"no", "unknown"}:
            held = {"no": "rolled back", "unknown": "perhaps rolled back"}[item["committed"]]
            line.append("  ").append_text(shown(held, "bold red"))
        if item["rows"] is not None:
            line.append_text(shown(f"  {many(item['rows'], 'row')}", "dim"))
        if item["session"] is None and item["loop"] is not None:
            line.append_text(shown(f"  {item['loop']}", "dim"))
        yield line
        yield Text("    ", end="").append_text(clipped(" ".join(item["text"].split()), width - 6))


def counts(items: Sequence[Item]) -> Table:
    table = _table("value")
    table.add_column("count", justify="right")
    for item in items:
        table.add_row(clipped(item["value"], 100), shown(str(item["count"])))
    return table


def _count(number: int) -> Text:
    return shown(str(number), "bold red" if number else "")


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table


def print_whole(out: Console, table: Table) -> None:
    """Print a table as wide as it is: an id that is cut is of no use."""
    wide = out.measure(table, options=out.options.update(width=10_000))
    out.width = max(out.width, wide.maximum)
    out.print(table)
