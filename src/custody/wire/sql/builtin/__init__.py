"""What PostgreSQL ships with: functions, guarding settings, relations that are more than data."""
