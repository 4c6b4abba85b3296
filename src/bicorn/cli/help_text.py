"""``--help``, one screen with what people use first, and ``--help-all``, everything: both made from the tables."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from ..config import worker_classes
from ..config.old_name import Fate
from ..config.option import Option
from ..config.settings import GROUPS, OPTIONS
from ..config.shorthands import SHORTHANDS
from ..config.values import Flag
from .flags import aliases, old_flags
from .main import COMMANDS

WIDTH = 96
COLUMN = 26

INTRODUCTION = """\
Usage: bicorn [OPTIONS] APP
       bicorn COMMAND [OPTIONS] [APP]

Serve a Python web application, WSGI or ASGI. APP is MODULE, MODULE:ATTRIBUTE or MODULE:FACTORY():

    bicorn main:app --bind 0.0.0.0:8000 --workers 4
"""
ENDING = """\
Every setting is also a variable, BICORN_WORKERS, and a key in bicorn.toml, workers. The command
line wins over the environment, the environment over the file. `bicorn config` shows the result.
Options of Gunicorn and Uvicorn work as they are, and a gunicorn.conf.py is read.
"""


def short() -> str:
    """The commands, the ten options people use first, and the names of the others."""
    ours = [*SHORTHANDS.values(), *OPTIONS.values()]
    first = sorted((option for option in ours if option.first), key=lambda option: option.first)
    lines = [INTRODUCTION, "Options people use first:"]
    lines += [line for option in first for line in _entry(_flags(option), _describe(option))]
    lines += ["", "More options (--help-all explains each):"]
    for group in GROUPS:
        names = ", ".join(
            option.flags[-1] for option in ours if option.group == group and not option.first and option.name != "app"
        )
        lines += _entry(group, names)
    lines += ["", "Commands:"]
    lines += [line for name, about in COMMANDS.items() for line in _entry(name, about)]
    lines += ["", "Other:", *_entry("--check-config", "Load the settings and the application, and stop.")]
    lines += _entry("--print-config", "Show every setting and where it comes from, then the same.")
    lines += _entry("-h, --help", "Show this.")
    lines += _entry("--help-all", "Show every option, and what became of Gunicorn's and Uvicorn's.")
    lines += _entry("-v, --version", "Show the version.")
    return "\n".join([*lines, "", ENDING]).rstrip()


def complete() -> str:
    """Every option by group, with its default, its variable and its old names; then the other old names."""
    known = aliases()
    lines = [INTRODUCTION]
    for group in GROUPS:
        lines.append(f"{group}:")
        for option in (*SHORTHANDS.values(), *OPTIONS.values()):
            if option.group == group and option.name != "app":
                also = f" Also {', '.join(known[option.name])}." if known.get(option.name) else ""
                lines += _entry(_flags(option), _describe(option) + also)
        lines.append("")
    lines.append("Worker classes (--worker-class):")
    for meaning, names in worker_classes.by_meaning().items():
        lines += [f"  {name}" for name in names[:-1]] + [*_entry(names[-1], meaning)]
    lines.append("")
    for title, fate in (
        ("Converted from Gunicorn and Uvicorn", Fate.BECOMES),
        ("Accepted, without effect (said once at the start)", Fate.IGNORED),
        ("Accepted, nothing to do", Fate.MOOT),
        ("Refused", Fate.REFUSED),
    ):
        lines.append(f"{title}:")
        for row, flags in old_flags():
            if row.fate is fate:
                to = f"--{row.to.replace('_', '-')}" if fate is Fate.BECOMES else ""
                lines += _entry(", ".join(flags), ": ".join(text for text in (to, row.why) if text))
        lines.append("")
    return "\n".join([*lines, ENDING]).rstrip()


def _flags(option: Option) -> str:
    names = ", ".join(option.flags)
    if isinstance(option.kind, Flag):
        return names.replace("--", "--[no-]")
    return f"{names} {option.kind.metavar}"


def _describe(option: Option) -> str:
    default = option.default_text
    zero = f" 0: {option.zero}." if option.zero and option.default != 0 else ""
    return f"{option.help}{zero}" + (f" [{default}]" if default else "")


def _entry(left: str, right: str) -> Iterable[str]:
    """A line of a table; the left part gets a line of its own where it is too long for its column."""
    indent = " " * COLUMN
    wrapped = textwrap.wrap(right, WIDTH - COLUMN, break_on_hyphens=False, break_long_words=False) or [""]
    first = f"  {left}"
    if len(first) > COLUMN - 2:
        return [first, *(indent + line for line in wrapped)]
    return [f"{first:<{COLUMN}}{wrapped[0]}".rstrip(), *(indent + line for line in wrapped[1:])]
