"""`trust root init [FILE]`: the first root of a project."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, time_of
from oneiric_lab.commands._trust._files import below, beside, pairs, write_new
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from oneiric_lab.trust import RootStanding
    from oneiric_lab.views import Result


@click.command("init")
@click.argument("file", type=FileType(), default="root.toml")
@click.option("--project", metavar="NAME", help="Whose releases; shop in the template.")
@click.option(
    "--signer", "signers", metavar="NAME=KEY", multiple=True, help="A signer and the .pub file."
)
@click.option("--threshold", type=click.IntRange(1), metavar="N", help="Signers of every role.")
@click.option("--days", type=click.IntRange(1, 36_500), metavar="N", help="How long it holds; 365.")
@click.option("--out", type=FileType(), metavar="FILE", help="The root; root.1.json beside FILE.")
@AT
def command(
    file: str,
    *,
    project: str | None,
    signers: tuple[str, ...],
    threshold: int | None,
    days: int | None,
    out: str | None,
    at: str | None,
) -> Result:
    """Make root.1.json of FILE, which says who may sign what; nobody has signed it then.

    Where there is no FILE it is written, with what there is to decide as comments: with --signer
    it names your signers, and the root is made at once. Without, edit it and say the same again.
    """
    from oneiric_lab.trust import RootDraft, RootStanding, draft_text  # noqa: PLC0415 - `--help`

    path = Path(file)
    options = {"--project": project, "--signer": signers, "--threshold": threshold, "--days": days}
    if path.exists():
        given = [name for name, value in options.items() if value]
        if given:
            fix = f"edit {file}, or leave out {', '.join(given)}"
            raise UsageError(Fault("usage", f"{file} is there and says who may sign", fix=fix))
        return _made(file, out, at)
    named = dict(pairs("--signer", signers))
    if len(named) < len(signers):
        raise UsageError(
            Fault("usage", "a signer is named twice", fix=f"give more keys of one signer in {file}")
        )
    text = draft_text(
        project=project or "shop", signers=named or None, threshold=threshold, days=days or 365
    )
    if not named:
        from oneiric_lab.commands._trust._written import Written  # noqa: PLC0415 - see above

        write_new(file, text.encode())
        return Written(file, text, "name your signers in it, then say the same again")
    # Faults of what was typed are told before anything is written.
    draft = RootDraft.parse(text.encode(), read=below(path.parent), name=file)
    root = draft.root(issued_at=time_of(at))
    target = out or beside(file, "root", 1)
    write_new(target, root.envelope.encode())
    write_new(file, text.encode())
    return RootStanding(root, None, time_of(at), "made", target)


def _made(file: str, out: str | None, at: str | None) -> RootStanding:
    from oneiric_lab.files import read  # noqa: PLC0415 - see above
    from oneiric_lab.trust import RootDraft, RootStanding  # noqa: PLC0415 - see above

    path, now = Path(file), time_of(at)
    data = read(path, shown=file).data
    root = RootDraft.parse(data, read=below(path.parent), name=file).root(issued_at=now)
    target = out or beside(file, "root", 1)
    write_new(target, root.envelope.encode())
    return RootStanding(root, None, now, "made", target)
