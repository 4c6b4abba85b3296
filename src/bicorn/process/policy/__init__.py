"""What the supervisor decides, and nothing of how it is done: pure, see ``plan``."""
