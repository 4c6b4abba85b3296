"""Where values come from, and which one wins.

Strongest first:

1. the command line, or the keywords of ``bicorn.run()``
2. the environment: ``BICORN_<SETTING>``; then ``PORT`` and ``WEB_CONCURRENCY``; then ``UVICORN_<OPTION>``; then
   ``GUNICORN_CMD_ARGS``
3. one file: ``--config``; else ``bicorn.toml``, ``[tool.bicorn]`` in ``pyproject.toml``, or ``gunicorn.conf.py``
4. the default

``PORT`` and ``WEB_CONCURRENCY`` give way to a ``gunicorn.conf.py``, as with Gunicorn, which takes them for defaults.

This is the only module that touches ``os.environ``. Paths are text here: ``pathlib`` takes longer to import than all of
``config/``.
"""

from __future__ import annotations

import os
import re
from collections.abc import Container, Iterable, Mapping
from importlib import import_module
from typing import Any

from ..errors import ConfigError
from ..record import Record
from . import checks, listen, names
from .given import Given
from .option import unknown
from .settings import OPTIONS, TLS, Config
from .shorthands import SHORTHANDS

NOT_SETTINGS = frozenset({"BICORN_PURE", "BICORN_BUILD", "BICORN_READING", "BICORN_LISTENERS"})
"""Ours, but no settings: which reading of the hot modules runs, how the package is built, which reading is tested,
what a server hands over to its successor."""

