"""Names that every source takes and that are no settings of their own."""

from __future__ import annotations

from collections.abc import Mapping

from .option import Option
from .settings import APPLICATION, FILE, LISTENING
from .values import Text, Whole

SHORTHANDS: Mapping[str, Option] = {
    each.name: each
    for each in (
        Option("host", None, "Listen on this host.", LISTENING, Text("HOST"), first=2, unset="127.0.0.1"),
        Option(
            "port", None, "Listen on this port; 0 is any free one.", LISTENING, Whole(0, 65535), first=3, unset="8000"
        ),
        Option("uds", None, "Listen on this unix socket.", LISTENING, Text("PATH", "a path")),
        Option("fd", None, "Listen on this inherited descriptor.", LISTENING, Whole(0)),
        Option(
            "config", None, "Read settings from this bicorn.toml or gunicorn.conf.py.", APPLICATION, FILE, "-c", first=6
        ),
    )
}
"""Names every source takes that are no setting of their own: four ways to say ``bind``, and the file to read."""
