"""The ceremony by files: each step reads those of the one before, and writes its own.

All files of a release have one name, and lie beside each other:

    shop.oneiric.json                    the manifest, by `manifest pack`
    shop.oneiric-proposal.json           by who proposes
    shop.alice.oneiric-response.json     by each signer, on a machine of his own
    shop.oneiric-envelope.json           by who puts them together, as far as they have come
    shop.oneiric-bundle.json             what is published beside the manifest

No step writes over another file: what is there already is the same to the byte, or the step is
refused. Only the envelope grows, and only while nobody else has written to it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, FileAccessError, Origin, UntrustedError, UsageError
from oneiric_lab.files import ABSENT, digest, read, write_atomic
from oneiric_lab.manifest import SUFFIX, Manifest, diff, read_manifest
from oneiric_lab.trust import (
    Envelope,
    Limits,
    Policy,
    Previous,
    Proposal,
    State,
    ageing_root,
    assemble,
    check_proposal,
    cosign,
    make_bundle,
    propose,
    sign_release,
    verify,
)

from ._acknowledged import READ
from ._signed import Bundled, Proposed, Signed

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from oneiric_lab.registry import Registry
    from oneiric_lab.trust import Assembly, Revocations, Root, Signer

PROPOSAL, RESPONSE = ".oneiric-proposal.json", ".oneiric-response.json"
ENVELOPE, BUNDLE = ".oneiric-envelope.json", ".oneiric-bundle.json"
_RESPONSE_BYTES = 64 * 1024  # one has 280, with P-256 a few more
_SUFFIXES = (SUFFIX, READ, PROPOSAL, RESPONSE, ENVELOPE, BUNDLE)


@dataclass(frozen=True, slots=True)
class Ground:
    """What is known and trusted where a step is done.

    Attributes:
        now: The time.
        policy: What is trusted; None for the root that a proposal brings.
        state: What was trusted last.
        revocations: The newest list, where there is one at hand.
        limits: How much is read at most.
    """

    now: datetime
    policy: Policy | None = None
    state: State = State()  # noqa: RUF009 - it is immutable
    revocations: Revocations | None = None
    limits: Limits = Limits()  # noqa: RUF009 - it is immutable


def beside(path: str | Path, suffix: str) -> Path:
    """Return the file of the same release as *path* with another *suffix*.

    Example:
        >>> beside("out/shop.oneiric.json", PROPOSAL).as_posix()
        'out/shop.oneiric-proposal.json'
    """
    file = Path(path)
    known = next((end for end in _SUFFIXES if file.name.endswith(end)), file.suffix)
    return file.with_name(f"{file.name[: len(file.name) - len(known)]}{suffix}")


def propose_file(
    file: str | Path,
    *,
    root: Root,
    ground: Ground,
    days: float | None = None,
    expires: bool = True,
    not_before: datetime | None = None,
    previous: str | Path | None = None,
    out: str | Path | None = None,
    write: bool = True,
    registry: Registry | None = None,
    allowed: Sequence[str] = (),
) -> Proposed:
    """Propose the manifest in *file*, and write the proposal beside it.

    Args:
        file: A `*.oneiric.json`.
        root: Who may sign.
        ground: What is trusted here.
        days: How long it holds; as long as the root allows by default.
        expires: Whether it ends at all.
        not_before: From when it holds.
        previous: The manifest of the release before, to see what changes; where the state knows
            that release, it must be this one.
        out: Where to; beside the manifest by default.
        write: Whether anything is written.
        registry: Of a workspace, to see what would become of it as well.
        allowed: Prefixes of modules that may run there.

    Raises:
        ManifestError: The manifest is not what its schema demands.
        UntrustedError: The release would never be verified.
        FileAccessError: The proposal is there already, with other times or another manifest.
    """
    data, manifest = manifest_in(file)
    before = None if previous is None else manifest_in(previous)[1]
    follows = None if before is None else follows_of(before, ground.state, root)
    proposal = propose(
        data,
        root=root,
        now=ground.now,
        days=days,
        expires=expires,
        not_before=not_before,
        previous=follows,
        policy=ground.policy,
        state=ground.state,
        revocations=ground.revocations,
        limits=ground.limits,
    )
    changes = None
    if before is not None:
        changes = diff(before, manifest, registry=registry, allowed=allowed)
    target = Path(out) if out is not None else beside(file, PROPOSAL)
    old = ageing_root(root, ground.now)
    done = Proposed(proposal, changes, warnings=() if old is None else (old,))
    if not write:
        return done
    keep_new(target, proposal.encode())
    return replace(done, file=str(target))


def cosign_file(
    file: str | Path,
    signer: Signer | None,
    *,
    ground: Ground,
    manifest: str | Path | None = None,
    previous: str | Path | None = None,
    out: str | Path | None = None,
) -> Signed:
    """Answer the proposal in *file* with one response file.

    Args:
        file: A `*.oneiric-proposal.json`.
        signer: Who signs; None only checks and shows.
        ground: What this signer trusts.
        manifest: The file that this signer has read; beside the proposal by default.
        previous: The manifest that this signer trusted last, to see what changes.
        out: Where to; beside the proposal, with the signer's name, by default.

    Raises:
        UntrustedError: The release would never be verified, or *previous* is another one than
            the proposal follows.
        UnknownKeyError: The root names nobody with this key.
        StaleError: The proposal has expired.
        FileAccessError: The response is there already, and another one.
    """
    proposal = read_proposal(file)
    data, held = manifest_in(manifest or beside(file, SUFFIX))
    changes = None
    if previous is not None:
        before = manifest_in(previous)[1]
        _same_past(proposal, before)
        changes = diff(before, held)
    compared = ground.policy is not None or ground.state.root is not None
    around = {
        "now": ground.now,
        "policy": ground.policy,
        "state": ground.state,
        "revocations": ground.revocations,
        "limits": ground.limits,
    }
    if signer is None:
        check_proposal(proposal, data, **around)  # type: ignore[arg-type] # names and values of both
        return Signed(proposal, None, changes, compared)
    done = cosign(proposal, data, signer, **around)  # type: ignore[arg-type] # see above
    target = Path(out) if out is not None else beside(file, f".{done.signer}{RESPONSE}")
    keep_new(target, done.response.encode())
    return Signed(proposal, replace(done, file=str(target)), changes, compared)


def assemble_files(
    file: str | Path,
    responses: Iterable[str | Path],
    *,
    ground: Ground,
    manifest: str | Path | None = None,
    out: str | Path | None = None,
    write: bool = True,
) -> Assembly:
    """Put *responses* to the proposal in *file* together, with those of former days.

    Args:
        file: A `*.oneiric-proposal.json`.
        responses: Files; each is judged by itself.
        ground: What is trusted here.
        manifest: Beside the proposal by default.
        out: The envelope; beside the proposal by default. One that is there already is gone on
            with.
        write: Whether anything is written.

    Raises:
        UntrustedError: The release would never be verified, or the envelope that is there is of
            another proposal.
        StaleError: The proposal has expired: every response is too late.
        FileAccessError: Somebody else wrote to the envelope meanwhile.
    """
    proposal = read_proposal(file)
    data, _ = manifest_in(manifest or beside(file, SUFFIX))
    target = Path(out) if out is not None else beside(file, ENVELOPE)
    before, expect = None, ABSENT
    if target.exists():
        found = read(target, shown=str(target)).data
        before, expect = Envelope.parse(found, limits=ground.limits), digest(found)
    named = {str(one): _response(Path(one)) for one in responses}
    done = assemble(
        proposal,
        data,
        named,
        now=ground.now,
        envelope=before,
        policy=ground.policy,
        state=ground.state,
        revocations=ground.revocations,
        limits=ground.limits,
    )
    if not write or not done.envelope.signatures:
        return done
    if done.envelope != before:
        write_atomic(target, done.envelope.encode(), expect=expect, shown=str(target))
    return replace(done, file=str(target))


def sign_file(
    file: str | Path,
    signer: Signer,
    *,
    root: Root,
    ground: Ground,
    days: float | None = None,
    expires: bool = True,
    not_before: datetime | None = None,
    previous: str | Path | None = None,
    out: str | Path | None = None,
) -> Assembly:
    """Sign the manifest in *file*, where one signer is enough; see `propose_file`.

    Raises:
        ThresholdError: The root asks for more signers; nothing was signed.
    """
    data, _ = manifest_in(file)
    before = None if previous is None else manifest_in(previous)[1]
    done = sign_release(
        data,
        signer,
        root=root,
        now=ground.now,
        days=days,
        expires=expires,
        not_before=not_before,
        previous=None if before is None else follows_of(before, ground.state, root),
        policy=ground.policy,
        state=ground.state,
        revocations=ground.revocations,
        limits=ground.limits,
    )
    target = Path(out) if out is not None else beside(file, ENVELOPE)
    keep_new(target, done.envelope.encode())
    return replace(done, file=str(target))


def bundle_file(
    file: str | Path,
    *,
    roots: Sequence[Root],
    ground: Ground,
    manifest: str | Path | None = None,
    out: str | Path | None = None,
    write: bool = True,
    strict: bool = True,
) -> Bundled:
    """Make the bundle of the envelope in *file*; only one that holds is written.

    It is verified as by a client that knows nothing but the first root.

    Args:
        file: A `*.oneiric-envelope.json`.
        roots: The chain, oldest first.
        ground: The time, and the newest revocation list.
        manifest: Beside the envelope by default.
        out: Beside the envelope by default.
        write: Whether anything is written.
        strict: Whether one that does not hold is refused, and not returned with its report.

    Raises:
        UsageError: No root was given.
        UntrustedError: It would not be verified; every reason is told.
        FileAccessError: The bundle is there already, and another one.
    """
    if not roots:
        raise UsageError(
            Fault("usage", "a bundle needs the chain of roots", fix="--root root.1.json")
        )
    envelope = Envelope.parse(read(Path(file), shown=str(file)).data, limits=ground.limits)
    data, _ = manifest_in(manifest or beside(file, SUFFIX))
    chain = sorted(roots, key=lambda root: root.version)
    bundle = make_bundle(envelope, roots=chain, revocations=ground.revocations)
    report = verify(
        bundle,
        data,
        policy=Policy.pinned(chain[0]),
        state=State(),
        now=ground.now,
        limits=ground.limits,
    )
    if strict or write:
        report.raise_for_failure()
    target = Path(out) if out is not None else beside(file, BUNDLE)
    if not write:
        return Bundled(bundle, report, chain[0].sha256)
    keep_new(target, bundle.encode())
    return Bundled(bundle, report, chain[0].sha256, str(target))


def read_proposal(file: str | Path) -> Proposal:
    """Return the proposal in *file*.

    Raises:
        FileAccessError: It cannot be read.
        DocumentRefusedError: It is none.
    """
    return Proposal.parse(read(Path(file), shown=str(file)).data)


def keep_new(path: Path, data: bytes) -> None:
    """Write *data* to a new file *path*; the same bytes may be there already.

    Raises:
        FileAccessError: Something else is there, or it cannot be written.
    """
    try:
        write_atomic(path, data, expect=ABSENT, shown=str(path))
    except FileAccessError as error:
        if error.code != "file-exists":
            raise
        if read(path, shown=str(path)).data != data:
            raise FileAccessError(
                Fault(
                    "file-exists",
                    f"{path} is there already, and holds something else",
                    Origin("", file=str(path)),
                    fix="move it away, or write beside it: --out FILE",
                )
            ) from None


def _response(path: Path) -> bytes:
    """Return what stands in a response file, as much of it as it takes to refuse it."""
    try:
        return read(path, shown=str(path), limit=_RESPONSE_BYTES).data
    except FileAccessError as error:
        if error.code != "file-too-large":
            raise
        # It is refused as what it is, and keeps nobody else's response out.
        return b" " * _RESPONSE_BYTES


def manifest_in(file: str | Path) -> tuple[bytes, Manifest]:
    """Return the manifest in *file*, and its bytes."""
    data = read(Path(file), shown=str(file), limit=Limits().manifest_bytes).data
    return data, read_manifest(data, name=str(file))


def follows_of(before: Manifest, state: State, root: Root) -> Previous:
    """Return the release *before* as what the next one follows."""
    sha256 = before.digest.removeprefix("sha256:")
    seen = state.channels.get(before.channel)
    if (
        seen is not None
        and (seen.statement.epoch, seen.statement.version) == (root.epoch, before.version)
        and seen.statement.sha256 != sha256
    ):
        raise UntrustedError(
            Fault(
                "equivocation",
                f"{before.name} is not the release {before.version} that was trusted here",
                fix="give the manifest that was verified, or find out who has the other one",
            )
        )
    return Previous(before.version, sha256)


def _same_past(proposal: Proposal, before: Manifest) -> None:
    """Refuse a proposal that follows another release than this signer has."""
    follows = proposal.statement.previous
    if follows is not None and before.digest == f"sha256:{follows.sha256}":
        return
    said = (
        "none" if follows is None else f"release {follows.version}, sha256:{follows.sha256[:16]}…"
    )
    raise UntrustedError(
        Fault(
            "previous",
            f"{before.name} is release {before.version}, {before.digest[:23]}…; "
            f"the proposal follows {said}",
            fix="compare the releases before with the proposer, or leave --previous out",
        )
    )