HANDED_OVER = (
    *("LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "LISTEN_PIDFDID"),  # sd_listen_fds(3)
    *("NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"),  # sd_notify(3), sd_watchdog_enabled(3)
    "BICORN_LISTENERS",  # process/upgrade.py
)
"""What systemd, or the server that this one succeeds, leaves in the environment for this very process."""

# Kubernetes gives every container variables for each service, and a service may be called "bicorn".
_KUBERNETES = r"BICORN_(SERVICE_(HOST|PORT)|PORT_[0-9]+_(TCP|UDP|SCTP)).*"
_KUBERNETES_PORT = r"(tcp|udp|sctp)://.*"


class Start(Record):
    """How the process was started: what an upgrade starts again, and a reload reads the settings in.

    Args:
        directory: the working directory, by the name it was entered by where that is known: a deployment's ``current``
            is a link, and will lead to the next version.
        environ: a copy of the environment.
    """

    directory: str
    environ: Mapping[str, str]


class Resolved(Record):
    """What all sources together say.

    Args:
        config: the settings.
        notices: what to tell whoever starts the server, each once.
        file: the file that was read, as it is called; empty when there was none.
    """

    config: Config
    notices: tuple[str, ...] = ()
    file: str = ""


def resolve(
    given: Iterable[Given] | Mapping[str, Any] = (),
    *,
    environ: Mapping[str, str] | None = None,
    directory: str | os.PathLike[str] = "",
) -> Resolved:
    """Reads every source and merges them.

    Args:
        given: the command line; or keywords, under our names or Gunicorn's or Uvicorn's.
        environ: the process's own when None.
        directory: where files are looked for; the working directory when empty.

    Raises:
        ConfigError: a name or a value that cannot be used; the message says where it came from.
    """
    environ = os.environ if environ is None else environ
    strongest = names.translate(_keywords(given) if isinstance(given, Mapping) else given)
    variables = names.translate(environment(environ))
    uvicorn = uvicorn_environment(environ)
    arguments = gunicorn_arguments(environ)
    platform = names.translate(platform_environment(environ))
    start = os.path.abspath(directory)
    folder = _directory(start, strongest, variables, uvicorn, arguments)
    shown, python, file, notices = _file(folder, strongest, variables, uvicorn, arguments)
    layers = [strongest, variables, platform, uvicorn, arguments, file]
    if python:
        layers.remove(platform)
        layers.append(platform)
    config = _merge([layer.settings for layer in layers], start)
    found = [notice for layer in layers for notice in layer.notices]
    found += [*notices, *_worker_class_notice(config), *checks.advice(config)]
    return Resolved(config, tuple(dict.fromkeys(found)), shown)


def environment(environ: Mapping[str, str]) -> list[Given]:
    """``BICORN_<SETTING>``.

    Raises:
        ConfigError: a variable that starts so and is no setting.
    """
    found = []
    known = {f"BICORN_{name.upper()}": name for name in (*OPTIONS, *SHORTHANDS)}
    for variable, text in environ.items():
        if not variable.startswith("BICORN_") or variable in NOT_SETTINGS or re.fullmatch(_KUBERNETES, variable):
            continue
        if variable not in known:
            from difflib import get_close_matches

            nearest = get_close_matches(variable.upper(), known, n=1)
            hint = f"; did you mean {nearest[0]}?" if nearest else ""
            raise ConfigError(f"{variable} is not a setting{hint}", setting=variable, value=text, origin=variable)
        if not (variable == "BICORN_PORT" and re.fullmatch(_KUBERNETES_PORT, text)):
            found += _variable(known[variable], text, variable)
    return found


def platform_environment(environ: Mapping[str, str]) -> list[Given]:
    """The variables that platforms set, and that Gunicorn and Uvicorn read too."""
    named = {"PORT": "port", "WEB_CONCURRENCY": "workers", "FORWARDED_ALLOW_IPS": "forwarded_allow_ips"}
    found = [item for variable, name in named.items() for item in _variable(name, environ.get(variable, ""), variable)]
    if environ.get("NO_COLOR"):  # https://no-color.org: any value but the empty one
        found.append(Given("use_colors", False, "NO_COLOR"))
    return found


def uvicorn_environment(environ: Mapping[str, str]) -> names.Translation:
    """``UVICORN_<OPTION>``, for every option Uvicorn has. Others that start so belong to somebody else."""
    if not any(variable.startswith("UVICORN_") for variable in environ):
        return names.Translation()
    from .dialects import UVICORN_BY_NAME
    from .old_name import Fate, Takes

    found = []
    for row in UVICORN_BY_NAME.values():
        variable = f"UVICORN_{row.name.upper()}"
        if text := environ.get(variable, ""):
            # click, which reads them for Uvicorn, splits repeatable options at white space
            value = text.split() if row.takes is Takes.MANY else text
            found.append(Given(row.name, value, variable))
        elif variable in environ and row.fate is Fate.BECOMES:
            found += _variable(row.to, "", variable)
    return names.translate(found, UVICORN_BY_NAME)


def gunicorn_arguments(environ: Mapping[str, str]) -> names.Translation:
    """``GUNICORN_CMD_ARGS``."""
    text = environ.get("GUNICORN_CMD_ARGS", "")
    if not text.strip():
        return names.Translation()
    from . import cmdargs
    from .dialects import GUNICORN_BY_NAME

    return names.translate(cmdargs.parse(text), GUNICORN_BY_NAME)


def start() -> Start:
    """How things are now. To be asked before :func:`enter` changes them."""
    directory, shown = os.getcwd(), os.environ.get("PWD", "")
    try:
        if shown and os.path.samefile(shown, directory):
            directory = shown
    except OSError:
        pass  # PWD is anybody's to set
    return Start(directory, dict(os.environ))


def take_handed_over() -> dict[str, str]:
    """Takes :data:`HANDED_OVER` out of the environment: what is meant for this process is nothing for its workers,
    and nothing for programs that they start."""
    return {name: os.environ.pop(name) for name in HANDED_OVER if name in os.environ}


def variables(names: Container[str]) -> list[tuple[str, str]]:
    """What is set for programs of these names: ``FLASK_DEBUG`` is for ``flask``."""
    return sorted(item for item in os.environ.items() if item[0].partition("_")[0].lower() in names)


def go_back(start: Start) -> None:
    """To the directory and the environment of then, before settings are read again: what the last ones have set, and
    the next ones do not, is gone. What was meant for one process alone does not come back.

    Raises:
        OSError: the directory is no more.
    """
    os.chdir(start.directory)
    environ = {name: value for name, value in start.environ.items() if name not in HANDED_OVER}
    for name in os.environ.keys() - environ.keys():
        del os.environ[name]
    os.environ.update(environ)


def enter(config: Config) -> None:
    """Changes to ``chdir``, so that sockets, certificates and logs are found from there, and sets the variables of
    ``raw_env`` and ``env_file``: for the supervisor, and by forking for every worker.

    Raises:
        ConfigError: the file cannot be read, or python-dotenv, which reads it, is not installed.
    """
    if config.chdir:
        os.chdir(config.chdir)
    if config.env_file:
        for name, value in _dotenv(config.env_file, config.origin("env_file")).items():
            os.environ.setdefault(name, value)
    for pair in config.raw_env:
        name, _, value = pair.partition("=")
        os.environ[name] = value


def _dotenv(file: str, origin: str) -> dict[str, str]:
    problem = "there is no such file"
    if os.path.isfile(file):
        try:
            read = import_module("dotenv").dotenv_values
        except ImportError:
            problem = "reading it needs python-dotenv: pip install python-dotenv"
        else:
            return {name: value for name, value in read(file).items() if value is not None}
    raise ConfigError(f"env_file {file!r} from {origin}: {problem}", setting="env_file", value=file, origin=origin)


def _variable(name: str, text: str, variable: str) -> list[Given]:
    """A variable's value. An empty one counts as not set, except where that would turn TLS off unseen."""
    if text.strip():
        return [Given(name, text, variable)]
    option = OPTIONS.get(name)
    if option and option.group == TLS and variable != name:
        raise ConfigError(f"{variable} is empty: give it a value, or do not set it", setting=name, origin=variable)
    return []


def _keywords(given: Mapping[str, Any]) -> list[Given]:
    for name in given:
        if name in OPTIONS or name in SHORTHANDS:
            continue
        from .dialects import OLD_NAMES

        if name not in OLD_NAMES:
            raise unknown(name, [*OPTIONS, *SHORTHANDS], value=given[name])
    return [Given(name, value, "keyword", f"keyword {name}") for name, value in given.items() if value is not None]


def _directory(start: str, *layers: names.Translation) -> str:
    """Where files are looked for: ``chdir``, as Gunicorn changes there before it looks for its own."""
    for layer in layers:
        if item := layer.settings.get("chdir"):
            return os.path.join(start, os.path.expanduser(OPTIONS["chdir"].convert(item.value, item.called)))
    return start


def _file(folder: str, *layers: names.Translation) -> tuple[str, bool, names.Translation, list[str]]:
    """The one file to read: what it is called, whether it is Python, what it says, and notices."""
    for layer in layers:
        if item := layer.settings.get("config"):
            text = SHORTHANDS["config"].convert(item.value, item.called)
            return _named_file(text, folder)
    if os.path.isfile(path := os.path.join(folder, "bicorn.toml")):
        return _toml(path, "bicorn.toml")
    if _mentions_us(path := os.path.join(folder, "pyproject.toml")):
        return _toml(path, "pyproject.toml")
    if os.path.isfile(path := os.path.join(folder, "gunicorn.conf.py")):
        return _python(path, "gunicorn.conf.py", folder)
    return "", False, names.Translation(), []


def _mentions_us(path: str) -> bool:
    """Whether a ``pyproject.toml`` has a table for us; most have none, and reading TOML takes its time."""
    try:
        with open(path, "rb") as file:
            return b"[tool.bicorn" in file.read()
    except OSError:
        return False


def _named_file(text: str, folder: str) -> tuple[str, bool, names.Translation, list[str]]:
    if text.startswith("python:"):
        from . import pyfile
        from .dialects import GUNICORN_BY_NAME

        given, notices = pyfile.read_module(text.removeprefix("python:"), folder)
        return text, True, names.translate(given, GUNICORN_BY_NAME), notices
    path = os.path.join(folder, os.path.expanduser(text.removeprefix("file:")))
    return _toml(path, text) if path.endswith(".toml") else _python(path, text, folder)


def _toml(path: str, shown: str) -> tuple[str, bool, names.Translation, list[str]]:
    from . import toml

    return shown, False, names.translate(toml.read(path, shown)), []


def _python(path: str, shown: str, folder: str) -> tuple[str, bool, names.Translation, list[str]]:
    from . import pyfile
    from .dialects import GUNICORN_BY_NAME

    given, notices = pyfile.read(path, shown, folder)
    return shown, True, names.translate(given, GUNICORN_BY_NAME), notices


def _merge(layers: list[Mapping[str, Given]], start: str) -> Config:
    chosen: dict[str, Given] = {}
    for layer in layers:
        for name, item in layer.items():
            if name in OPTIONS and name != "bind":
                chosen.setdefault(name, item)
    if addresses := listen.fold(layers):
        chosen["bind"] = addresses
    for item in _implied(chosen):
        chosen.setdefault(item.name, item)
    values = {name: item.value for name, item in chosen.items()}
    if "chdir" in chosen:
        values["chdir"] = _existing(chosen["chdir"], start)
    return Config(**values, origins={name: item.origin for name, item in chosen.items()})


def _implied(chosen: dict[str, Given]) -> list[Given]:
    """Settings that follow from others, where nobody gave them."""
    found = []
    if item := chosen.get("worker_class"):
        from . import worker_classes

        effects = worker_classes.find(item.value, origin=item.called).effects
        found += [Given(name, value, f"{item.origin} {item.value}") for name, value in effects.items()]
        chosen["worker_class"] = Given(item.name, worker_classes.name_of(item.value), item.origin, item.label)
    if item := chosen.get("access_logfile"):
        # Gunicorn's way to turn the access log on is to say where it goes.
        found.append(Given("access_log", True, item.origin))
    return found


def _existing(item: Given, start: str) -> str:
    """The directory to change to, absolute: it is changed to once by the supervisor and once more by each worker."""
    # Links are not resolved: a deployment's "current" is one, and is meant.
    path = os.path.normpath(os.path.join(start, os.path.expanduser(str(item.value))))
    if not os.path.isdir(path):
        raise ConfigError(
            f"chdir must be a directory that exists (got {item.value!r} from {item.called})",
            setting="chdir",
            value=item.value,
            origin=item.origin,
        )
    return path


def _worker_class_notice(config: Config) -> list[str]:
    if not config.worker_class:
        return []
    from . import worker_classes

    notice = worker_classes.find(config.worker_class).notice
    return [f"{config.origin('worker_class')} {config.worker_class}: {notice}"] if notice else []
