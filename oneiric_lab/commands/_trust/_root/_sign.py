"""`trust root sign ROOT`: one signature more, on whichever machine and day."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, signer_in
from oneiric_lab.commands._root import parts
from oneiric_lab.commands._trust._files import before_of, read_envelope, read_root
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError

from ._show import standing

if TYPE_CHECKING:
    from oneiric_lab.trust import Root, RootStanding


@click.command("sign")
@click.argument("root", type=FileType())
@click.option("--key", type=FileType(), metavar="FILE", help="The private key to sign with.")
@click.option("--before", type=FileType(), metavar="FILE", help="The root before it.")
@click.option(
    "--from", "copies", type=FileType(), metavar="FILE", multiple=True, help="Signed elsewhere."
)
@AT
@click.pass_context
def command(
    ctx: click.Context,
    root: str,
    *,
    key: str | None,
    before: str | None,
    copies: tuple[str, ...],
    at: str | None,
) -> RootStanding:
    """Add a signature to ROOT, by --key, or the good ones of copies, by --from.

    The root before it must be there (root.N.json beside it, or --before): its threshold signs
    too, and what the new one loosens is shown. Each signer looks at `trust root show` first.
    """
    from oneiric_lab.files import lock, write_atomic  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import Root, countersign, gather  # noqa: PLC0415 - see above

    if key is None and not copies:
        raise UsageError(
            Fault("usage", "nothing to sign with", fix="--key alice.pem, or --from COPY.json")
        )
    path = Path(root)
    with lock(path.with_name(f".{path.name}.lock")):
        envelope, data = read_envelope(root)
        made = Root.parse(envelope)
        known = _before(root, made, before)
        authorities = [made] if known is None else [known, made]
        others = [read_envelope(copy)[0] for copy in copies]
        made = Root.parse(gather(made.envelope, others, authorities))
        if key is not None:
            made = countersign(made, known, signer_in(parts(ctx), key))
        write_atomic(path, made.envelope.encode(), expect=data.digest, shown=root)
    return standing(root, before=before, at=at, done="signed")


def _before(name: str, root: Root, given: str | None) -> Root | None:
    former = before_of(name, "root", root.version, given)
    if former is None and root.version > 1:
        raise UsageError(
            Fault(
                "usage",
                f"root {root.version} is signed by the threshold of root {root.version - 1} too, "
                "and that one is not here",
                fix=f"put root.{root.version - 1}.json beside it, or give it by --before",
            )
        )
    return None if former is None else read_root(former)
