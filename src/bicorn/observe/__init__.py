"""What the server tells people: logs."""
