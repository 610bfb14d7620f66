"""Documents of trust in files: where they lie, how much of them is read, and what they add up to.

A shell names files as seen from where it stands, a lab as seen from the workspace's folder;
what is read of them, and what is refused, is the same.
"""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.canonical import sha256_hex
from oneiric_lab.errors import CanonicalError, Fault, UsageError
from oneiric_lab.files import read
from oneiric_lab.trust import Envelope, Limits, Policy, Revocations, Root

if TYPE_CHECKING:
    from collections.abc import Callable

PIN = "sha256:"
"""How a root that is named by its digest begins."""

_LIMITS = Limits()


def inside(folder: Path, path: str | os.PathLike[str]) -> Path:
    """Return *path* as seen from *folder*."""
    return folder / Path(path).expanduser()


def named(folder: Path, path: str | os.PathLike[str]) -> str:
    """Return *path* as people are shown it: by its name in *folder*, where it lies in it.

    Example:
        >>> named(Path("/shop"), "/shop/out/a.json"), named(Path("/shop"), "/b.json")
        ('out/a.json', '/b.json')
    """
    file = Path(path)
    return file.relative_to(folder).as_posix() if file.is_relative_to(folder) else os.fspath(path)


def release_bytes(file: Path, limit: int, *, shown: str) -> bytes:
    """Return what of a manifest or a bundle is read.

    One byte more than is taken: the report says that it is too much, and of what.
    """
    return read(file, shown=shown, limit=limit + 1).data


def root_in(file: Path, *, shown: str, limits: Limits = _LIMITS) -> Root:
    """Return the root in *file*."""
    return Root.parse(Envelope.parse(read(file, shown=shown).data, limits=limits), limits=limits)


def revocations_in(file: Path, *, shown: str, limits: Limits = _LIMITS) -> Revocations:
    """Return the revocation list in *file*."""
    most = limits.revocation_bytes
    data = read(file, shown=shown, limit=2 * most).data
    envelope = Envelope.parse(data, limits=limits, payload_bytes=most)
    return Revocations.parse(envelope, limits=limits)


def policy_in(file: Path, *, shown: str) -> Policy:
    """Return the policy in *file*, a `trust.toml`."""
    return Policy.parse(read(file, shown=shown).data, name=shown)


def policy_with(
    policy: Policy, root: str | Root, find: Callable[[str], Root], *, said: str, name: str
) -> Policy:
    """Return *policy* with the root that is given beside it.

    Args:
        policy: What a `trust.toml` says.
        root: Itself, its file, or `sha256:DIGEST` of one that a bundle brings.
        find: Returns the root in a file.
        said: How the root was given, for messages: `--root`, or `root`.
        name: Of the policy, for messages.

    Raises:
        UsageError: The digest is none, or the policy pins another one.
    """
    if isinstance(root, Root):
        return policy.with_root(root)
    if not root.startswith(PIN):
        return policy.with_root(find(root))
    try:
        pin = sha256_hex(root.removeprefix(PIN))
    except CanonicalError as error:
        fix = "the digest of a root has 64 digits: trust root show root.1.json"
        raise UsageError(Fault("usage", f"{said}: {error.faults[0].message}", fix=fix)) from None
    if policy.pin not in {None, pin}:
        what = f"{said} says {pin[:16]}…, and {name} pins {str(policy.pin)[:16]}…"
        fix = "leave one of the two out, after finding out which is right"
        raise UsageError(Fault("usage", what, fix=fix))
    return replace(policy, pin=pin)
