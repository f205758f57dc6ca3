"""What a statement means: from a text to commands, and what a session makes of names."""
