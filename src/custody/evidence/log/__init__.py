"""The open log: writing, publishing, recovery, reading.

Law: a record's receipt means that its bytes are synced, and it is never given twice.
"""
