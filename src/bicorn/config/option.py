"""What is known about a setting apart from its value, and :func:`option`, which declares one in a class."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, TypeVar

from ..errors import ConfigError
from ..record import Record
from .values import Kind

T = TypeVar("T")


class Option(Record, frozen=False):
    """What is known about one setting, apart from its value.

    Args:
        name: the attribute of ``Config``, and the key in ``bicorn.toml``.
        default: the value when no source gives one.
        help: one line for people; ``zero`` and ``unset`` say what 0 and ``None`` mean.
        group: one of ``settings.GROUPS``.
        kind: converts and checks one value.
        short, flag: on the command line, where they are not derived from the name.
        first: its place among the options people use first, 0 for none.
        secret: never shown.
    """

    name: str
    default: Any
    help: str
    group: str
    kind: Kind
    short: str = ""
    flag: str = ""
    zero: str = ""
    unset: str = ""
    first: int = 0
    secret: bool = False

    def __set_name__(self, owner: type, name: str) -> None:
        self.name = name

    @property
    def flags(self) -> tuple[str, ...]:
        """Its names on the command line, the one to print last."""
        flag = self.flag or "--" + self.name.replace("_", "-")
        return (self.short, flag) if self.short else (flag,)

    @property
    def env(self) -> str:
        """The environment variable that gives this setting."""
        return f"BICORN_{self.name.upper()}"

    @property
    def many(self) -> bool:
        """Whether the option may be repeated on the command line."""
        return isinstance(self.default, tuple)

    @property
    def default_text(self) -> str:
        """The default for people; empty where there is none."""
        value = self.default
        if self.unset and not value:
            return self.unset
        if value in (None, "", ()):
            return ""
        if isinstance(value, bool):
            return "on" if value else "off"
        if value == 0 and self.zero:
            return f"0, {self.zero}"
        if isinstance(value, tuple):
            return ", ".join(value)
        if isinstance(value, int) and value % 1024**3 == 0 and value:
            return f"{value // 1024**3}g"
        return f"{value:g}" if isinstance(value, float) else str(value)

    def convert(self, value: Any, origin: str = "") -> Any:
        """The value as the setting holds it.

        Raises:
            ConfigError: it is not what the setting accepts; the message says what that is.
        """
        try:
            return self.kind.convert(value)
        except (ValueError, TypeError) as error:
            detail = f": {error}" if isinstance(error, ValueError) and str(error) else ""
            shown = "***" if self.secret else getattr(value, "__name__", "") or repr(value)
            source = f" from {origin}" if origin else ""
            message = f"{self.name} must be {self.kind.expects}{detail} (got {shown}{source})"
        except ConfigError as error:  # an address explains itself
            detail = str(error).partition(" (got ")[0]
            message = f"{detail} (got {error.value!r}{f' from {origin}' if origin else ''})"
        raise ConfigError(message, setting=self.name, value=None if self.secret else value, origin=origin)


def option(
    group: str,
    default: T,
    kind: Kind,
    text: str,
    *,
    short: str = "",
    flag: str = "",
    zero: str = "",
    unset: str = "",
    first: int = 0,
    secret: bool = False,
) -> T:
    """Declares a setting: the class has the :class:`Option`, see there for the arguments, its instances the values.

    The option on the command line is ``--name-with-dashes`` unless ``flag`` gives another; ``short`` adds ``-x``.
    """
    declared: Any = Option("", default, text, group, kind, short, flag, zero, unset, first, secret)
    return declared  # type: ignore[no-any-return]


def unknown(name: str, known: Iterable[str], *, value: object = None, origin: str = "") -> ConfigError:
    """The error for a name that is no setting: it gives the nearest one that is."""
    from difflib import get_close_matches  # only when there is something to complain about

    nearest = get_close_matches(name.lower().replace("-", "_"), known, n=1)
    hint = f"; did you mean {nearest[0]!r}?" if nearest else ""
    source = f"{origin}: " if origin else ""
    return ConfigError(f"{source}there is no setting {name!r}{hint}", setting=name, value=value, origin=origin)
