"""From what the user has typed to what is wanted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ..facts import Wanted


def read(
    what: Sequence[str],
    *,
    environ: Mapping[str, str],
    directory: str = "",
    extras: Sequence[str] = (),
    groups: Sequence[str] = (),
) -> Wanted:
    """Reads files, folders, environments, applications (``main:app``) and requirements (``"pydantic==2.9.2"``).

    Args:
        what: nothing means the project in the directory, or else the running environment.
        environ: for variables in requirements files.
        directory: where files are looked for; the working directory when empty.
        extras: a project's optional dependencies to add.
        groups: a project's dependency groups to add (PEP 735, or Poetry's).

    Raises:
        DoctorError: something cannot be read.
    """
    raise NotImplementedError
