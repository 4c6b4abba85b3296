"""One value of one kind: text, or a value from a file or a keyword, in; the value a setting holds out.

Every kind says in ``expects`` what it accepts, so that each error reads "workers must be a whole number of 1 or more".
``convert`` raises :class:`ValueError`; its text, when it has one, is the detail that ``expects`` cannot know.

Plain classes, no dataclasses: each of those costs half a millisecond of every start.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from . import bind

TRUE = frozenset({"true", "yes", "on", "1", "y", "t"})
FALSE = frozenset({"false", "no", "off", "0", "n", "f"})

_SIZE = r"([0-9][0-9_]*)\s*(?:([kmg])(?:i?b)?|b)?"
_REFERENCE = r"[\w.]+:[\w.]+"
_MOUNT_TARGET = r"[^\s=:]+(?::.+)?"
_TOKEN = r"[A-Za-z0-9!#$%&'*+.^_`|~-]+"  # RFC 9110 5.6.2
_FIELD_VALUE = r"[\t\x20-\x7e\x80-\xff]*"  # RFC 9110 5.5
# Field values may hold commas, so a list of fields is only split where "name:" follows (and not a URL's "://").
_NEXT_FIELD = rf",\s*(?={_TOKEN}\s*:(?!//))"


class Kind:
    """What a setting may hold.

    Attributes:
        expects: what it accepts, after "must be".
        metavar: what ``--help`` shows for a value.
    """

    expects = ""
    metavar = ""

    def convert(self, value: Any) -> Any:
        """The value as the setting holds it; ValueError or TypeError when it cannot be one."""
        raise NotImplementedError


class Whole(Kind):
    """A whole number; ``1_000`` is fine, ``1.5``, ``true`` and ``0x10`` are not."""

    metavar = "N"

    def __init__(self, least: int = 0, most: int | None = None) -> None:
        self.least, self.most = least, most
        self.expects = f"a whole number of {least} or more"
        if most is not None:
            self.expects = f"a whole number from {least} to {most}"

    def convert(self, value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, (int, str)):
            raise ValueError
        number = _int(value)
        if number < self.least or (self.most is not None and number > self.most):
            raise ValueError
        return number


class Workers(Whole):
    """How many workers; ``auto`` is 0, counted when the server starts."""

    def __init__(self) -> None:
        super().__init__(0)
        self.metavar = "N|auto"
        self.expects = "a whole number of 1 or more, or auto"

    def convert(self, value: Any) -> int:
        if isinstance(value, str):
            if value.strip().lower() == "auto":
                return 0
            return Whole(1).convert(value)  # "0" is more likely a variable that went wrong than a wish
        return super().convert(value)


class Maybe(Kind):
    """A value, or none: a setting that follows from others where it is not given."""

    def __init__(self, kind: Kind) -> None:
        self.kind, self.metavar, self.expects = kind, kind.metavar, kind.expects

    def convert(self, value: Any) -> Any:
        return None if value is None else self.kind.convert(value)


class Size(Kind):
    """A number of bytes; ``64k``, ``10M`` and ``1GiB`` count in powers of 1024."""

    metavar = "BYTES"
    expects = "a number of bytes, such as 8190, 64k, 10m or 1g"

    def convert(self, value: Any) -> int:
        if not isinstance(value, str):
            return Whole().convert(value)
        found = re.fullmatch(_SIZE, value.strip(), re.IGNORECASE)
        if not found:
            raise ValueError
        return int(found[1]) * int(1024 ** " kmg".index((found[2] or " ").lower()))


class Seconds(Kind):
    """A time in seconds, whole or not."""

    metavar = "SECONDS"
    expects = "a number of seconds, 0 or more"

    def convert(self, value: Any) -> float:
        if isinstance(value, bool) or not isinstance(value, (int, float, str)):
            raise ValueError
        try:
            seconds = float(value)
        except (ValueError, OverflowError):
            raise ValueError from None
        if not 0 <= seconds < float("inf"):  # which "nan" is not either
            raise ValueError
        return seconds


class Flag(Kind):
    """Yes or no; with ``undecided`` also "auto", which is ``None``: decided when the server starts."""

    def __init__(self, *, undecided: bool = False) -> None:
        self.undecided = undecided
        self.expects = "true, false or auto" if undecided else "true or false"

    def convert(self, value: Any) -> bool | None:
        if isinstance(value, bool):
            return value
        if self.undecided and value is None:
            return None
        word = value.strip().lower() if isinstance(value, str) else ""
        if self.undecided and word == "auto":
            return None
        if word in TRUE:
            return True
        if word in FALSE:
            return False
        raise ValueError


class YesOrNo(Kind):
    """The same for an option that takes a value on the command line, as Uvicorn's of that name does."""

    expects = "true or false"
    metavar = "true|false"

    def convert(self, value: Any) -> bool:
        return bool(Flag().convert(value))


