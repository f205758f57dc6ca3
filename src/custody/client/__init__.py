"""The agent's side: logging in, starting loops, and giving standard clients what they need.

Law: nothing here is trusted by the gateway, and nothing here holds a target's credential. It speaks
to a gateway over HTTPS, or is handed the answers of a gateway on the same host.
"""
