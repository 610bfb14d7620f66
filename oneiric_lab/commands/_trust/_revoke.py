"""`trust revoke WHO...`: keys that no longer count, in the next list."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._ground import time_of
from oneiric_lab.errors import Fault, UsageError

from ._files import read_root
from ._lists import MAKING, make_next

if TYPE_CHECKING:
    from oneiric_lab.trust import ListStanding

_REASONS = (
    "keyCompromise",
    "superseded",
    "cessationOfOperation",
    "affiliationChanged",
    "privilegeWithdrawn",
    "unspecified",
)


@click.command("revoke")
@click.argument("who", nargs=-1, required=True, metavar="WHO...")
@click.option("--reason", type=click.Choice(_REASONS), required=True, help="As RFC 5280 has it.")
@click.option("--invalid-from", metavar="TIME", help="Since when it is doubted; now by default.")
@MAKING
def command(
    who: tuple[str, ...], *, reason: str, invalid_from: str | None, **options: Any
) -> ListStanding:
    """Make the next list, in which the keys of WHO no longer count; nobody has signed it then.

    WHO is a signer, of whom all keys are meant, or a key id, or its first digits. The list says
    all that the one before it says. Then `trust crl publish` has it signed.
    """
    from oneiric_lab.canonical import utc_text  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import Revoked, keys_of, reason_name  # noqa: PLC0415 - see above

    now = time_of(options["at"])
    since = now if invalid_from is None else time_of(invalid_from, "--invalid-from")
    if since > now:
        raise UsageError(
            Fault(
                "usage",
                "a key is doubted from the past on, or from now",
                fix="leave out --invalid-from, or give the last moment at which all was well",
            )
        )
    root = read_root(options["root"])
    keyids = dict.fromkeys(keyid for text in who for keyid in keys_of(root, text))
    said = reason_name(reason)
    made = [Revoked(keyid, said, utc_text(now), utc_text(since)) for keyid in keyids]
    return make_next(made, options)
