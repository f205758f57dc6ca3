"""Derived search data: what an investigator finds evidence with.

Law: nothing here is evidence and nothing here is needed; all of it can be deleted at any time and
is rebuilt from the log. What stands in it was masked before it reached the log.
"""

from custody.index.face import (
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
from custody.index.query import KEYS, parse_query
from custody.index.reader import position_of
from custody.index.store import SqliteIndex

__all__ = [
    "KEYS",
    "Event",
    "Field",
    "Filed",
    "Filter",
    "Index",
    "IndexDamagedError",
    "Order",
    "Page",
    "SqliteIndex",
    "Tally",
    "Term",
    "Watermark",
    "parse_query",
    "position_of",
]
