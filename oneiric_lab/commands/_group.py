"""A group of verbs, each in a module of its own that is imported when it is asked for."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.errors import Fault, UsageError, did_you_mean

from . import _looks

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.views import Result


class Group(click.Group):
    """Verbs by name, with their one line of help; `--help` and a Tab import none.

    Args:
        package: Where the modules stand: the verb `a-b` is `command` of `PACKAGE._a_b`.
        verbs: Name to its one line of help, in the order of the help.
        sections: The same verbs by what they are about, for a help of many.
        options: As click takes them.
    """

    def __init__(
        self,
        *,
        package: str,
        verbs: Mapping[str, str],
        sections: Mapping[str, Mapping[str, str]] | None = None,
        **options: Any,
    ) -> None:
        super().__init__(**{"subcommand_metavar": "VERB ..."} | options)
        self._package, self.verbs = package, verbs
        self._sections = sections or {"Verbs": verbs}

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the verbs, in the order of the table."""
        return list(self.verbs)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return one verb, its module imported now."""
        if cmd_name not in self.verbs:
            return None
        command = self.verb(cmd_name)
        if not any(param.name == "json" for param in command.params):
            command.params.append(_looks.options()[0])
        return command

    def verb(self, name: str) -> click.Command:
        """Return one verb as its module says it."""
        module = import_module(f"._{name.replace('-', '_')}", self._package)
        command: click.Command = module.command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the verb; an unknown one is told with the nearest."""
        if args[0] not in self.verbs and not ctx.resilient_parsing:
            above = ctx.command_path.partition(" ")[2]
            fix = did_you_mean(args[0], self.verbs, limit=len(self.verbs))
            if any(f"--{args[0]}" in param.opts for param in self.get_params(ctx)):
                fix = f"{ctx.command_path} --{args[0]}"
            raise UsageError(
                Fault(
                    "unknown-verb",
                    f"unknown verb `{' '.join(filter(None, (above, args[0])))}`",
                    fix=fix,
                )
            )
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the tables of verbs without importing any."""
        width = max(map(len, self.verbs))
        for title, verbs in self._sections.items():
            with formatter.section(title):
                # One column for all, so that the texts stand below each other.
                formatter.write_dl([(verb.ljust(width), text) for verb, text in verbs.items()])


def listed(ctx: click.Context) -> Result | None:
    """Do what `list` does where a group was asked for without a verb; None where one follows."""
    if ctx.invoked_subcommand is not None or not isinstance(ctx.command, Group):
        return None
    found: Result = ctx.invoke(ctx.command.verb("list"))
    return found


def require_verb(ctx: click.Context) -> None:
    """Refuse a group that was asked for without a verb, and tell its verbs.

    Raises:
        UsageError: There is none.
    """
    if ctx.invoked_subcommand is None and isinstance(ctx.command, Group):
        words = ctx.command_path.partition(" ")[2]
        verbs = ", ".join(ctx.command.verbs)
        raise UsageError(
            Fault("usage", f"{words} needs a verb", fix=f"one of {verbs}: {words} --help")
        )
