"""Derived search data: what an investigator finds evidence with.

Law: nothing here is evidence and nothing here is needed; all of it can be deleted at any time and
is rebuilt from the log. What stands in it was masked before it reached the log.
"""

from custody.index.entry import Place
from custody.index.query import KEYS, parse_query
from custody.index.reader import position_of
from custody.index.search import (
    Event,
    Field,
    Filed,
    Filter,
    Index,
    IndexDamagedError,
    Order,
    Page,
    Tally,
    Term,
    Watermark,
)
from custody.index.store import SqliteIndex
from custody.index.usage import Begun, Use, UsesAsked

__all__ = [
    "KEYS",
    "Begun",
    "Event",
    "Field",
    "Filed",
    "Filter",
    "Index",
    "IndexDamagedError",
    "Order",
    "Page",
    "Place",
    "SqliteIndex",
    "Tally",
    "Term",
    "Use",
    "UsesAsked",
    "Watermark",
    "parse_query",
    "position_of",
]
