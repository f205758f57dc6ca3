"""The migrations themselves.

Law: what was released is never changed; a change is a new file.
"""
