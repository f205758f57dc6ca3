"""Parts that are planned and not built yet.

Law: their tables are accepted with a warning and do nothing. A name stops being one of these by
itself, once a protocol's folder or a table of ``Config`` has it.
"""

from typing import Final

from custody import protocols
from custody.config.config_table import tables_of
from custody.config.tables import Config

_PROTOCOLS: Final = frozenset({"mysql", "ssh", "http", "mcp", "kubernetes"})
_TABLES: Final = frozenset(
    {
        "alert", "approvals", "backup", "console", "export", "hub", "identity", "index",
        "metrics", "mirror", "notify", "replay", "siem", "state", "timestamp", "witness",
    }
)  # fmt: skip


def later_protocols() -> frozenset[str]:
    return _PROTOCOLS - protocols.names()


def later_tables() -> frozenset[str]:
    return _TABLES - {each.table.key for each in tables_of(Config)}
