"""What is wrong with an environment as it is: nothing is asked of an index, nothing of it is run or imported."""

from __future__ import annotations

from collections.abc import Mapping

from ..facts import Ailment
from . import extensions, installs, interpreter
from .place import Place

_ORDER = {"error": 0, "warning": 1, "note": 2}


def check(place: Place, environ: Mapping[str, str]) -> tuple[Ailment, ...]:
    """What was found, the worst first."""
    found = [*interpreter.check(place, environ), *extensions.check(place, environ), *installs.check(place)]
    return tuple(sorted(found, key=lambda ailment: _ORDER[ailment.severity]))
