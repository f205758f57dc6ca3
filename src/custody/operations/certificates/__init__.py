"""The local certificate authority that `custody init` makes."""
