"""The words that every room shares, and the interfaces between rooms.

Law: values here are frozen, hold no behaviour beyond their own meaning, and know no clock,
no file, no socket. What two rooms share is a word in this package, or they do not share it.
"""
