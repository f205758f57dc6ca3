"""The index, kept up with the log by a process of its own (ADR 3)."""
