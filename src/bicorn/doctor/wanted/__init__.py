"""What is to be installed: requirements files, pyproject, lock files, environments, an application, names."""
