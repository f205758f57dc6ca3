"""How often one address may ask.

Law: a bucket of tokens for each address, an IPv6 network of 64 bits being one; a bounded number of
buckets; the one that was longest away is forgotten.
"""

from collections import OrderedDict
from typing import Final

from custody.recording.refusal_rate import Bucket, network

BURST: Final = 120
REFILL_S: Final = 0.1
"""Until one more is due: ten a second, for a whole CI system behind one address."""
KNOWN_AT_MOST: Final = 4096


class RateLimiter:
    """``now`` is in seconds of a clock that only goes forward."""

    def __init__(self, burst: int = BURST, refill_s: float = REFILL_S) -> None:
        self._burst: Final = burst
        self._refill_s: Final = refill_s
        self._known: Final[OrderedDict[str, Bucket]] = OrderedDict()

    def take(self, address: str, now: float) -> bool:
        name = network(address)
        bucket = self._known.setdefault(name, Bucket(self._burst, now))
        self._known.move_to_end(name)
        if len(self._known) > KNOWN_AT_MOST:
            self._known.popitem(last=False)
        return bucket.take(self._burst, self._refill_s, now)
