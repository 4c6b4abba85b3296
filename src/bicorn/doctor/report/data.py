"""For programs: JSON. Names are those of the records; what is added later does not take the place of what is there."""

from __future__ import annotations

import json
from typing import Any

from ..facts import Ailment, Cure, Examination, Finding, Target
from . import words

VERSION = 1
"""Of the form: a change that breaks readers counts it up."""


def render(examination: Examination) -> str:
    """All that was found, indented, in ASCII."""
    return json.dumps(tree(examination), indent=2)


def tree(examination: Examination) -> dict[str, Any]:
    """The same as dictionaries and lists."""
    wanted = examination.wanted
    return {
        "version": VERSION,
        "ok": words.is_fine(examination),
        "source": wanted.source if wanted else "",
        "notes": [*(wanted.notes if wanted else ()), *examination.notes],
        "targets": [_target(examination, target) for target in examination.targets],
        "dependencies": [_finding(examination, finding) for finding in examination.findings],
        "ailments": [_ailment(ailment) for ailment in examination.ailments],
        "cures": [_cure(cure) for cure in examination.cures],
        "seconds": round(examination.took, 3),
    }


def _target(examination: Examination, target: Target) -> dict[str, Any]:
    solved = words.resolution(examination, target)
    return {
        "label": target.label,
        "python": str(target.python),
        "implementation": target.implementation,
        "free_threaded": target.free_threaded,
        "ok": not words.fails(examination, target),
        "verdict": words.verdict(examination, target),
        "conflict": solved.conflict if solved else "",
    }


def _finding(examination: Examination, finding: Finding) -> dict[str, Any]:
    solved = words.resolution(examination, finding.target)
    pick = next((pick for pick in solved.picks if pick.name == finding.name), None) if solved else None
    return {
        "name": finding.name,
        "version": str(finding.version) if finding.version else None,
        "target": finding.target.label,
        "verdict": finding.verdict.name.lower().replace("_", "-"),
        "installs": finding.verdict.installs,
        "why": finding.why,
        "needs": list(finding.needs),
        "missing": list(finding.missing),
        "notes": list(finding.notes),
        "first_good": str(finding.first_good) if finding.first_good else None,
        "wanted_by": list(pick.wanted_by) if pick else [],
        "file": pick.chosen.filename if pick and pick.chosen else None,
    }


def _ailment(ailment: Ailment) -> dict[str, Any]:
    named = ("kind", "severity", "what", "where", "cure", "commands", "evidence")
    return {name: _plain(getattr(ailment, name)) for name in named}


def _cure(cure: Cure) -> dict[str, Any]:
    changes = [dict(zip(("name", "from", "to", "why"), change, strict=True)) for change in cure.changes]
    return {"title": cure.title, "commands": list(cure.commands), "changes": changes, "checked": cure.checked}


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
