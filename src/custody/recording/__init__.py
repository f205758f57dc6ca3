"""The one way to mask, append and await a record that belongs to no session.

Law: a record is masked before it is appended, and durable before its caller goes on.
"""
