"""`bundle show BUNDLE`: what it says, whether it is to be believed or not."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._types import FileType

if TYPE_CHECKING:
    from oneiric_lab.trust import Bundle


@click.command("show")
@click.argument("bundle", type=FileType())
def command(bundle: str) -> Bundle:
    """Show what BUNDLE says. Nothing of it is verified: bundle verify does that."""
    from oneiric_lab.files import read  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import Bundle, Limits  # noqa: PLC0415 - see above

    limits = Limits()
    return Bundle.parse(
        read(Path(bundle), shown=bundle, limit=limits.bundle_bytes).data, limits=limits
    )
