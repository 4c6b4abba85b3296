"""``bicorn doctor``: will it install and run on that Python? If not, why, and what to do.

Exit code 0: nothing stands in the way; 1: something will fail, or the log says why it did; 2: it could not be examined.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from ..errors import DoctorError

if TYPE_CHECKING:
    from ..doctor.examine import Progress
    from ..doctor.facts import Examination

ABOUT = """\
Foretell whether everything installs on a Python, say why not, and what to do about it.

WHAT is any of: a requirements file, pyproject.toml, a lock file (uv, Poetry, PDM, Pipenv, pylock.toml), a folder
with one of them, an application (main:app), a virtual environment, or requirements such as 'pydantic==2.9.2'.
Without it: the project in this folder, or else what is installed here. No code of any package is run.

\b
    bicorn doctor --python 3.14
    bicorn doctor requirements.txt --all
    bicorn doctor 'pydantic==2.9.2' --python 3.14 --python 3.14t
    pip install -r requirements.txt 2>&1 | bicorn doctor --log -
"""
FORMATS = ("text", "json", "markdown", "github")
MAX_LOG = 32 * 1024 * 1024


def run(
    what: tuple[str, ...],
    pythons: tuple[str, ...],
    everything: bool,
    platform: str | None,
    index_url: str | None,
    offline: bool,
    form: str,
    log: str | None,
    extras: tuple[str, ...],
    groups: tuple[str, ...],
    all_rows: bool,
) -> int:
    """Examines, prints, and gives the exit code."""
    from ..config.sources import start
    from ..doctor.report import render, words

    environ = start().environ
    if log is not None:
        if what:
            raise DoctorError("--log explains a log: it is given without anything else to examine")
        examination = _of_log(log, pythons[0] if pythons else "", environ)
    else:
        from ..doctor.examine import Question, examine

        question = Question(
            what=what,
            environ=environ,
            pythons=tuple(label for given in pythons for label in given.split(",") if label),
            everything=everything,
            platform=platform or "",
            index_url=index_url or "",
            offline=offline,
            extras=extras,
            groups=groups,
        )
        with _progress() as progress:
            examination = examine(question, progress)
    colour = form == "text" and sys.stdout.isatty() and "NO_COLOR" not in environ
    click.echo(render(examination, form, colour=colour, all_rows=all_rows), color=colour)
    return 0 if words.is_fine(examination) else 1


def _of_log(path: str, python: str, environ: Any) -> Examination:
    from ..doctor.cure import system
    from ..doctor.facts import Examination
    from ..doctor.logs import explain

    try:
        with click.open_file(path, "rb") as file:
            content = file.read(MAX_LOG)
    except OSError as error:
        raise DoctorError(f"{path} cannot be read: {error.strerror}") from error
    here = system.look(environ)
    found = explain(content.decode("utf-8", "replace"), manager=here.manager, python=python)
    if not here.sudo:  # root, who may not even have it
        plain = (tuple(command.removeprefix("sudo ") for command in each.commands) for each in found)
        found = tuple(each.replace(commands=commands) for each, commands in zip(found, plain, strict=True))
    return Examination(None, ailments=found)


@contextmanager
def _progress() -> Iterator[Progress | None]:
    """A bar on standard error, where that is a terminal."""
    if not sys.stderr.isatty():
        yield None
        return
    with click.progressbar(
        length=1, file=sys.stderr, show_eta=False, show_percent=False, item_show_func=lambda item: item or "", width=24
    ) as bar:

        def told(done: int, of: int, what: str) -> None:
            bar.length = of
            bar.update(done - bar.pos, what)

        yield told
    click.echo("\r\x1b[K", nl=False, err=True)


PARAMETERS: list[click.Parameter] = [
    click.Argument(["what"], nargs=-1),
    click.Option(
        ["pythons", "--python"],
        multiple=True,
        metavar="VERSION",
        help="The Python to install for: 3.14, 3.14t, pp3.11; repeatable. Otherwise the one this runs on.",
    ),
    click.Option(["everything", "--all"], is_flag=True, help="Every supported Python, side by side."),
    click.Option(
        ["--platform"],
        metavar="PLATFORM",
        help="Another system than this one: musllinux, aarch64, macos-arm64, windows, or a wheel's platform tag.",
    ),
    click.Option(["extras", "--extra"], multiple=True, metavar="NAME", help="Of the project's optional dependencies."),
    click.Option(["groups", "--group"], multiple=True, metavar="NAME", help="Of the project's dependency groups."),
    click.Option(
        ["--index-url", "-i"], metavar="URL", help="The package index, in place of what pip and uv are set up with."
    ),
    click.Option(["--offline"], is_flag=True, help="Ask nobody: use what earlier runs have fetched."),
    click.Option(["--log"], metavar="FILE", help="Explain the output of a failed installation; - is standard input."),
    click.Option(
        ["form", "--format"], type=click.Choice(FORMATS), default="text", help="github: annotations for a workflow."
    ),
    click.Option(["--all-rows"], is_flag=True, help="Show what installs from a wheel everywhere, too."),
]

command = click.Command(
    "doctor", callback=run, help=ABOUT, params=PARAMETERS, context_settings={"help_option_names": ["-h", "--help"]}
)
