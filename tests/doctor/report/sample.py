"""An examination, made by hand: pydantic 2.9.2 on two Pythons."""

from __future__ import annotations

from packaging.version import Version

from bicorn.doctor.facts import Ailment, Cure, Examination, Finding, Pick, Resolution, Target, Verdict, Wanted

OLD = Target("3.13", Version("3.13.0"), (), {})
NEW = Target("3.14", Version("3.14.0"), (), {})
WHY = "there is no wheel for cp314 (wheels for cp38-cp313), and its source cannot be built: PyO3 0.22.2 supports 3.13"


def examination(**changes: object) -> Examination:
    """With some of it changed."""
    core = Pick("pydantic-core", Version("2.23.4"), (), None, wanted_by=("pydantic",))
    top = Pick("pydantic", Version("2.9.2"), (), None, wanted_by=("requirements.txt",))
    made = Examination(
        wanted=Wanted((), source="requirements.txt"),
        targets=(OLD, NEW),
        resolutions=(Resolution(OLD, (core, top)), Resolution(NEW, (core, top))),
        findings=(
            Finding("pydantic-core", Version("2.23.4"), OLD, Verdict.WHEEL, "a wheel for cp313"),
            Finding("pydantic", Version("2.9.2"), OLD, Verdict.WHEEL, "a wheel of pure Python"),
            Finding("pydantic-core", Version("2.23.4"), NEW, Verdict.FAILS, WHY, notes=("source: https://pyo3.rs",)),
            Finding(
                "pydantic", Version("2.9.2"), NEW, Verdict.WHEEL, "a wheel of pure Python", notes=("it is yanked",)
            ),
        ),
        cures=(
            Cure("Use Python 3.13", ("python3.13 -m venv .venv-3.13",), checked="python3.13 is here"),
            Cure(
                "For Python 3.14 move pydantic 2.9.2 → 2.12.0",
                ("pip install pydantic==2.12.0",),
                (("pydantic", "2.9.2", "2.12.0", "the first with a wheel"),),
            ),
        ),
        took=1.25,
    )
    return made.replace(**changes)


SICK = Ailment(
    "missing-library", "psycopg2 needs libpq.so.5.", "psycopg2/_x.so", "Install it.", ("apt install libpq5",), "warning"
)
