"""The known families, the most telling first: a line that several would explain is the first one's."""

from ..family import Family
from . import binding, build, compilers, index, installer, loading

FAMILIES: tuple[Family, ...] = (
    *binding.FAMILIES,
    *compilers.FAMILIES,
    *loading.FAMILIES,
    *build.FAMILIES,
    *index.FAMILIES,
    *installer.FAMILIES,
)

__all__ = ["FAMILIES"]
