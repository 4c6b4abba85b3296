"""The index, as everything else of the doctor sees it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from io import BufferedIOBase
from typing import Self, TypeVar

from packaging.version import Version

from ..facts import File
from .metadata import Metadata

T = TypeVar("T")
R = TypeVar("R")


class Project:
    """The versions of a project, and the files of each; files are parsed where they are asked for.

    Attributes:
        name: normalized.
        missing: why there is nothing, in words; empty where there is something.
    """

    name: str
    missing: str

    @property
    def versions(self) -> Sequence[Version]:
        """Every version that has a file, the newest first."""
        raise NotImplementedError

    def of(self, version: Version) -> tuple[File, ...]:
        """The files of one version."""
        raise NotImplementedError

    @property
    def files(self) -> tuple[File, ...]:
        """Every file: dear for a large project, :meth:`of` is cheaper."""
        raise NotImplementedError


class Index:
    """A package index, or several, behind a cache. Its methods may be called from any thread.

    Attributes:
        notes: what was left out or looked wrong, in words.
    """

    notes: list[str]

    def project(self, name: str) -> Project:
        """The project's page; a :class:`Project` without versions where there is none.

        Raises:
            DoctorError: the index does not answer, or what it says is no answer.
        """
        raise NotImplementedError

    def metadata(self, file: File) -> Metadata | None:
        """A file's metadata, the cheapest way; None where it cannot be known without running code.

        Raises:
            DoctorError: the index does not answer.
        """
        raise NotImplementedError

    def open(self, file: File) -> BufferedIOBase:
        """The file's bytes, seekable, fetched as they are read.

        Raises:
            DoctorError: the index does not answer. Reading may raise it too, also when more is read than is allowed.
        """
        raise NotImplementedError

    def each(self, function: Callable[[T], R], items: Iterable[T]) -> list[R]:
        """``map()`` in parallel, bounded; the first exception is raised."""
        raise NotImplementedError

    def close(self) -> None:
        """Ends its threads and connections; ``with`` does it too."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def connect(
    *,
    environ: Mapping[str, str],
    index_url: str = "",
    offline: bool = False,
    cache: str = "",
    directory: str = "",
) -> Index:
    """An index as this machine's pip and uv are set up.

    Args:
        index_url: in place of the configured one.
        offline: nothing is fetched; what is in the cache counts, however old.
        cache: the cache's folder; the user's own cache folder when empty.
        directory: the project's, where a ``uv.toml`` or a ``pyproject.toml`` may name indexes; none when empty.
    """
    raise NotImplementedError
