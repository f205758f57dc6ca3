"""The words in which a room declares its part of the configuration."""
