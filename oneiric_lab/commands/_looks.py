"""How output shall look: options of both doors, said before or behind the verb."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import click

from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from collections.abc import Sequence


@dataclass(slots=True)
class Looks:
    """How the output shall look.

    Attributes:
        json: Data instead of a display.
        color: Colours where the output can show them.
        width: Columns of text; None takes those of the terminal.
        quiet: No output but errors.
        verbose: With an error, the place in the program that raised it.
    """

    json: bool = False
    color: bool = True
    width: int | None = None
    quiet: bool = False
    verbose: bool = False


def split_looks(args: Sequence[str]) -> tuple[Looks, list[str]]:
    """Return the options about looks, and the other arguments.

    They are taken before and behind the verb alike; behind `--` nothing is an option.

    Raises:
        UsageError: `--width` without a number.

    Example:
        >>> split_looks(["explain", "--json", "a.b"])[1]
        ['explain', 'a.b']
    """
    looks, rest = Looks(), []
    words = iter(args)
    for word in words:
        if word == "--":
            rest += [word, *words]
        elif word == "--json":
            looks.json = True
        elif word == "--no-color":
            looks.color = False
        elif word in {"-q", "--quiet"}:
            looks.quiet, looks.verbose = True, False
        elif word in {"-v", "--verbose"}:
            looks.quiet, looks.verbose = False, True
        elif word == "--width" or word.startswith("--width="):
            number = word.partition("=")[2] or next(words, "")
            if not (number.isascii() and number.isdigit()):
                raise UsageError(
                    Fault("usage", "--width takes a number of columns", fix="--width 100")
                )
            looks.width = int(number)
        else:
            rest.append(word)
    return looks, rest


def options() -> list[click.Parameter]:
    """Return the options for help and completion; `split_looks` has taken them by then."""
    return [
        click.Option(
            ["--json"], is_flag=True, expose_value=False, help="Print data, in a stable shape."
        ),
        click.Option(["--width"], type=int, metavar="N", expose_value=False, help="Columns."),
        click.Option(["--no-color"], is_flag=True, expose_value=False, help="No colours."),
        click.Option(["-q", "--quiet"], is_flag=True, expose_value=False, help="Only errors."),
        click.Option(
            ["-v", "--verbose"],
            is_flag=True,
            expose_value=False,
            help="With an error, where in the program it arose.",
        ),
    ]
