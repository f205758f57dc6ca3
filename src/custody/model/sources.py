"""Where time and chance come from: arguments, never globals."""

from collections.abc import Callable

Clock = Callable[[], int]
"""Unix milliseconds."""
Entropy = Callable[[int], bytes]
"""That many random bytes, from the system."""
