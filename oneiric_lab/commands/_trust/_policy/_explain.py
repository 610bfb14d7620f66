"""`trust policy explain VALUE`: why one value is what it is."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from ._place import POLICY, ROOT
from ._show import effective

if TYPE_CHECKING:
    from oneiric_lab.trust import PolicyExplanation


@click.command("explain")
@click.argument("value")
@ROOT
@POLICY
@click.pass_context
def command(
    ctx: click.Context, value: str, *, root: str | None, policy: str | None
) -> PolicyExplanation:
    """Say why VALUE, such as requirements.3.threshold, is what it is: what root and policy say."""
    return effective(ctx, root, policy).explain(value)
