"""The C2SP formats, a file each: tlog-tiles, tlog-checkpoint, signed-note, tlog-cosignature,
tlog-policy, tlog-proof, over RFC 6962 hashing.

Law: nothing here knows a record, a key's place or a disk.
"""
