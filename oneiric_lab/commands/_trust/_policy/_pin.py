"""`trust policy pin ROOT`: which root is trusted here."""

from __future__ import annotations

from pathlib import Path

import click

from oneiric_lab.commands._trust._files import read_root
from oneiric_lab.commands._trust._written import Written
from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import Fault, UsageError

from ._place import POLICY, policy_file


@click.command("pin")
@click.argument("root", type=FileType())
@POLICY
@click.option("--replace", is_flag=True, help="In place of another root that is pinned.")
@click.pass_context
def command(ctx: click.Context, root: str, *, policy: str | None, replace: bool) -> Written:
    """Write the digest of ROOT into the policy, which is made where there is none.

    Pinned is what you trust: have a signer read the digest aloud first, which `trust root show`
    prints. A root that its own threshold has not signed, or that the policy would loosen, is not
    pinned. The next roots need no pin: they follow from this one.
    """
    from oneiric_lab.files import ABSENT, read, write_atomic  # noqa: PLC0415 - `--help`
    from oneiric_lab.trust import Policy, check_signed, edit_policy  # noqa: PLC0415 - see above

    name = policy_file(ctx, policy)
    path, trusted = Path(name), read_root(root)
    check_signed(trusted, trusted)
    text, expect = "", ABSENT
    if path.exists():
        data = read(path, shown=name)
        text, expect = data.data.decode("utf-8", "replace"), data.digest
    known = Policy.parse(text, name=name)
    if known.pin not in {None, trusted.sha256} and not replace:
        raise UsageError(
            Fault(
                "usage",
                f"{name} pins another root, {str(known.pin)[:16]}…",
                why="a newer root of the same chain needs no pin of its own",
                fix="--replace, when a signer has told you the new digest",
            )
        )
    new = edit_policy(text, {("root",): f"sha256:{trusted.sha256}"}, name=name, root=trusted)
    write_atomic(path, new.encode(), expect=expect, mode=0o644, shown=name)
    return Written(name, new, "compare the digest with a signer, on another way than the root came")
