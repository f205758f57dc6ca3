"""What an operator should know before an incident does: `custody doctor`."""
