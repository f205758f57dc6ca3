"""The demonstration, and the throw-away PostgreSQL that it and the tests run against.

Law: no gateway is in here; this package knows the model alone, and drives `custody` from outside.
"""
