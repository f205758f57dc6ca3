"""One record's bytes: leaf, sealed payload, frame.

Law: pure; a byte that is not canonical is an error.
"""
