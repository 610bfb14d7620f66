"""`trust policy lint`: what is wrong with a policy."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, time_of
from oneiric_lab.commands._trust._files import read_root

from ._place import POLICY, ROOT, policy_file

if TYPE_CHECKING:
    from oneiric_lab.trust import PolicyLint


@click.command("lint")
@ROOT
@POLICY
@AT
@click.pass_context
def command(
    ctx: click.Context, *, root: str | None, policy: str | None, at: str | None
) -> PolicyLint:
    """Say all that is wrong with the policy, each at its line; exit 1 where something is.

    With --root also what asks for less than the root, what the root asks for anyway, and how
    long the root still holds.
    """
    from oneiric_lab.files import read  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import lint_policy  # noqa: PLC0415 - see above

    name = policy_file(ctx, policy)
    data = read(Path(name), shown=name).data
    known = None if root is None else read_root(root)
    return lint_policy(data, known, now=time_of(at), name=name)
