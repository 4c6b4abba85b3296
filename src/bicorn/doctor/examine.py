"""One examination, from question to answer: what is wanted, what would be installed and how, the ways out."""

from __future__ import annotations

import sys
import sysconfig
import time
from collections.abc import Callable, Iterator, Mapping, Sequence

from ..record import Record
from . import targets, toolchain
from .cure.find import cures
from .facts import Ailment, Cure, Examination, Finding, Pick, Resolution, Target, Wanted
from .health import check, place
from .index.client import Index, connect
from .judge import judge
from .resolve import resolve
from .wanted.read import read

Progress = Callable[[int, int, str], None]
"""Told of each step: how many are done, of how many, and what comes next."""

Answer = tuple[Resolution, tuple[Finding, ...]]


class Question(Record):
    """What is asked.

    Args:
        what: files, names, an application, an environment; empty for the project here or this environment.
        pythons: as :func:`.targets.parse` takes them; empty for the Python this runs on.
        everything: every supported Python, instead.
        platform: of the targets; empty for this machine.
        index_url: in place of those configured.
        offline: whether only the cache is asked.
        environ: the environment's variables.
        cache: a folder; empty for the user's own.
        cures: whether ways out are looked for.
    """

    what: tuple[str, ...]
    environ: Mapping[str, str]
    pythons: tuple[str, ...] = ()
    everything: bool = False
    platform: str = ""
    index_url: str = ""
    offline: bool = False
    extras: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    cache: str = ""
    cures: bool = True


def running() -> str:
    """The Python this runs on, as a target's label."""
    minor = f"{sys.version_info[0]}.{sys.version_info[1]}"
    if sys.implementation.name == "pypy":
        return f"pp{minor}"
    return minor + ("t" if sysconfig.get_config_var("Py_GIL_DISABLED") else "")


def examine(question: Question, progress: Progress | None = None) -> Examination:
    """Answers it.

    Raises:
        DoctorError: something that is needed cannot be read or reached.
    """
    started = time.monotonic()
    asked = _targets(question)
    wanted = _read(question)
    with _connect(question, wanted) as index:
        if index.settings.constraints:
            wanted = _read(question, index.settings.constraints)
        case = _Case(wanted, index, toolchain.look(question.environ), progress, len(asked))
        answers = [case.about(target) for target in asked]
        cures = case.cures(answers, question.environ) if question.cures else ()
        ailments = _health(question)
        case.step("done")
        return Examination(
            wanted=wanted,
            targets=asked,
            resolutions=tuple(resolution for resolution, _ in answers),
            findings=tuple(finding for _, findings in answers for finding in findings),
            ailments=ailments,
            cures=cures,
            took=time.monotonic() - started,
            notes=(*_ends(asked), *dict.fromkeys(index.notes)),
        )


def _targets(question: Question) -> tuple[Target, ...]:
    platform = question.platform or None
    if question.everything:
        return targets.everything(platform)
    labels = question.pythons or tuple(_minors(question.what)) or (running(),)
    return tuple({target.label: target for target in (targets.parse(label, platform) for label in labels)}.values())


def _minors(what: Sequence[str]) -> Iterator[str]:
    """The Pythons of environments that are asked about."""
    for item in what:
        found = place.at(item)
        if found and found.minor:
            yield found.minor + ("t" if found.free_threaded else "")


def _read(question: Question, constraints: Sequence[str] = ()) -> Wanted:
    return read(
        question.what,
        environ=question.environ,
        extras=question.extras,
        groups=question.groups,
        constraints=constraints,
    )


def _connect(question: Question, wanted: Wanted) -> Index:
    return connect(
        environ=question.environ,
        index_url=question.index_url,
        offline=question.offline,
        cache=question.cache,
        directory=".",
        options=wanted.options,
    )


class _Case:
    """What is the same for every target."""

    def __init__(
        self, wanted: Wanted, index: Index, tools: toolchain.Toolchain, progress: Progress | None, steps: int
    ) -> None:
        self.wanted, self.index, self.tools = wanted, index, tools
        self._progress, self._done, self._steps = progress, 0, 2 * steps + 1
        self._known: dict[tuple[object, ...], Finding] = {}

    def about(self, target: Target) -> Answer:
        """What becomes of it on one target."""
        self.step(f"Python {target.label}: versions")
        resolution = resolve(self.wanted, target, self.index)
        self.step(f"Python {target.label}: files")
        return resolution, self.judged(resolution)

    def judged(self, resolution: Resolution) -> tuple[Finding, ...]:
        """The findings of a resolution, in parallel where an archive has to be read; each pick is judged once."""

        def one(pick: Pick) -> Finding:
            return judge(pick, resolution.target, self.index, self.tools)

        keys = [_key(pick, resolution.target) for pick in resolution.picks]
        new = {key: pick for key, pick in zip(keys, resolution.picks, strict=True) if key not in self._known}
        hard = {key: pick for key, pick in new.items() if pick.chosen and not pick.chosen.is_wheel}
        self._known |= {key: one(pick) for key, pick in new.items() if key not in hard}
        self._known |= dict(zip(hard, self.index.each(one, hard.values()), strict=True))
        return tuple(self._known[key] for key in keys)

    def cures(self, answers: Sequence[Answer], environ: Mapping[str, str]) -> tuple[Cure, ...]:
        """The ways out, each tried."""
        self.step("ways out")
        return cures(self.wanted, answers, self.index, self.tools, environ, examine=self._again)

    def _again(self, wanted: Wanted, target: Target) -> Answer:
        resolution = resolve(wanted, target, self.index)
        return resolution, self.judged(resolution)

    def step(self, what: str) -> None:
        """Tells whoever waits."""
        if self._progress:
            self._progress(self._done, self._steps, what)
        self._done += 1


def _key(pick: Pick, target: Target) -> tuple[object, ...]:
    """What a verdict follows from: not from who wants it."""
    chosen = pick.chosen.url if pick.chosen else ""
    needs = tuple(one.name for one in pick.requires)  # with other extras, others
    return target.label, target.python, pick.name, pick.version, chosen, pick.why_none, needs


def _health(question: Question) -> tuple[Ailment, ...]:
    """What is wrong with the environments that are asked about: this one, where nothing is named."""
    places = [place.at(item) for item in question.what] if question.what else [place.here()]
    return tuple(ailment for each in places if each for ailment in check(each, question.environ))


def _ends(asked: Sequence[Target]) -> tuple[str, ...]:
    """Of each Python that gets no fixes any more, or soon will not."""
    from datetime import date

    from .knowledge import pythons

    told = []
    for target in asked:
        minor = f"{target.python.major}.{target.python.minor}"
        known = next((row for row in pythons() if row.version == minor), None)
        if known and known.end < date.today():
            told.append(f"Python {minor} has had no security fixes since {known.end}.")
        elif known and not known.released:
            told.append(f"Python {minor} is not released yet: {known.first} is planned.")
    return tuple(dict.fromkeys(told))
