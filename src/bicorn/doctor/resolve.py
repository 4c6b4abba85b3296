"""Which versions an installer would take."""

from __future__ import annotations

from .facts import Resolution, Target, Wanted
from .index.client import Index


def resolve(wanted: Wanted, target: Target, index: Index) -> Resolution:
    """What pip would install for that target: the newest versions that agree with each other.

    Raises:
        DoctorError: the index does not answer.
    """
    raise NotImplementedError
