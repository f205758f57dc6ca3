"""A text before it means anything: shortened, blanked, parsed."""
