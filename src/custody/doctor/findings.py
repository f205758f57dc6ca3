"""The findings of `custody doctor`.

Law: a finding that is not in order names its cure; none shows a secret.
"""

from enum import StrEnum

import msgspec


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    FAULT = "fault"


class Finding(msgspec.Struct, frozen=True):
    level: Level
    what: str
    cure: str = ""
