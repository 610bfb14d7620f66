"""The one definition of all verbs, for a shell and for a kernel.

A verb lives in a module of its own, imported when it is asked for: `--help` reads the
table below and imports none.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from typing import TYPE_CHECKING

import click

from oneiric_lab.errors import Fault, OneiricError, UsageError, nearest

from . import _looks
from ._context import Context, Interaction
from ._group import Group
from ._types import DirectoryType, FileType, ProfileType, SetType

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneiric_lab.views import Result

    from ._context import Stream

SECTIONS: dict[str, dict[str, str]] = {
    "Begin": {
        "init": "Make a workspace, empty or the sample one.",
        "allow": "Let this workspace's code run.",
        "check": "Say whether the workspace is sound.",
        "doctor": "Say what this installation has and lacks.",
        "lab": "Open JupyterLab on the workspace.",
        "ui": "Show a widget in a notebook.",
    },
    "Values": {
        "show": "Show the values that are in force.",
        "origin": "Say where a value was said.",
        "explain": "Say why a value or a component is what it is.",
        "plan": "Show what a change would do, without doing it.",
        "apply": "Do what a plan shows.",
        "set": "Write values to a layer.",
        "unset": "Remove values from a layer.",
        "undo": "Take the last written change back.",
        "history": "Show what was changed, by whom.",
        "diff": "Compare two effective configurations.",
        "freeze": "Write values and winners to a lock file, or compare with it.",
        "schema": "Print the JSON Schema of the workspace's files.",
    },
    "Components": {
        "list": "List components and their candidates.",
        "plugins": "List installed plugins, or try to import what they offer.",
        "swap": "Choose who provides a component.",
        "rollback": "Choose whom the last swap replaced.",
        "pause": "Let no lease of a component begin.",
        "resume": "Take a pause or a drain back.",
        "drain": "Close a component when its last lease ends.",
        "status": "Show what is wanted of components beside what is so.",
        "activity": "Show what was done to components.",
    },
    "Releases": {
        "manifest": "Write, check, migrate, compare, sign and verify manifests.",
        "bundle": "Make, show and verify what proves a release.",
        "trust": "Make keys, and say who may sign what.",
        "remote": "Show where manifests come from, and how that goes.",
        "sync": "Bring what the sources of manifests have, or say why not.",
    },
    "A running system": {
        "run": "Hold the workspace up: follow files and sources, answer probes.",
        "watch": "Follow the files: load each change, or say why not.",
        "health": "Say how the workspace or its host is.",
        "metrics": "Show the numbers of the workspace or its host.",
        "logs": "Show what the host of the workspace logged.",
        "secrets": "List secrets, their versions and ages, and rotate them.",
        "task": "List and run tasks.",
        "workflow": "Plan, run and look at workflows.",
        "action": "Show actions, and invoke one.",
        "event": "Emit events, show who listens, and what could not be handled.",
    },
    "Load tests": {
        "load": "Drive a system at a stated rate, and report honestly.",
        "load-test": "The same as load run.",
    },
}
"""What a verb is about, to verbs, each with its one line of help."""

VERBS: dict[str, str] = {verb: text for verbs in SECTIONS.values() for verb, text in verbs.items()}
"""Verb to its one line of help."""


_PROGRAM = "oneiric-lab"
_CALL = re.compile(rf"\b{_PROGRAM}(?= (?!init )[a-z])")


def version() -> str:
    """Return our version, or that this is a checkout which is not installed."""
    from importlib import metadata  # noqa: PLC0415 - for `--version` only

    try:
        return metadata.version("oneiric-lab")
    except metadata.PackageNotFoundError:
        return "(from source)"


def _version(ctx: click.Context, param: click.Parameter, value: bool) -> None:
    if value:
        click.echo(f"oneiric-lab {version()}")
        ctx.exit()


@click.command(
    cls=Group,
    package=__package__,
    verbs=VERBS,
    sections=SECTIONS,
    name=_PROGRAM,
    invoke_without_command=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    params=_looks.options(),
    epilog="VERB --help tells more; doctor, how to complete by Tab. Exit: 0 done, 1 the answer is "
    "no, 2 a fault, 3 stale or invalid, 4 an invariant broke, 130 cancelled.",
)
@click.option(
    "-C", "--workspace", metavar="DIR", type=DirectoryType(), help="Folder of the workspace."
)
@click.option(
    "--profile",
    "profiles",
    multiple=True,
    metavar="NAME",
    type=ProfileType(),
    help="Activate a profile; more than once, the later wins.",
)
@click.option(
    "--config",
    multiple=True,
    metavar="FILE",
    type=FileType(),
    help="Add a file above the profiles.",
)
@click.option(
    "--set",
    "sets",
    multiple=True,
    metavar="K=V",
    type=SetType(),
    help="Set a value for this call.",
)
@click.option("--policy", metavar="FILE", type=FileType(), help="File that locks values.")
@click.option(
    "--version",
    is_flag=True,
    is_eager=True,
    expose_value=False,
    callback=_version,
    help="Print the version.",
)
@click.pass_context
def root(
    ctx: click.Context,
    workspace: str | None,
    profiles: tuple[str, ...],
    config: tuple[str, ...],
    sets: tuple[str, ...],
    policy: str | None,
) -> Result | None:
    """Which value, which component is in force, why, and what a change would do."""
    interaction = ctx.find_object(Interaction) or Interaction()
    if workspace is not None:
        # A kernel goes on with the workspace it was last told.
        interaction.workspace = workspace
    ctx.obj = Context(interaction, interaction.workspace, profiles, config, sets, policy)
    if ctx.invoked_subcommand is None:
        status: Result = ctx.obj.lab().status()
        return status
    return None


def run(
    args: Sequence[str], interaction: Interaction, *, prog: str = _PROGRAM
) -> Result | Stream | None:
    """Run one verb and return its result or results; help prints itself and returns None.

    Raises:
        OneiricError: Whatever went wrong, a misused option included. Verbs that it advises
            are spelt for the door they were asked through, and for the workspace.
    """
    try:
        with root.make_context(prog, list(args), obj=interaction) as ctx:
            result: Result | Stream | None = root.invoke(ctx)
            return result
    except click.exceptions.Exit:
        return None
    except click.UsageError as error:
        raise _misused(error, prog) from None
    except OneiricError as error:
        door = prog
        if prog == _PROGRAM and interaction.workspace != ".":
            door += f" -C {shlex.quote(interaction.workspace)}"
        # What helps was said for a shell in the workspace; it shall work where it is read.
        error.faults = tuple(
            replace(fault, fix=fault.fix and _CALL.sub(lambda _: door, fault.fix))
            for fault in error.faults
        )
        raise


def _misused(error: click.UsageError, prog: str) -> UsageError:
    """Return what click says of a wrong command line, in our words and with what helps."""
    where = error.ctx.command_path if error.ctx else prog
    message, fix = error.format_message(), f"{where} --help"
    if isinstance(error, click.NoSuchOption):
        message = f"{where} has no option {error.option_name}"
        own = [opt for param in error.ctx.command.params for opt in param.opts] if error.ctx else []
        above = [opt for param in root.params for opt in param.opts]
        if error.option_name in above:
            verb = where.removeprefix(f"{prog} ")
            fix = f"it stands before the verb: {prog} {error.option_name} ... {verb} ..."
        elif near := nearest(error.option_name, own):
            fix = f"did you mean `{near[0]}`? {fix}"
    elif isinstance(error, click.MissingParameter) and error.param is not None:
        needed = error.param.make_metavar(error.ctx) if error.ctx else ""
        if isinstance(error.param, click.Option):
            needed = f"{error.param.opts[0]} {needed}"
        message = f"{where} needs {needed}" if needed else message
    return UsageError(Fault("usage", message.rstrip("."), fix=fix))


def parts(ctx: click.Context) -> Context:
    """Return the shared options of a verb's context."""
    found = ctx.find_object(Context)
    assert found is not None, "the root puts it there"  # noqa: S101 - our own invariant
    return found
