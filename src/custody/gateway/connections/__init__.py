"""A session's two wires: connections, their TLS, and what waits to be written on them."""
