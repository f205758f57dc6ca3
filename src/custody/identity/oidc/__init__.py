"""OpenID Connect: proofs of people, services and workloads.

Law: what a token says counts only after every check of this room has passed; no check can be
turned off; and no error quotes a token.
"""
