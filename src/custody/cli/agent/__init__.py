"""What the agent's side runs: a login, and a command inside a loop of its own."""
