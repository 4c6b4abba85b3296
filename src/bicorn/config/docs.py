"""The parts of ``docs/`` that are made from the tables: ``python -m bicorn.config.docs docs`` writes them.

Each page is written by hand but for what is between its two marks, so prose and tables live in one place.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from . import worker_classes
from .gunicorn_names import DIRTY_HOOKS, GUNICORN, HOOKS
from .old_name import Fate, OldName
from .option import Option
from .settings import GROUPS, OPTIONS
from .shorthands import SHORTHANDS
from .uvicorn_names import UVICORN
from .values import Flag

START = "<!-- From here to the end mark: made by `python -m bicorn.config.docs docs`. -->"
END = "<!-- End of what is made. -->"

FATES = {
    Fate.BECOMES: "Works",
    Fate.MOOT: "Accepted, nothing to do",
    Fate.IGNORED: "Accepted, no effect",
    Fate.REFUSED: "Refused",
}


def pages() -> dict[str, str]:
    """What belongs between the marks of each page."""
    return {
        "settings.md": _settings(),
        "moving-from-gunicorn.md": f"{_old(GUNICORN)}\n\n## Worker classes\n\n{_worker_classes()}",
        "moving-from-uvicorn.md": _old(UVICORN),
    }


def refreshed(text: str, made: str) -> str:
    """A page with what is between its marks made anew."""
    before, _, rest = text.partition(START)
    _, _, after = rest.partition(END)
    return f"{before}{START}\n\n{made}\n\n{END}{after}"


def write(folder: Path) -> None:
    """Brings the pages of a folder up to date."""
    for name, made in pages().items():
        page = folder / name
        page.write_text(refreshed(page.read_text(encoding="utf-8"), made), encoding="utf-8")


def _settings() -> str:
    sections = []
    for group in GROUPS:
        rows = [_row(option) for option in (*OPTIONS.values(), *SHORTHANDS.values()) if option.group == group]
        heads = ("Key in `bicorn.toml`", "Command line", "Environment", "Default", "Meaning", "Gunicorn", "Uvicorn")
        sections.append(f"## {group}\n\n{_table(heads, rows)}")
    return "\n\n".join(sections)


def _row(option: Option) -> tuple[str, ...]:
    flags = [f"{flag}`, `--no-{flag[2:]}" if isinstance(option.kind, Flag) else flag for flag in option.flags]
    zero = f" 0: {option.zero}." if option.zero else ""
    secret = " Never shown." if option.secret else ""
    key = "(only on the command line and in the environment)" if option.name == "config" else f"`{option.name}`"
    return (
        key,
        "`APP`" if option.name == "app" else ", ".join(f"`{flag}`" for flag in flags),
        f"`{option.env}`",
        f"`{option.default_text}`" if option.default_text and not option.unset else option.default_text,
        f"{option.help}{zero}{secret}",
        _names(GUNICORN, option.name),
        _names(UVICORN, option.name),
    )


def _names(rows: Iterable[OldName], setting: str) -> str:
    return ", ".join(f"`{row.name}`" for row in rows if row.fate is Fate.BECOMES and row.to == setting)


def _old(rows: Iterable[OldName]) -> str:
    def cells() -> Iterator[tuple[str, ...]]:
        for row in rows:
            to = ""
            if row.fate is Fate.BECOMES and (option := OPTIONS.get(row.to) or SHORTHANDS.get(row.to)):
                to = "`APP`" if row.to == "app" else f"`{option.flags[-1]}`"
            flags = ", ".join(f"`{flag}`" for flag in row.flags) or (
                "hook" if row.name in (*HOOKS, *DIRTY_HOOKS) else ""
            )
            yield f"`{row.name}`", flags, FATES[row.fate], "; ".join(text for text in (to, row.why) if text)

    return _table(("Setting", "Command line", "Here", "Becomes, or why"), cells())


def _worker_classes() -> str:
    rows = (
        (", ".join(f"`{name}`" for name in names), meaning)
        for meaning, names in worker_classes.by_meaning().items()
    )  # fmt: skip
    return _table(("`--worker-class`", "Means here"), rows)


def _table(heads: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [heads, tuple("---" for _ in heads), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |" for line in lines)


if __name__ == "__main__":
    import sys

    write(Path(sys.argv[1]))
