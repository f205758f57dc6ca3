"""The gateway: listeners, sessions, the relay and the gate.

Law: only this package knows the order of things, and it knows rooms by their faces only.
"""
