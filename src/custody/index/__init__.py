"""Derived search data: what an investigator finds evidence with.

Law: nothing here is evidence and nothing here is needed; all of it can be deleted at any time and
is rebuilt from the log. What stands in it was masked before it reached the log.
"""

from custody.index.day_files import OwnDayFiles, PrivateDayFiles
from custody.index.day_reader import position_of
from custody.index.entry import EventContext
from custody.index.filter import (
    EventPage,
    FacetCounts,
    FiledRecord,
    Filter,
    Index,
    IndexCoverage,
    IndexDamagedError,
    IndexedEvent,
    Order,
    SearchField,
    Term,
    UnreadRecords,
    Watermark,
)
from custody.index.query_language import KEYS, parse_query
from custody.index.store import SqliteIndex
from custody.index.usage import CommandUse, UsageRequest, UsageStart

__all__ = [
    "KEYS",
    "CommandUse",
    "EventContext",
    "EventPage",
    "FacetCounts",
    "FiledRecord",
    "Filter",
    "Index",
    "IndexCoverage",
    "IndexDamagedError",
    "IndexedEvent",
    "Order",
    "OwnDayFiles",
    "PrivateDayFiles",
    "SearchField",
    "SqliteIndex",
    "Term",
    "UnreadRecords",
    "UsageRequest",
    "UsageStart",
    "Watermark",
    "parse_query",
    "position_of",
]
