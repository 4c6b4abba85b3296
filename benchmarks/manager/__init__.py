"""Runnable proofs of what the process manager promises; ``run.py`` is the command, README.md says how."""
