"""`trust state reset`: forget a part of what was trusted last."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, cast

import click

from oneiric_lab.commands._root import parts
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from oneiric_lab.lab import Remembered
    from oneiric_lab.trust import Risk

_RISKS = ("rollback", "revoked-keys", "old-root", "clock")


@click.command("reset")
@click.option(
    "--i-accept",
    "accepted",
    type=click.Choice(_RISKS),
    multiple=True,
    help="What becomes possible again; may be repeated.",
)
@click.option("--channel", "channels", metavar="NAME", multiple=True, help="Only of this channel.")
@click.option("--why", metavar="TEXT", default="", help="For the history.")
@click.pass_context
def command(
    ctx: click.Context, *, accepted: tuple[str, ...], channels: tuple[str, ...], why: str
) -> Remembered:
    """Forget a part of what was trusted last, and say so in the history.

    rollback: an older release is taken again, and another one of the same version

    revoked-keys: a revoked key counts again, and an older list is taken

    old-root: the pinned root is where it begins again, with keys that have left it since

    clock: a clock that was set back is not noticed until the next release
    """
    from oneiric_lab.lab import Remembered, forget_trusted  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import RISKS, ageing  # noqa: PLC0415 - see above

    if not accepted:
        raise UsageError(
            Fault(
                "risk-unnamed",
                "nothing is forgotten without the name of its risk",
                notes=tuple(f"{name}: {text}" for name, text in RISKS.items()),
                fix="--i-accept rollback --why 'the reason'",
            )
        )
    if not why.strip():
        raise UsageError(
            Fault("usage", "the history wants to know why", fix="--why 'the disk was lost'")
        )
    risks_named = cast("tuple[Risk, ...]", tuple(dict.fromkeys(accepted)))
    store = parts(ctx).lab().store
    state = forget_trusted(store, risks_named, channels=channels, why=why.strip())
    told = tuple(f"{name}: {RISKS[name]}" for name in risks_named)
    return Remembered(state, ageing(state, datetime.now(UTC)), told)
