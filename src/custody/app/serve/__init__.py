"""`custody serve`: what it opens, starts, and stops again in the opposite order."""
