"""click's options, derived from the tables of settings and old names; and back: what was typed, as ``Given``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import click
from click.core import ParameterSource

from ..config.given import Given
from ..config.option import Option
from ..config.settings import OPTIONS
from ..config.shorthands import SHORTHANDS
from ..config.values import Flag

if TYPE_CHECKING:
    from ..config.old_name import OldName

_TYPED = "bicorn.typed"

NOT_SETTINGS = frozenset({"app", "check_config", "print_config"})
"""What the command line has beside settings: its argument and two orders."""


class Command(click.Command):
    """A command that takes the application and every setting.

    Values stay text here: they are converted, checked and complained about in one place, for every source alike.

    Args:
        settings: what the command itself stands for, as if it had been typed, where it was not typed otherwise.
    """

    def __init__(
        self,
        name: str,
        run: Any,
        about: str,
        extra: Sequence[click.Parameter] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(name, callback=run, help=about, add_help_option=False)
        self._extra = list(extra)
        self.settings = settings or {}

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        ctx.meta[_TYPED] = tuple(args)
        self.params = [*ours(), *self._extra]
        if _is_foreign(args, self.params):
            self.params = [*ours_and_theirs(), *self._extra]
        return super().parse_args(ctx, args)


def ours(aliases: Mapping[str, list[str]] | None = None) -> list[click.Parameter]:
    """The application, and one click option for each setting, with the old names that mean the same."""
    options = [*SHORTHANDS.values(), *(option for option in OPTIONS.values() if option.name != "app")]
    parameters: list[click.Parameter] = [click.Argument(["app"], required=False)]
    parameters += [_setting(option, aliases.get(option.name, []) if aliases else []) for option in options]
    parameters.append(_help("--help", "short", "-h"))
    parameters.append(_help("--help-all", "complete"))
    return parameters


def ours_and_theirs() -> list[click.Parameter]:
    """The same, and the old names that mean something else."""
    from .flags import aliases, old_flags  # their tables take a while, and most command lines need none

    return [*ours(aliases()), *(_old(row, flags) for row, flags in old_flags())]


def given(ctx: click.Context) -> list[Given]:
    """What was typed, under the name it was typed with, and what the command stands for."""
    found = []
    for parameter in ctx.command.params:
        name = parameter.name or ""
        if ctx.get_parameter_source(name) is not ParameterSource.COMMANDLINE or not parameter.expose_value:
            continue
        if isinstance(parameter, click.Argument):
            found.append(Given(name, ctx.params[name], "command line"))
        elif name not in NOT_SETTINGS:
            found.append(Given(name, ctx.params[name], _flag_typed(ctx.meta[_TYPED], parameter)))
    typed = {item.name for item in found}
    implied = ctx.command.settings if isinstance(ctx.command, Command) else {}
    found += [Given(name, value, f"bicorn {ctx.command.name}") for name, value in implied.items() if name not in typed]
    return found


def _setting(option: Option, aliases: list[str]) -> click.Option:
    flags = [*option.flags, *aliases]
    if isinstance(option.kind, Flag):
        return _flag(option.name, flags)
    return click.Option([option.name, *flags], multiple=option.many, metavar=option.kind.metavar)


def _is_foreign(arguments: Sequence[str], parameters: Sequence[click.Parameter]) -> bool:
    """Whether an argument looks like an option that is none of these; a value that looks so does no harm."""
    known = {name for parameter in parameters for name in (*parameter.opts, *parameter.secondary_opts)}
    for argument in arguments:
        if argument.startswith("-") and argument.partition("=")[0] not in known:
            if argument == "--":
                return False
            if argument.startswith("--") or argument[:2] not in known:
                return True
    return False


def _old(row: OldName, flags: list[str]) -> click.Option:
    from ..config.old_name import Takes

    if row.takes is Takes.FLAG:
        return _flag(row.name, flags)
    if row.takes is Takes.BARE:
        return click.Option([row.name, *flags], is_flag=True, default=None)
    if row.takes is Takes.MAYBE:
        return click.Option([row.name, *flags], is_flag=False, flag_value="auto")
    return click.Option([row.name, *flags], multiple=row.takes is Takes.MANY)


def _flag(name: str, flags: list[str]) -> click.Option:
    """A switch in both forms. A short form says yes."""
    both = [f"{flag}/--no-{flag.removeprefix('--')}" if flag.startswith("--") else flag for flag in flags]
    return click.Option([name, *both], default=None)


def _help(flag: str, text: str, *more: str) -> click.Option:
    def show(ctx: click.Context, _: click.Parameter, wanted: bool) -> None:
        if wanted:
            from . import help_text  # only for whoever asks

            click.echo(getattr(help_text, text)())
            ctx.exit()

    return click.Option([*more, flag], is_flag=True, is_eager=True, expose_value=False, callback=show)


def _flag_typed(arguments: Sequence[str], parameter: click.Parameter) -> str:
    """The name the user typed, for messages: ``-k`` and not ``--worker-class`` if that is what it was."""
    names = [*parameter.opts, *parameter.secondary_opts]
    for argument in arguments:
        if argument == "--":
            break
        for name in names:
            short = not name.startswith("--") and argument.startswith(name)
            if argument == name or argument.startswith(name + "=") or short:
                return name
    return parameter.opts[-1]
