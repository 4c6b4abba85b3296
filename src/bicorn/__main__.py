"""``python -m bicorn``."""

from __future__ import annotations

from bicorn.cli.main import main

if __name__ == "__main__":
    main()
