"""The configuration: one TOML file, read whole and checked before anything starts.

Law: every fault is found in one pass and named with its place; no value is repeated in a fault, for
it may be a secret.
"""
