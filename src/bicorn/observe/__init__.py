"""What the server tells people: its log and its access log."""
