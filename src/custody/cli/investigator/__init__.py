"""What an investigator runs: search, show, timeline, verify."""