class Choice(Kind):
    """One of a few words; ``also`` holds other spellings and what they mean."""

    def __init__(self, *names: str, also: Mapping[str, str] | None = None, metavar: str = "") -> None:
        self.names, self.also = names, also or {}
        self.metavar = metavar or "|".join(names)
        self.expects = f"one of {', '.join(names)}"

    def convert(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        word = value.strip().lower()
        word = self.also.get(word, word)
        if word not in self.names:
            raise ValueError
        return word


class Numbered(Kind):
    """A number that also goes by names, such as 2 for "required"."""

    def __init__(self, *names: str, prefix: str = "") -> None:
        self.names, self.prefix = names, prefix
        self.metavar = "|".join(names)
        self.expects = "one of " + ", ".join(f"{number} ({name})" for number, name in enumerate(names))

    def convert(self, value: Any) -> int:
        if isinstance(value, str):
            word = value.strip().lower().removeprefix(self.prefix)
            if word in self.names:
                return self.names.index(word)
        return Whole(0, len(self.names) - 1).convert(value)


class Text(Kind):
    """Any text. An empty one is ``None``, unless the setting is never ``None``."""

    def __init__(self, metavar: str = "TEXT", expects: str = "text", *, optional: bool = True) -> None:
        self.metavar, self.expects, self.optional = metavar, expects, optional

    def convert(self, value: Any) -> str | None:
        if value is None and self.optional:
            return None
        text = _text(value)
        return text if text or not self.optional else None


class Reference(Kind):
    """Something in a module, found when it is needed."""

    metavar = expects = "MODULE:FUNCTION"

    def convert(self, value: Any) -> str | None:
        if value is None or value == "":
            return None
        if not isinstance(value, str) or not re.fullmatch(_REFERENCE, value.strip()):
            raise ValueError
        return value.strip()


class Hook(Reference):
    """A function: one of a ``gunicorn.conf.py``, or something in a module, found when it is needed.

    Args:
        arguments: what it is called with.
        least: how many of them it may do with.
    """

    def __init__(self, *arguments: str, least: int = 0) -> None:
        self.arguments, self.least = arguments, least or len(arguments)
        self.expects = f"a function of ({', '.join(arguments)}), or MODULE:FUNCTION"

    def convert(self, value: Any) -> Any:
        if callable(value):
            self.taken(value)
            return value
        if isinstance(value, str) and ":" not in value and "." in value:
            module, _, name = value.strip().rpartition(".")  # as Gunicorn has it
            value = f"{module}:{name}"
        return super().convert(value)

    def taken(self, function: Any) -> int:
        """How many of the arguments a function takes.

        Raises:
            ValueError: too many, or too few.
        """
        for number in range(len(self.arguments), self.least - 1, -1):
            if _takes(function, number):
                return number
        from inspect import signature

        raise ValueError(f"it takes {signature(function)}")


class Prefix(Kind):
    """The path an app lives under: empty, or ``/prefix`` without a slash at its end."""

    metavar = "/PREFIX"
    expects = "empty or a path such as /api"

    def convert(self, value: Any) -> str:
        if not isinstance(value, str):
            raise ValueError
        prefix = value.strip().rstrip("/")
        if prefix and not prefix.startswith("/"):
            raise ValueError
        return prefix


class Mode(Kind):
    """File permissions: text is octal ("660"), a number is itself (0o660)."""

    metavar = "OCTAL"

    def __init__(self, example: str = "660") -> None:
        self.expects = f"permissions from 0 to 777 in octal, such as {example}"

    def convert(self, value: Any) -> int | None:
        if value is None:
            return None
        if isinstance(value, str):
            value = _int(value, 8)  # which takes "660", "0660" and "0o660" alike
        return Whole(0, 0o777).convert(value)


class Many(Kind):
    """Several texts: a list, or one text with commas."""

    def __init__(self, metavar: str, expects: str) -> None:
        self.metavar, self.expects = metavar, expects

    def convert(self, value: Any) -> tuple[str, ...]:
        return tuple(self.item(item) for item in _items(value))

    def item(self, text: str) -> str:
        """One of them."""
        return text.strip()


class Addresses(Many):
    """Addresses to listen on, in their canonical text."""

    def __init__(self) -> None:
        super().__init__("ADDRESS", "addresses to listen on")

    def item(self, text: str) -> str:
        return str(bind.parse(text))


class Mounts(Many):
    """``/prefix=module:attr``, or a table of them in a file."""

    def __init__(self) -> None:
        super().__init__("/PREFIX=APP", "applications under a path, such as /legacy=old:wsgi_app")

    def convert(self, value: Any) -> tuple[str, ...]:
        return super().convert(_pairs(value))

    def item(self, text: str) -> str:
        prefix, _, target = (part.strip() for part in text.partition("="))
        prefix = prefix.rstrip("/")
        if not prefix.startswith("/") or not re.fullmatch(_MOUNT_TARGET, target):
            raise ValueError(f"{text!r} is not /PREFIX=MODULE:ATTRIBUTE")
        return f"{prefix}={target}"


class Variables(Many):
    """``NAME=VALUE``, or a table of them in a file."""

    def __init__(self) -> None:
        super().__init__("NAME=VALUE", "environment variables, each NAME=VALUE")

    def convert(self, value: Any) -> tuple[str, ...]:
        return super().convert(_pairs(value))

    def item(self, text: str) -> str:
        # Not shown when it is wrong: it may be a secret whose name was left out.
        name, equals, _ = text.partition("=")
        if not equals or not name.strip():
            raise ValueError
        return text


class Fields(Kind):
    """Header fields as ``Name: value`` texts, as pairs, or as a table in a file."""

    metavar = "NAME:VALUE"
    expects = "header fields such as 'X-Frame-Options: DENY'"

    def convert(self, value: Any) -> tuple[tuple[str, str], ...]:
        if isinstance(value, str):
            value = [text for line in value.splitlines() for text in re.split(_NEXT_FIELD, line) if text.strip()]
        elif isinstance(value, Mapping):
            value = value.items()
        return tuple(self.field(item) for item in value)

    def field(self, item: Any) -> tuple[str, str]:
        """One of them."""
        if isinstance(item, str):
            name, colon, text = item.partition(":")
            if not colon:
                raise ValueError(f"{item!r} has no colon")
        else:
            name, text = (part.decode("latin-1") if isinstance(part, bytes) else part for part in item)
        name, text = _text(name).strip(), _text(text).strip(" \t")
        if not re.fullmatch(_TOKEN, name) or not re.fullmatch(_FIELD_VALUE, text):
            raise ValueError(f"{f'{name}: {text}'!r} is not a header field")
        return name, text


def _items(value: Any) -> list[str]:
    """The texts of a list setting. Blank items are an error: an empty path or address is never what was meant."""
    if value is None:
        return []
    if isinstance(value, str):
        value = [item.strip() for item in value.split(",")] if value.strip() else []
    elif hasattr(value, "__fspath__"):
        value = [value]
    elif isinstance(value, (bytes, Mapping)) or not isinstance(value, Iterable):
        raise ValueError
    items = [_text(item) for item in value]
    if not all(item.strip() for item in items):
        raise ValueError("one of them is empty")
    return items


def _pairs(value: Any) -> Any:
    """A table of a file, as ``key=value`` texts."""
    return [f"{key}={text}" for key, text in value.items()] if isinstance(value, Mapping) else value


def _text(value: Any) -> str:
    """A text or a path; no other type, and no NUL, which nothing that takes a name could take."""
    if hasattr(value, "__fspath__"):
        value = value.__fspath__()
    if not isinstance(value, str) or "\0" in value:
        raise ValueError
    return value


def _takes(function: Any, number: int) -> bool:
    """Whether a function can be called with so many arguments."""
    from inspect import signature  # only where there are functions to look at

    try:
        signature(function).bind(*range(number))
    except TypeError:
        return False
    except ValueError:  # one written in C that does not say
        return True
    return True


def _int(value: str | int, base: int = 10) -> int:
    """``int()`` without its own words in the error: ``expects`` says it better."""
    try:
        return int(value, base) if isinstance(value, str) else value
    except ValueError:
        raise ValueError from None
