"""What an operator runs: the gateway, its tickets, its loops, its grants."""
