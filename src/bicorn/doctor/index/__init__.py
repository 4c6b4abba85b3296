"""What an index has: its projects, their files, their metadata; nothing is installed and nothing is run."""
