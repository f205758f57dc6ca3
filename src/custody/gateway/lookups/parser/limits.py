"""How long a text may keep a worker.

Law: a worker counts its own processor time and ends where a text takes more than its length allows:
how busy the machine is does not matter. The gateway waits much longer before it takes a worker for
one that hangs.
"""

from typing import Final

PROCESSOR_SECONDS: Final = 0.5
_PER_BYTE: Final = 8 / (1024 * 1024)
"""A mebibyte may take eight times as long as the shortest text, and that too."""
_BUSY: Final = 10
"""How much slower than alone a worker may be before it counts as one that hangs."""


def processor_limit(size: int, base: float) -> float:
    """Seconds of processor time for a text of so many bytes; ``base`` for the shortest."""
    return base * (1 + size * _PER_BYTE)


def patience_for(size: int, base: float) -> float:
    """Seconds by the clock after which a worker that has such a text hangs."""
    return _BUSY * processor_limit(size, base)
