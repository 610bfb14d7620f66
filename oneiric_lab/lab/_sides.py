"""The sides of a comparison: now, other profiles, another revision, a lock file, a manifest."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.config import load
from oneiric_lab.errors import Fault, UsageError
from oneiric_lab.files import near

from ._locking import read_lock

if TYPE_CHECKING:
    import os
    from collections.abc import Sequence
    from contextlib import ExitStack

    from oneiric_lab.config import Snapshot
    from oneiric_lab.manifest import Manifest, ManifestDiff
    from oneiric_lab.registry import Registry

# What no revision holds stays as it is now.
_UNVERSIONED = ("oneiric.local.toml", ".env", "secrets")
_GIT_SECONDS = 60
_BUNDLE = ".oneiric-bundle.json"


def side(now: Snapshot, name: str, held: ExitStack) -> Snapshot:
    """Return the configuration that *name* stands for.

    Args:
        now: The configuration in force.
        name: `now`, `profile:prod`, `profile:prod+eu`, `git:HEAD~3` or `file:x.lock.json`.
        held: Closes what the answer needs while its origins are asked.

    Raises:
        UsageError: It is none of these, or git does not know the revision.
        InvalidConfigError: That configuration has faults.
    """
    kind, _, rest = name.partition(":")
    if name == "now":
        return now
    if kind == "profile" and rest:
        names = tuple(part for part in rest.split("+") if part)
        return load(replace(now.inputs, profiles=names), previous=now)
    if kind == "git" and rest:
        from tempfile import TemporaryDirectory  # noqa: PLC0415 - only a revision of git pays

        folder = Path(held.enter_context(TemporaryDirectory(prefix="oneiric-git-")))
        _check_out(now.inputs.root, rest, folder)
        return load(replace(now.inputs, root=folder))
    if kind == "file" and rest:
        return read_lock(now.inputs.root / rest, now.inputs).snapshot
    raise UsageError(
        Fault(
            "bad-side",
            f"{name!r} is no configuration",
            fix="now, profile:prod, profile:a+b, git:HEAD~3 or file:oneiric.lock.json",
        )
    )


def is_manifest(name: object) -> bool:
    """Return whether a side is a manifest: one that was read, or a path that ends as one does."""
    if not isinstance(name, str):
        return True
    return ":" not in name and name.endswith((".toml", ".yaml", ".yml", ".json"))


def manifest_diff(
    left: str | os.PathLike[str] | Manifest,
    right: str | os.PathLike[str] | Manifest,
    root: Path,
    registry: Registry,
    allowed: Sequence[str],
) -> ManifestDiff:
    """Return what differs between two manifests, and what that comes to in a workspace.

    Args:
        left: A path as seen from *root*, one that was read, or `now`.
        right: Such another.
        root: Folder of the workspace.
        registry: What it has.
        allowed: See `manifest.candidates_of`.

    Raises:
        UsageError: One of them is a configuration, and not `now`.
    """
    from oneiric_lab.manifest import (  # noqa: PLC0415 - a workspace may have no manifest
        Manifest,
        diff,
        held,
        open_side,
    )

    sides = [left, right]
    for name in sides:
        if not is_manifest(name) and name != "now":
            raise UsageError(
                Fault(
                    "bad-side",
                    f"{name!r} is a configuration, and the other side is a manifest",
                    fix="compare two manifests, or one with now, which is what the workspace has",
                )
            )
    read = [
        side
        if isinstance(side, Manifest)
        else None
        if side == "now"
        else open_side(near(_manifest_of(root / Path(side).expanduser())))
        for side in sides
    ]
    known = next(manifest for manifest in read if manifest is not None)
    a, b = (held(registry, known) if side is None else side for side in read)
    return diff(a, b, registry=registry, allowed=allowed)


def _manifest_of(path: Path) -> Path:
    """Return the manifest of a release that is named by its bundle; nothing is verified."""
    stem = path.name.removesuffix(_BUNDLE)
    return path if stem == path.name else path.with_name(stem + ".oneiric.json")


def _check_out(root: Path, revision: str, target: Path) -> None:
    """Write the workspace as *revision* has it to *target*."""
    # Only a revision of git pays: these take a twentieth of what a shell's question takes.
    import io  # noqa: PLC0415
    import shutil  # noqa: PLC0415
    import subprocess  # noqa: PLC0415
    import tarfile  # noqa: PLC0415

    if revision.startswith("-"):
        raise UsageError(Fault("bad-revision", f"{revision!r} is no revision", fix="git:HEAD~1"))
    try:
        archive = subprocess.run(  # noqa: S603 - no shell, and an option is refused above
            ["git", "-C", str(root), "archive", "--format=tar", revision, "."],  # noqa: S607 - the user's own git
            capture_output=True,
            check=True,
            timeout=_GIT_SECONDS,
        ).stdout
    except FileNotFoundError:
        raise UsageError(
            Fault("no-git", "git is not installed", fix="apt-get install git")
        ) from None
    except subprocess.CalledProcessError as error:
        said = error.stderr.decode("utf-8", "replace").strip().splitlines()
        raise UsageError(
            Fault(
                "bad-revision",
                f"git cannot give {revision}: {said[-1] if said else 'no reason given'}",
                fix="name a commit, tag or branch that holds this folder: git log --oneline",
            )
        ) from None
    with tarfile.open(fileobj=io.BytesIO(archive)) as tar:
        tar.extractall(target, filter="data")
    for name in _UNVERSIONED:
        source = root / name
        if source.exists() and not (target / name).exists():
            copy = shutil.copytree if source.is_dir() else shutil.copy2
            copy(source, target / name)
