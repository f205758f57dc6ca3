"""How the values of PostgreSQL's types, and of a database's own, are written in binary."""
