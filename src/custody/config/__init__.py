"""The configuration: one TOML file, read whole and checked before anything starts.

Law: a room declares its own table; this package finds keys, places faults, checks across tables.
Every fault is found in one pass and named with its place; no value is repeated in a fault, for it
may be a secret.
"""
