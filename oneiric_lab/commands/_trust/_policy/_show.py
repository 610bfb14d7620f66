"""`trust policy show`: what holds here."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._trust._files import read_root

from ._place import POLICY, ROOT, policy_file

if TYPE_CHECKING:
    from oneiric_lab.trust import EffectivePolicy


@click.command("show")
@ROOT
@POLICY
@click.pass_context
def command(ctx: click.Context, *, root: str | None, policy: str | None) -> EffectivePolicy:
    """Show what holds here, of root and policy the more, with where each value is from.

    A policy that asks for less than the root is refused at its line: see `trust policy lint`.
    """
    return effective(ctx, root, policy)


def effective(ctx: click.Context, root: str | None, policy: str | None) -> EffectivePolicy:
    """Return what the policy and the root come to."""
    from oneiric_lab.files import read  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import EffectivePolicy, Policy  # noqa: PLC0415 - see above

    name = policy_file(ctx, policy)
    found = Policy.parse(read(Path(name), shown=name).data, name=name)
    return EffectivePolicy.of(found, None if root is None else read_root(root), file=name)
