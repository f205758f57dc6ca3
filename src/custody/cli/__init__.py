"""The command line: where people and scripts enter.

Law: no decisions here. A command reads its options, asks the app, and prints the answer.
"""
