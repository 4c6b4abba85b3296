"""What is known of Python, of binding generators and of libraries: dated tables with their sources, read where needed.

The tables are the TOML files of this folder; what the doctor says beyond what an index and an archive say is in them.
"""

from .tables import (
    Api,
    Gone,
    Library,
    Limit,
    Python,
    Removed,
    api,
    api_macros,
    gone,
    library,
    library_with,
    limit,
    pythons,
    removed,
    rust_of,
)

__all__ = [
    "Api",
    "Gone",
    "Library",
    "Limit",
    "Python",
    "Removed",
    "api",
    "api_macros",
    "gone",
    "library",
    "library_with",
    "limit",
    "pythons",
    "removed",
    "rust_of",
]
