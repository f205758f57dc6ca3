"""What PostgreSQL needs of a target's configuration."""

from typing import Final

TARGET_KEYS: Final = ("database", "user")
"""Keys of ``[[target]]`` that this protocol cannot do without."""
