"""What `custody serve` starts and stops, each a service of its own."""
