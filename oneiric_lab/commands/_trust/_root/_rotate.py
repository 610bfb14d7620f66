"""`trust root rotate ROOT`: the next root of a chain."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._ground import AT, time_of
from oneiric_lab.commands._trust._files import below, beside, pairs, read_key, read_root, write_new
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from typing import Any

    from oneiric_lab.trust import RootDraft, RootStanding


@click.command("rotate")
@click.argument("root", type=FileType())
@click.option("--replace", metavar="NAME=KEY", multiple=True, help="This key for the old ones.")
@click.option("--add", metavar="NAME=KEY", multiple=True, help="A signer, or one key more.")
@click.option("--remove", metavar="NAME", multiple=True, help="A signer who leaves.")
@click.option("--grant", metavar="NAME=ROLES", multiple=True, help="Who acts in which roles.")
@click.option("--withdraw", metavar="NAME=ROLES", multiple=True, help="Who does so no more.")
@click.option("--scope", metavar="NAME=GLOBS", multiple=True, help="For which components.")
@click.option("--threshold", metavar="ROLE=N", multiple=True, help="How many are needed.")
@click.option("--new-epoch", is_flag=True, help="Number releases and lists anew: a recovery.")
@click.option("--days", type=click.IntRange(1, 36_500), metavar="N", help="How long it holds.")
@click.option("--from", "file", type=FileType(), metavar="FILE", help="A root.toml instead.")
@click.option("--out", type=FileType(), metavar="FILE", help="root.N.json beside ROOT.")
@AT
def command(root: str, **options: Any) -> RootStanding:
    """Make the root behind ROOT, with the changes; nobody has signed it then.

    Then the signers sign it, as many as ROOT needs and as many as the new one needs. Without a
    change it holds for as long again. `--from root.toml` takes what the file says instead.
    """
    from oneiric_lab.trust import RootDraft, RootStanding, check_signed  # noqa: PLC0415 - `--help`

    now = time_of(options["at"])
    before = read_root(root)
    # A step behind a root that nobody takes would be signed in vain.
    check_signed(before, before)
    if options["file"] is None:
        draft = _changed(RootDraft.of(before), options)
    else:
        draft = _written(options)
    epoch = before.epoch + (1 if options["new_epoch"] else 0)
    made = draft.root(issued_at=now, version=before.version + 1, epoch=epoch)
    target = options["out"] or beside(root, "root", made.version)
    standing = RootStanding(made, before, now, "made", target)
    _follows(standing)
    write_new(target, made.envelope.encode())
    return standing


_CHANGES = ("replace", "add", "remove", "grant", "withdraw", "scope", "threshold", "days")


def _written(options: dict[str, Any]) -> RootDraft:
    """Return what the file says that is given in place of options."""
    from oneiric_lab.files import read  # noqa: PLC0415 - see above
    from oneiric_lab.trust import RootDraft  # noqa: PLC0415 - see above

    given = [f"--{name}" for name in _CHANGES if options[name]]
    if given:
        fix = f"edit the file, or leave out {', '.join(given)}"
        raise UsageError(Fault("usage", "--from says all that there is to say", fix=fix))
    file = options["file"]
    path = Path(file)
    return RootDraft.parse(read(path, shown=file).data, read=below(path.parent), name=file)


def _changed(draft: RootDraft, options: dict[str, Any]) -> RootDraft:
    from dataclasses import replace  # noqa: PLC0415 - see above

    from oneiric_lab.trust import role_name  # noqa: PLC0415 - see above

    for name, file in pairs("--replace", options["replace"]):
        if name not in draft.signers:
            fix = f"--add {name}={file} for a new one"
            raise UsageError(Fault("usage", f"no signer is called {name!r}", fix=fix))
        draft = draft.with_keys(name, read_key(file))
    granted = pairs("--grant", options["grant"])
    for name, file in pairs("--add", options["add"]):
        if name not in draft.signers and name not in dict(granted):
            fix = f"--grant {name}=root,release"
            raise UsageError(Fault("usage", f"say in which roles {name} acts", fix=fix))
        draft = draft.with_keys(name, *draft.signers.get(name, ()), read_key(file))
    for name in options["remove"]:
        draft = draft.without(name)
    for name, roles in granted:
        for role in roles.split(","):
            draft = draft.granted(name, role_name(role))
    for name, roles in pairs("--withdraw", options["withdraw"]):
        for role in roles.split(","):
            draft = draft.withdrawn(name, role_name(role))
    for name, globs in pairs("--scope", options["scope"]):
        draft = draft.granted(name, "release", tuple(globs.split(",")))
    for role, number in pairs("--threshold", options["threshold"]):
        if not number.isascii() or not number.isdigit() or not 0 < int(number) < 10_000:  # noqa: PLR2004 - no root has so many
            raise UsageError(
                Fault("usage", f"{number!r} is no threshold", fix=f"--threshold {role}=2")
            )
        draft = draft.with_threshold(role_name(role), int(number))
    if options["days"] is not None:
        draft = replace(draft, lifetime=timedelta(days=options["days"]))
    return draft


def _follows(standing: RootStanding) -> None:
    """Refuse a root that could never follow the one before it."""
    from oneiric_lab.trust import check_follows  # noqa: PLC0415 - see above

    assert standing.before is not None  # noqa: S101 - it was made of one
    check_follows(standing.root, standing.before)
