"""Put the figures into pages that quote them, between markers, so that no figure is ever typed by hand."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path


class NoMarkers(Exception):
    """A page that was to quote figures has no place for them."""


def quote(page: Path, sections: Mapping[str, str]) -> None:
    """Replace what stands between `<!-- benchmark:NAME -->` and `<!-- /benchmark:NAME -->` for every section."""
    text = page.read_text()
    found = False
    for name, section in sections.items():
        begin, end = f"<!-- benchmark:{name} -->", f"<!-- /benchmark:{name} -->"
        before, opened, rest = text.partition(begin)
        _, closed, after = rest.partition(end)
        if opened and closed:
            text = f"{before}{begin}\n{section}\n{end}{after}"
            found = True
    if not found:
        raise NoMarkers(f"{page} has no marker such as <!-- benchmark:glance --> ... <!-- /benchmark:glance -->")
    page.write_text(text)
