"""Tables about grants: what was refused, what was never used.

Law: as in ``custody.cli.tables``.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from custody.cli.tables import clock
from custody.cli.terminal import clipped, shown

Item = Mapping[str, Any]

_KINDS = ("targets", "effects", "groups", "identities")


def refused(items: Sequence[Item]) -> Table:
    table = _table("target", "effects", "by", "last (UTC)", "with the above")
    table.add_column("commands", justify="right")
    for item in items:
        table.add_row(
            clipped(item["target"], 40),
            shown(", ".join(item["effects"]) or "none"),
            clipped(item["rule"], 40),
            shown(clock(item["last"])),
            shown("still refused") if item["still_refused"] else shown("allowed", "yellow"),
            shown(str(item["commands"])),
        )
    return table


def unused(items: Sequence[Item]) -> Table:
    table = _table("grant", "commands", "last used (UTC)", "never used or seen")
    for item in items:
        never = item["never"]
        said = "; ".join(f"{kind} {', '.join(never[kind])}" for kind in _KINDS if never[kind])
        last = clock(item["last"]) if item["used"] else "never"
        table.add_row(
            clipped(item["name"], 63),
            shown(str(item["commands"])),
            shown(last, "" if item["used"] else "bold yellow"),
            clipped(said, 300),
        )
    return table


def _table(*columns: str) -> Table:
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, no_wrap=True)
    return table
