"""What identities used of what they were granted, and what a grant would have to say."""
