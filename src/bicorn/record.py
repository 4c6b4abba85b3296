"""Plain data, declared like a dataclass and cheap to import.

A dataclass writes the source of its methods and compiles it, whenever it is imported: up to half a millisecond for each
class, and a server has forty. A :class:`Record` looks its fields up instead. That makes each instance dearer, so what
is made for every request is a class written out.
"""

from __future__ import annotations

from typing import Any, ClassVar, Self, dataclass_transform


@dataclass_transform(frozen_default=True)
class Record:
    """Base of plain data: each annotation of a subclass is a field, its value there the default.

    As with dataclasses, ``class Point(Record, frozen=False)`` can be changed and ``kw_only=True`` takes keywords only;
    ``__post_init__`` is called when all fields are set. One level of subclasses is meant: fields are not inherited.
    """

    _fields: ClassVar[tuple[str, ...]] = ()
    _frozen: ClassVar[bool] = True
    _kw_only: ClassVar[bool] = False

    def __init_subclass__(cls, *, frozen: bool = True, kw_only: bool = False) -> None:
        cls._fields = tuple(cls.__annotations__)
        type.__setattr__(cls, "__match_args__", cls._fields)  # plainly, mypy forbids what dataclasses do
        cls._frozen, cls._kw_only = frozen, kw_only

    def __init__(self, *values: Any, **named: Any) -> None:
        fields = self._fields
        given = dict(zip(fields, values, strict=False))
        if len(values) > len(fields) or (values and self._kw_only):
            raise TypeError(f"{type(self).__name__}() takes {0 if self._kw_only else len(fields)} positional arguments")
        for name in named:
            if name in given or name not in fields:
                problem = "is given twice" if name in given else "is no field"
                raise TypeError(f"{type(self).__name__}(): {name} {problem}")
        given |= named
        if missing := [name for name in fields if name not in given and not hasattr(type(self), name)]:
            raise TypeError(f"{type(self).__name__}() needs {', '.join(missing)}")
        vars(self).update(given)
        self.__post_init__()

    def __post_init__(self) -> None:
        """For subclasses."""

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed."""
        return type(self)(**{name: getattr(self, name) for name in self._fields} | changes)

    __replace__ = replace  # copy.replace() of Python 3.13

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(f'{name}={getattr(self, name)!r}' for name in self._fields)})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Record) and type(other) is type(self) and self._values() == other._values()

    def __hash__(self) -> int:
        if not self._frozen:
            raise TypeError(f"a {type(self).__name__} has no hash: it can change")
        return hash(self._values())

    def __setattr__(self, name: str, value: object) -> None:
        if self._frozen:
            raise AttributeError(f"cannot set {name}: a {type(self).__name__} does not change")
        super().__setattr__(name, value)

    def __delattr__(self, name: str) -> None:
        raise AttributeError(f"cannot delete {name}: it is a field of {type(self).__name__}")

    def _values(self) -> tuple[object, ...]:
        return tuple([getattr(self, name) for name in self._fields])
