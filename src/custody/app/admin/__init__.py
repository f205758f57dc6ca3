"""The admin socket, and the calls that operators and investigators make on it."""
