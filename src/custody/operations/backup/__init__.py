"""Backups of a gateway itself: `custody backup` and `custody restore`."""
