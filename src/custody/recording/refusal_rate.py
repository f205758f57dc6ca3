"""How many refused logins get a record of their own.

Law: every refused login is recorded or counted, and the count is recorded. A refusal of a known
loop draws on that loop's bucket; any other draws on its address's bucket and on one for all
addresses. The rate limits records only; it never decides whether a login is refused.
"""

import ipaddress
from collections import OrderedDict
from typing import Final

from custody.model.words import LoopId

BURST: Final = 20
"""Records of one address, or of one loop, at once."""
REFILL_S: Final = 10.0
"""Until one more is due to it."""
BURST_OF_ALL: Final = 200
REFILL_OF_ALL_S: Final = 1.0
"""For strangers of all addresses together: about 50 MB of evidence in a day at most."""
KNOWN_AT_MOST: Final = 4096
"""Addresses, and loops, that are remembered; the one that was longest away is forgotten."""
COUNT_EVERY_S: Final = 60.0


class Bucket:
    """Tokens that come back one by one."""

    __slots__ = ("_at", "_tokens")

    def __init__(self, burst: int, now: float) -> None:
        self._tokens: float = burst
        self._at = now

    def take(self, burst: int, refill_s: float, now: float) -> bool:
        self._tokens = min(burst, self._tokens + max(now - self._at, 0) / refill_s)
        self._at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True


class Buckets:
    """A bucket for each name; a bounded number of them."""

    def __init__(self) -> None:
        self._known: Final[OrderedDict[str, Bucket]] = OrderedDict()

    def take(self, name: str, now: float) -> bool:
        bucket = self._known.setdefault(name, Bucket(BURST, now))
        self._known.move_to_end(name)
        while len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)
        return bucket.take(BURST, REFILL_S, now)


class RefusalRate:
    """``now`` is in seconds of any clock that only goes forward."""

    def __init__(self) -> None:
        self._addresses: Final = Buckets()
        self._loops: Final = Buckets()
        self._all = Bucket(BURST_OF_ALL, 0)
        self._unrecorded = 0
        self._recorded_at = -COUNT_EVERY_S

    def admits_record(self, address: str, loop: LoopId | None, now: float) -> bool:
        """Whether this refusal gets a record; if not, it is counted. ``loop``: of its ticket, where
        that is known.
        """
        if loop is not None:
            due = self._loops.take(loop, now)
        else:
            due = self._addresses.take(network(address), now) and self._all.take(
                BURST_OF_ALL, REFILL_OF_ALL_S, now
            )
        self._unrecorded += not due
        return due

    def unrecorded_count(self, now: float) -> int:
        """The count that is to be recorded now; 0 where there is none, or it is not yet time."""
        return self._unrecorded if now - self._recorded_at >= COUNT_EVERY_S else 0

    def count_recorded(self, count: int, now: float) -> None:
        """That count is on the record."""
        self._unrecorded -= count
        self._recorded_at = now


def network(address: str) -> str:
    """What one stranger can choose from counts as one address: an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address
    if isinstance(parsed, ipaddress.IPv4Address):
        return str(parsed)
    mapped = parsed.ipv4_mapped
    return str(mapped or ipaddress.ip_network((parsed, 64), strict=False))
