"""The ways out: another Python, other pins, what is missing on this system; with the commands for it."""
