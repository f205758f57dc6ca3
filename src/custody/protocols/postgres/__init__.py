"""PostgreSQL: the wire, the meaning of its statements, how its records are read, and what its
clients are given. ``protocol`` is the way in; ``client`` that of an agent's side.
"""
