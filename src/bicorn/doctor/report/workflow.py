"""For GitHub Actions: workflow commands, which it shows beside the change.

https://docs.github.com/en/actions/reference/workflow-commands-for-github-actions: ``%``, line breaks, and in properties
``:`` and ``,`` are escaped, so that nothing from an index can be a command of its own.
"""

from __future__ import annotations

import os.path
from collections.abc import Iterator

from ..facts import Examination, Verdict
from . import words

_LEVELS = {Verdict.FAILS: "error", Verdict.NO_TOOLCHAIN: "error", Verdict.UNKNOWN: "warning", Verdict.BUILDS: "notice"}
_SEVERITIES = {"error": "error", "warning": "warning", "note": "notice"}


def render(examination: Examination) -> str:
    """One command on each line, and the verdicts in plain words."""
    return "\n".join(_lines(examination)).rstrip()


def command(level: str, title: str, said: str, file: str = "") -> str:
    """A workflow command."""
    properties = {"file": file, "title": title}
    shown = ",".join(f"{name}={_property(value)}" for name, value in properties.items() if value)
    return f"::{level} {shown}::{_data(said)}"


def _lines(examination: Examination) -> Iterator[str]:
    source = examination.wanted.source if examination.wanted else ""
    file = source if os.path.splitext(source)[1] in (".txt", ".toml", ".lock", ".in") and " " not in source else ""
    for target in examination.targets:
        if (solved := words.resolution(examination, target)) and solved.conflict:
            yield command("error", words.shown(target), solved.conflict, file)
    for finding in examination.findings:
        if level := _LEVELS.get(finding.verdict):
            title = f"{finding.name} {finding.version or ''} on {words.shown(finding.target)}"
            yield command(level, title, f"{finding.verdict.value}: {words.why(finding)}", file)
    for ailment in examination.ailments:
        yield command(_SEVERITIES.get(ailment.severity, "notice"), ailment.kind, f"{ailment.what} {ailment.cure}")
    for cure in examination.cures:
        typed = "".join(f"\n{line}" for line in cure.commands)
        yield command("notice", "bicorn doctor", cure.title + typed, file)
    yield from (_plain(words.verdict(examination, target)) for target in examination.targets)


def _data(said: str) -> str:
    return said.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(said: str) -> str:
    return _data(said).replace(":", "%3A").replace(",", "%2C")


def _plain(said: str) -> str:
    """A line that is no command: those begin with two colons."""
    return " ".join(said.split()).lstrip(":")
