"""Migrations of the state database, in the order of their names.

Law: nothing here runs unless the store opens an older database.
"""
