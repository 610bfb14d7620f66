"""`trust root verify ROOT...`: whether a chain of roots holds."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, time_of
from oneiric_lab.commands._trust._files import read_root
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from oneiric_lab.trust import RootReport

_HEX = frozenset("0123456789abcdef")
_DIGITS = 64


@click.command("verify")
@click.argument("roots", type=FileType(), nargs=-1, required=True, metavar="ROOT...")
@click.option("--pin", metavar="SHA256", help="Digest of the root that is trusted.")
@click.option("--policy", type=FileType(), metavar="FILE", help="A trust.toml that pins it.")
@AT
def command(
    roots: tuple[str, ...], *, pin: str | None, policy: str | None, at: str | None
) -> RootReport:
    """Verify that the ROOTs lead from the pinned one to the newest, which has not expired.

    Each is one more than the last, and signed by the old and the new threshold. Exit 1 where it
    does not hold or nothing is pinned, 3 where all that is wrong is its age.
    """
    from oneiric_lab.files import read  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import Policy, verify_roots  # noqa: PLC0415 - see above

    if pin is not None:
        pin = pin.removeprefix("sha256:")
        if len(pin) != _DIGITS or not set(pin) <= _HEX:
            fix = "take it from trust root show ROOT.json, and compare it with its signers"
            raise UsageError(Fault("usage", "--pin wants 64 hex digits", fix=fix))
    if policy is not None:
        pinned = Policy.parse(read(Path(policy), shown=policy).data, name=policy).pin
        if pin is not None and pinned != pin:
            fault = f"--pin and {policy} pin different roots"
            raise UsageError(Fault("usage", fault, fix="give one of the two"))
        pin = pinned
    return verify_roots([read_root(name) for name in roots], pin=pin, now=time_of(at))
