"""What a session asks before it judges: a target's catalogue, and the parser's workers.

Law: a look-up never touches a client's session, never waits for ever, and answers `None` where it
could not find out; who asked then takes the worst.
"""
