"""What SQL text of PostgreSQL says by itself.

Law: everything here depends on the text alone; sessions and catalogues belong to a protocol.
Only ``analyse`` touches the C parser, and only expendable worker processes call ``analyse``.
"""
