"""The way back from a bad release: the entries of a former one, under a higher version."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.manifest import SUFFIX, diff, read_manifest
from oneiric_lab.trust import propose

from ._signed import Proposed
from ._signing import PROPOSAL, beside, follows_of, keep_new, manifest_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from oneiric_lab.manifest import Manifest
    from oneiric_lab.trust import Root

    from ._signing import Ground


def repropose_files(
    files: Sequence[str | Path],
    *,
    source: int,
    root: Root,
    ground: Ground,
    version: int | None = None,
    days: float | None = None,
    expires: bool = True,
    out: str | Path | None = None,
    write: bool = True,
) -> Proposed:
    """Propose the entries of a former release under a higher version: the way back.

    Args:
        files: Manifests of releases of one project and channel, the former and the last one.
        source: Version of the former release.
        root: Who may sign.
        ground: What is trusted here.
        version: Of the new release; one more than the highest that is known by default.
        days: How long it holds.
        expires: Whether it ends at all.
        out: The new manifest; `PROJECT-CHANNEL-VERSION.oneiric.json` beside the former one by
            default. The proposal is written beside it.
        write: Whether anything is written.

    Raises:
        UsageError: No file has that version, two have, or they are of several channels.
        UntrustedError: The release would never be verified.
        FileAccessError: One of the new files is there already.
    """
    found = [(Path(one), manifest_in(one)[1]) for one in files]
    former, last = _chosen(found, source)
    seen = ground.state.channels.get(former[1].channel)
    highest = max(last.version, 0 if seen is None else seen.statement.version)
    number = version or highest + 1
    data = replace(former[1], version=number).to_bytes()
    follows = follows_of(last, ground.state, root)
    proposal = propose(
        data,
        root=root,
        now=ground.now,
        days=days,
        expires=expires,
        previous=follows,
        policy=ground.policy,
        state=ground.state,
        revocations=ground.revocations,
        limits=ground.limits,
    )
    m = former[1]
    default = former[0].with_name(f"{m.project}-{m.channel}-{number}{SUFFIX}")
    target = Path(out) if out is not None else default
    new = read_manifest(data, name=str(target))
    changes = diff(last, new)
    if not write:
        return Proposed(proposal, changes)
    keep_new(target, data)
    where = beside(target, PROPOSAL)
    keep_new(where, proposal.encode())
    return Proposed(proposal, changes, str(target), str(where))


def _chosen(
    found: Sequence[tuple[Path, Manifest]], source: int
) -> tuple[tuple[Path, Manifest], Manifest]:
    lines = {manifest.source_name for _, manifest in found}
    if len(lines) > 1:
        raise UsageError(
            Fault(
                "usage",
                f"manifests of {' and '.join(sorted(lines))}: a way back is within one channel",
                fix="name the releases of one project and channel",
            )
        )
    former = [one for one in found if one[1].version == source]
    if len({manifest.digest for _, manifest in former}) != 1:
        known = ", ".join(sorted({str(manifest.version) for _, manifest in found}, key=int))
        many = "two different manifests are" if former else "no manifest is"
        raise UsageError(
            Fault(
                "usage",
                f"{many} of version {source}; at hand: {known or 'none'}",
                fix="name the file of the release that shall return, and that of the last one",
            )
        )
    return former[0], max((manifest for _, manifest in found), key=lambda one: one.version)
