"""`trust crl publish LIST`: one signature more, and into its place when enough have signed."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, signer_in
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._trust._files import read_envelope, read_root
from oneiric_lab.commands._trust._lists import BEFORE, ROOT, list_before, read_list
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError

from ._show import standing

if TYPE_CHECKING:
    from oneiric_lab.trust import ListStanding, Revocations, Root


@click.command("publish")
@click.argument("file", type=FileType(), metavar="LIST")
@ROOT
@BEFORE
@click.option("--key", type=FileType(), metavar="FILE", help="The private key to sign with.")
@click.option(
    "--from", "copies", type=FileType(), metavar="FILE", multiple=True, help="Signed elsewhere."
)
@click.option("--to", "place", type=FileType(), metavar="FILE", help="The list that is in force.")
@AT
@click.pass_context
def command(
    ctx: click.Context,
    file: str,
    *,
    root: str,
    before: str | None,
    key: str | None,
    copies: tuple[str, ...],
    place: str | None,
    at: str | None,
) -> ListStanding:
    """Add a signature to LIST, by --key or from copies; with --to, put it in force.

    It is put in force only when the threshold of the role revocation has signed, and only behind
    the list that stands there: a higher number, and no key taken back.
    """
    from oneiric_lab.files import lock, write_atomic  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import (  # noqa: PLC0415 - see above
        Limits,
        Revocations,
        check_list_follows,
        countersign_list,
        gather,
    )

    if key is None and not copies and place is None:
        raise UsageError(
            Fault("usage", "nothing to do", fix="--key alice.pem, --from COPY.json, or --to FILE")
        )
    path, trusted, most = Path(file), read_root(root), Limits().revocation_bytes
    with lock(path.with_name(f".{path.name}.lock")):
        envelope, data = read_envelope(file, most=most)
        listed = Revocations.parse(envelope)
        known = list_before(file, listed, before)
        check_list_follows(listed, known, trusted)
        others = [read_envelope(copy, most=most)[0] for copy in copies]
        listed = Revocations.parse(gather(listed.envelope, others, [trusted]))
        if key is not None:
            listed = countersign_list(listed, trusted, known, signer_in(parts(ctx), key))
        if key is not None or copies:
            write_atomic(path, listed.envelope.encode(), expect=data.digest, shown=file)
    if place is None:
        return standing(file, root, before, at, "signed")
    found = standing(file, root, before, at, "published")
    found.require_complete()
    _put(listed.envelope.encode(), found.listed, trusted, place)
    return found


def _put(data: bytes, listed: Revocations, root: Root, place: str) -> None:
    """Replace the list that is in force by one that may stand behind it."""
    from oneiric_lab.files import lock, write_atomic  # noqa: PLC0415 - see above
    from oneiric_lab.trust import check_list_follows  # noqa: PLC0415 - see above

    path = Path(place)
    with lock(path.with_name(f".{path.name}.lock")):
        if path.exists():
            there = read_list(place)
            if there.sha256 != listed.sha256:
                check_list_follows(listed, there, root)
        write_atomic(path, data, mode=0o644, shown=place)
