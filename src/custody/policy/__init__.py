"""The room that judges commands: grants are the ceiling, rules decide below it.

Law: a verdict depends on the policy, the session, the command and ``now``, and on nothing else.
Nothing here reads a file or a clock, and every error while judging is a denial.
"""
