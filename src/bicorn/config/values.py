"""One value of one kind: text, or a value from a file or a keyword, in; the value a setting holds out.

Every kind says in ``expects`` what it accepts, so that each error reads "workers must be a whole number of 1 or more".
``convert`` raises :class:`ValueError`; its text, when it has one, is the detail that ``expects`` cannot know.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from . import bind

TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f"})

_SIZE = re.compile(r"([0-9][0-9_]*)\s*(?:([kmg])(?:i?b)?|b)?", re.IGNORECASE)
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # RFC 9110 5.6.2
_FIELD_NAME = re.compile(_TOKEN)
_FIELD_VALUE = re.compile(r"[\t\x20-\x7e\x80-\xff]*")  # RFC 9110 5.5
# Field values may hold commas, so a list of fields is only split where "name:" follows (and not a URL's "://").
_NEXT_FIELD = re.compile(rf",\s*(?={_TOKEN}\s*:(?!//))")
_MOUNT_TARGET = re.compile(r"[^\s=:]+(?::.+)?")


class Kind(Protocol):
    """What a setting may hold."""

    @property
    def expects(self) -> str: ...
    @property
    def metavar(self) -> str: ...
    def convert(self, value: Any) -> Any: ...


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number; ``1_000`` is fine, ``1.5``, ``true`` and ``0x10`` are not."""

    least: int = 0
    most: int | None = None
    metavar: str = "N"

    @property
    def expects(self) -> str:
        if self.most is not None:
            return f"a whole number from {self.least} to {self.most}"
        return f"a whole number of {self.least} or more"

    def convert(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError
        number = _int(value)
        if number < self.least or (self.most is not None and number > self.most):
            raise ValueError
        return number


@dataclass(frozen=True, slots=True)
class Size:
    """A number of bytes; ``64k``, ``10M`` and ``1GiB`` count in powers of 1024."""

    metavar: str = "BYTES"
    expects: str = "a number of bytes, such as 8190, 64k, 10m or 1g"

    def convert(self, value: Any) -> int:
        if isinstance(value, str):
            found = _SIZE.fullmatch(value.strip())
            if not found:
                raise ValueError
            power = " kmg".index((found[2] or " ").lower())
            return int(found[1]) * int(1024**power)
        return Whole().convert(value)


@dataclass(frozen=True, slots=True)
class Seconds:
    """A time in seconds, whole or not."""

    metavar: str = "SECONDS"
    expects: str = "a number of seconds, 0 or more"

    def convert(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        try:
            seconds = float(value)
        except ValueError:
            raise ValueError from None
        if not math.isfinite(seconds) or seconds < 0:
            raise ValueError
        return seconds


@dataclass(frozen=True, slots=True)
class Flag:
    """Yes or no; with ``undecided`` also "auto", which is ``None``: decided when the server starts."""

    undecided: bool = False
    metavar: str = ""

    @property
    def expects(self) -> str:
        return "true, false or auto" if self.undecided else "true or false"

    def convert(self, value: Any) -> bool | None:
        if isinstance(value, bool):
            return value
        if self.undecided and (value is None or value == "auto"):
            return None
        text = value.strip().lower() if isinstance(value, str) else ""
        if text in TRUE:
            return True
        if text in FALSE:
            return False
        raise ValueError


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; ``also`` holds other spellings and what they mean."""

    names: tuple[str, ...]
    also: Mapping[str, str] | None = None

    @property
    def metavar(self) -> str:
        return "|".join(self.names)

    @property
    def expects(self) -> str:
        return f"one of {', '.join(self.names)}"

    def convert(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        word = value.strip().lower()
        word = (self.also or {}).get(word, word)
        if word not in self.names:
            raise ValueError
        return word


@dataclass(frozen=True, slots=True)
class Numbered:
    """A number that also goes by names, such as 2 for "required"."""

    names: tuple[str, ...]
    prefix: str = ""

    @property
    def metavar(self) -> str:
        return "|".join(self.names)

    @property
    def expects(self) -> str:
        return "one of " + ", ".join(f"{number} ({name})" for number, name in enumerate(self.names))

    def convert(self, value: Any) -> int:
        if isinstance(value, str):
            word = value.strip().lower().removeprefix(self.prefix)
            if word in self.names:
                return self.names.index(word)
        return Whole(0, len(self.names) - 1).convert(value)


@dataclass(frozen=True, slots=True)
class Text:
    """Any text. An empty one is ``None`` where the setting may be ``None``."""

    metavar: str = "TEXT"
    expects: str = "text"
    optional: bool = True

    def convert(self, value: Any) -> str | None:
        if value is None and self.optional:
            return None
        if hasattr(value, "__fspath__"):
            value = value.__fspath__()
        if not isinstance(value, str) or "\0" in value:
            raise ValueError
        return value or (None if self.optional else "")


@dataclass(frozen=True, slots=True)
class Prefix:
    """The path an app lives under: empty, or ``/prefix`` without a slash at its end."""

    metavar: str = "/PREFIX"
    expects: str = "empty or a path such as /api"

    def convert(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        prefix = value.strip().rstrip("/")
        if prefix and not prefix.startswith("/"):
            raise ValueError
        return prefix


@dataclass(frozen=True, slots=True)
class Mode:
    """File permissions: text is octal ("660"), a number is itself (0o660)."""

    metavar: str = "OCTAL"
    expects: str = "permissions from 0 to 777 in octal, such as 660"

    def convert(self, value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, str):
            value = _int(value, 8)  # which takes "660", "0660" and "0o660" alike
        return Whole(0, 0o777).convert(value)


@dataclass(frozen=True, slots=True)
class Many:
    """Several texts: a list, or one text with commas."""

    metavar: str = "TEXT"
    expects: str = "a list of texts"

    def convert(self, value: Any) -> tuple[str, ...]:
        return tuple(self.item(item) for item in _items(value))

    def item(self, text: str) -> str:
        if "\0" in text:
            raise ValueError
        return text.strip()


@dataclass(frozen=True, slots=True)
class Addresses(Many):
    """Addresses to listen on, in their canonical text."""

    metavar: str = "ADDRESS"
    expects: str = "addresses to listen on"

    def item(self, text: str) -> str:
        return str(bind.parse(text))


@dataclass(frozen=True, slots=True)
class Mounts(Many):
    """``/prefix=module:attr``, or a table of them in a file."""

    metavar: str = "/PREFIX=APP"
    expects: str = "mounts such as /legacy=old:wsgi_app"

    def convert(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, Mapping):
            value = [f"{prefix}={target}" for prefix, target in value.items()]
        return tuple(self.item(item) for item in _items(value))

    def item(self, text: str) -> str:
        prefix, equals, target = (part.strip() for part in text.partition("="))
        prefix = prefix.rstrip("/")
        if not equals or not prefix.startswith("/") or not _MOUNT_TARGET.fullmatch(target):
            raise ValueError(f"{text!r} is not /PREFIX=MODULE:ATTR")
        return f"{prefix}={target}"


@dataclass(frozen=True, slots=True)
class Variables(Many):
    """``NAME=VALUE``, or a table of them in a file."""

    metavar: str = "NAME=VALUE"
    expects: str = "environment variables such as NAME=VALUE"

    def convert(self, value: Any) -> tuple[str, ...]:
        if isinstance(value, Mapping):
            value = [f"{name}={text}" for name, text in value.items()]
        return tuple(self.item(item) for item in _items(value))

    def item(self, text: str) -> str:
        name, equals, _ = text.partition("=")
        if not equals or not name or "\0" in text:
            raise ValueError(f"{text!r} is not NAME=VALUE")
        return text


@dataclass(frozen=True, slots=True)
class Fields:
    """Header fields as ``Name: value`` texts, as pairs, or as a table in a file."""

    metavar: str = "NAME:VALUE"
    expects: str = "header fields such as 'X-Frame-Options: DENY'"

    def convert(self, value: Any) -> tuple[tuple[str, str], ...]:
        if isinstance(value, str):
            value = [text for line in value.splitlines() for text in _NEXT_FIELD.split(line) if text.strip()]
        elif isinstance(value, Mapping):
            value = value.items()
        elif not isinstance(value, Iterable):
            raise ValueError
        return tuple(self._field(item) for item in value)

    def _field(self, item: Any) -> tuple[str, str]:
        if isinstance(item, str):
            name, colon, text = item.partition(":")
            if not colon:
                raise ValueError(f"{item!r} has no colon")
        else:
            name, text = item
        if not (isinstance(name, str) and isinstance(text, str)):
            raise ValueError
        name, text = name.strip(), text.strip(" \t")
        if not _FIELD_NAME.fullmatch(name) or not _FIELD_VALUE.fullmatch(text):
            raise ValueError(f"{name + ': ' + text!r} is not a header field")
        return name, text


def _items(value: Any) -> list[str]:
    """The texts of a list setting. Blank items are an error: an empty path or address is never what was meant."""
    if isinstance(value, str):
        value = [item.strip() for item in value.split(",")] if value.strip() else ()
    elif hasattr(value, "__fspath__"):
        value = (value,)
    if value is None:
        return []
    if isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError
    items = [item.__fspath__() if hasattr(item, "__fspath__") else item for item in value]
    if not all(isinstance(item, str) for item in items):
        raise ValueError
    if not all(item.strip() for item in items):
        raise ValueError("one of them is empty")
    return items


def _int(value: str | int, base: int = 10) -> int:
    """``int()`` without its own words in the error: ``expects`` says it better."""
    try:
        return int(value, base) if isinstance(value, str) else value
    except ValueError:
        raise ValueError from None
