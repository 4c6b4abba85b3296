from __future__ import annotations

import time

from packaging.requirements import Requirement

from bicorn.doctor.candidates import Finder
from bicorn.doctor.facts import Wanted
from bicorn.doctor.prefetch import prefetch
from bicorn.doctor.targets import parse

from .conftest import Connect
from .serving import Shelf


def test_what_is_needed_is_asked_for_at_once_and_only_once(served: Shelf, connected: Connect) -> None:
    served.delay = 0.02
    names = [f"p{number}" for number in range(24)]
    served.wheel("top", "1", *names, "gone")
    for name in names:
        served.wheel(name, "1", "top")
    index = connected()
    start = time.monotonic()
    prefetch([Requirement("top")], Finder(Wanted(()), parse("3.14"), index), index)
    assert time.monotonic() - start < 0.02 * 50
    assert sorted(served.asked) == sorted(set(served.asked))
    before = len(served.asked)
    assert all(index.metadata(index.project(name).files[0]) for name in names)
    assert len(served.asked) == before
