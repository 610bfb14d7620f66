"""What the verbs about revocation lists share: options, and making the next one."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.commands._ground import AT, all_of, list_in, time_of
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError

from ._files import before_of, beside, read_root, write_new

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneiric_lab.trust import ListStanding, Revocations, Revoked

STEM = "revocations"
ROOT = click.option(
    "--root", type=FileType(), metavar="FILE", required=True, help="The newest root."
)
BEFORE = click.option("--before", type=FileType(), metavar="FILE", help="The list before it.")
MAKING = all_of(
    ROOT,
    BEFORE,
    click.option("--first", is_flag=True, help="There is none before it."),
    click.option(
        "--days",
        type=click.IntRange(1, 3650),
        metavar="N",
        default=30,
        help="The one after it is due then; 30.",
    ),
    click.option("--out", type=FileType(), metavar="FILE", help="revocations.N.json by default."),
    AT,
)
"""What a verb is told that makes a list."""


def read_list(name: str) -> Revocations:
    """Return the list in the file *name*, whoever has signed it."""
    from oneiric_lab.trust import Limits  # noqa: PLC0415 - `--help` needs none

    found = list_in(name, Limits())
    assert found is not None  # noqa: S101 - a name was given
    return found


def list_before(name: str, listed: Revocations, given: str | None) -> Revocations | None:
    """Return the list before *listed*, where it is given or stands beside it."""
    former = before_of(name, STEM, listed.number, given)
    return None if former is None else read_list(former)


def make_next(revoked: Sequence[Revoked], options: dict[str, Any]) -> ListStanding:
    """Write the next list, which says *revoked* as well; nobody has signed it."""
    from oneiric_lab.trust import ListStanding, list_quorum, next_list  # noqa: PLC0415 - see above

    given, now = options["before"], time_of(options["at"])
    if (given is None) is not options["first"]:
        raise UsageError(
            Fault(
                "usage",
                "a list is made of the one before it, or is the first",
                fix="--before revocations.7.json  (the newest one), or --first",
            )
        )
    root = read_root(options["root"])
    before = None if given is None else read_list(given)
    due = now + timedelta(days=options["days"])
    listed = next_list(root, before, revoked, issued_at=now, next_update=due)
    out = options["out"] or beside(given or options["root"], STEM, listed.number)
    # A root that names nobody for the role is told before anything is written.
    list_quorum(listed, root, before)
    write_new(out, listed.envelope.encode())
    return ListStanding(listed, root, before, now, "made", out)
