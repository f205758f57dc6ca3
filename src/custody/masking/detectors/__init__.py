"""What is recognised by itself: the detectors, and how a text is read for them."""
