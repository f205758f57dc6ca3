"""The log's keys: their files, the process that holds them, and the anchor.

Law: no secret key is in the gateway's own process.
"""
