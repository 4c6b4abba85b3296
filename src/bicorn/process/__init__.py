"""Processes: binding, forking, signals and who replaces whom."""
