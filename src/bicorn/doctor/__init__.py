"""Will this application install and run on that Python? Foretold, explained and cured; no code of a package is run."""
