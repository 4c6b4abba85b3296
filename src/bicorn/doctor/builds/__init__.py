"""How a source archive is built, read from its files; nothing of it is run."""
