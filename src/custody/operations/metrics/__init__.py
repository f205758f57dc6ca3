"""An operator's figures, and the listener that shows them."""
