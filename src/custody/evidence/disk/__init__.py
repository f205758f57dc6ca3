"""Where frames, days and wrapped keys lie.

Law: a file appears whole and synced, or not at all.
"""
