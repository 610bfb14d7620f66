"""From a source to a release that may enter: fetched, verified, whole; nothing is changed yet."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final

import anyio
from anyio import to_thread

from oneiric_lab.errors import Fault, RemoteError, UntrustedError
from oneiric_lab.manifest import SUFFIX, read_candidates
from oneiric_lab.trust import Limits

from ._address import joined, shown
from ._kept import Good
from ._request import Buffer, Request

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from datetime import datetime

    from oneiric_lab.files import Objects
    from oneiric_lab.manifest import Legacy, Manifest
    from oneiric_lab.registry import Candidate
    from oneiric_lab.trust import Report

    from ._request import Credentials, Fetcher

_BUNDLE: Final = ".oneiric-bundle.json"
_TOGETHER: Final = 4
"""Artifacts of one source that are fetched at a time."""

_MIB = 1024 * 1024
_MEND: Final = "nothing was changed; whoever made this manifest must mend it"
_SHA256: Final = re.compile(r"[0-9a-f]{64}\Z")


@dataclass(frozen=True, slots=True)
class Source:
    """Where manifests come from.

    Attributes:
        name: What people call it.
        url: Of the manifest.
        bundle_url: Of its bundle; beside the manifest by default.
        channel: The only channel that is taken; None for any that the policy takes.
        interval: Seconds between two syncs.
        credentials: For the one origin that they name.
        manifest_limit: Most bytes of a manifest.
        artifact_limit: Most bytes of an artifact.
        total_limit: Most bytes of all artifacts of a release.
        upstream: Whether its manifests are of upstream's form, which have no bundle.
    """

    name: str
    url: str
    bundle_url: str | None = None
    channel: str | None = None
    interval: float = 300.0
    credentials: Credentials | None = field(default=None, repr=False)
    manifest_limit: int = 64 * _MIB
    artifact_limit: int = 256 * _MIB
    total_limit: int = 1024 * _MIB
    upstream: bool = False

    @property
    def bundle(self) -> str:
        """Where the bundle is.

        Raises:
            RemoteError: Nobody said so, and the manifest's name does not tell.
        """
        if self.bundle_url is not None:
            return self.bundle_url
        path, question, query = self.url.partition("?")
        if not path.endswith(SUFFIX):
            raise RemoteError(
                Fault(
                    "remote-bundle",
                    f"{shown(self.url)}: its bundle cannot be found by its name",
                    why="a manifest of upstream's form has none, and trust.toml takes no such",
                    fix=f"name it *{SUFFIX}, or say remote.sources.{self.name}.bundle_url; or "
                    "allow old signatures by a table [legacy] in trust.toml",
                )
            )
        return f"{path.removesuffix(SUFFIX)}{_BUNDLE}{question}{query}"


@dataclass(frozen=True, slots=True)
class Brought:
    """What a source has.

    Attributes:
        good: What is to be remembered when it has entered.
        report: By which it was verified; None where it is what was here already.
        manifest: What enters; None where it is what was here already.
        candidates: Its entries, as what may run here was when it was asked.
        fetched: Artifacts that came now.
    """

    good: Good
    report: Report | None = None
    manifest: Manifest | Legacy | None = None
    candidates: Sequence[Candidate] = ()
    fetched: int = 0


async def bring(
    source: Source,
    known: Good | None,
    *,
    fetcher: Fetcher,
    objects: Objects,
    verify: Callable[[bytes | None, bytes], Report],
    trusts: str,
    allowed: Sequence[str],
    now: datetime,
    holds: bool = False,
    dry_run: bool = False,
) -> Brought:
    """Return what *source* has, whole and verified; only objects are written.

    Args:
        source: Where to ask.
        known: What it had last.
        fetcher: Who asks.
        objects: Where bytes are kept.
        verify: Judges a bundle, which is None for upstream's form, and a manifest; called in
            a thread.
        trusts: Digest of the policy behind *verify*.
        allowed: Prefixes of modules that may run; see `manifest.candidates_of`.
        now: This moment.
        holds: Whether *known* is in force here; then an unchanged one is all there is to tell.
        dry_run: Whether nothing is written and no artifact fetched.

    Raises:
        FetchError: Something could not be fetched.
        UntrustedError: It was not verified.
        ManifestError: Its schema does not take it.
        RemoteError: It is not what this source is for.
        FileAccessError: The disk does not take it.
    """
    if known is not None and known.url != source.url:
        known = None
    limits = Limits()
    bundle = _Document("", None, b"", objects)
    if not source.upstream:
        bundle = await _document(
            source,
            source.bundle,
            limits.bundle_bytes,
            None if known is None else (known.bundle, known.bundle_etag),
            fetcher,
            objects,
            holds=holds,
        )
    manifest = await _document(
        source,
        source.url,
        min(source.manifest_limit, limits.manifest_bytes),
        None if known is None else (known.manifest, known.manifest_etag),
        fetcher,
        objects,
        holds=holds,
    )
    is_settled = holds and known is not None and known.trusts == trusts and known.is_fresh(now)
    same = known is not None and (bundle.sha256, manifest.sha256) == (known.bundle, known.manifest)
    if (
        known is not None
        and is_settled
        and same
        and await to_thread.run_sync(_whole, known, objects)
    ):
        return Brought(_seen(known, bundle.etag, manifest.etag, now))
    artifacts = Artifacts(source)
    report, found, candidates = await to_thread.run_sync(
        _judged, source, bundle, manifest, verify, allowed, artifacts
    )
    release = report.release
    wanted = artifacts.found()
    fetched = 0
    if not dry_run:
        fetched = await _artifacts(wanted, source, fetcher, objects)
        if not source.upstream:
            await to_thread.run_sync(bundle.keep)
        await to_thread.run_sync(manifest.keep)
    again = known is not None and known.manifest == manifest.sha256
    good = Good(
        source.url,
        manifest.sha256,
        bundle.sha256,
        manifest.etag,
        bundle.etag,
        trusts,
        release.as_dict(),
        tuple(sorted(wanted)),
        _fresh_until(report),
        known.fetched_at if known is not None and again else now,
        now,
    )
    return Brought(good, report, found, candidates, fetched)


def _judged(
    source: Source,
    bundle: _Document,
    manifest: _Document,
    verify: Callable[[bytes | None, bytes], Report],
    allowed: Sequence[str],
    artifacts: Artifacts,
) -> tuple[Report, Manifest | Legacy, list[Candidate]]:
    """Return what was found of a release, its manifest and its candidates."""
    report = verify(None if source.upstream else bundle.read(), manifest.read())
    release = report.release
    if source.channel is not None and release.channel != source.channel:
        raise UntrustedError(
            Fault(
                "remote-channel",
                f"expected channel {source.channel!r}, found {release.channel!r}",
                why=f"source {source.name} is for that channel",
                fix=f'remote.sources.{source.name}.channel = "{release.channel}", if you mean it',
            )
        )
    found, candidates = read_candidates(
        report.manifest,
        name=f"{source.name}: {release.title}",
        allowed=allowed,
        legacy=not release.version,
        take=artifacts.take,
    )
    return report, found, candidates


@dataclass(frozen=True, slots=True)
class _Document:
    """Bytes that came, or that are here already."""

    sha256: str
    etag: str | None
    data: bytes | None
    objects: Objects

    def read(self) -> bytes:
        if self.data is not None:
            return self.data
        path = self.objects.find(self.sha256)
        if path is None:
            fix = "nothing was changed; sync again, and it is fetched anew"
            what = f"object {self.sha256[:16]}… was damaged, and is gone"
            raise RemoteError(Fault("remote-object", what, fix=fix))
        return path.read_bytes()

    def keep(self) -> None:
        """Put it among the objects."""
        if self.data is not None:
            self.objects.put(self.data, self.sha256)


async def _document(
    source: Source,
    url: str,
    limit: int,
    known: tuple[str, str | None] | None,
    fetcher: Fetcher,
    objects: Objects,
    *,
    holds: bool,
) -> _Document:
    """Fetch one document unless it is what is *known*, and is still here."""
    etag = None
    # What is in force here is not read again; what is not must be whole to be of use.
    if known is not None and (
        objects.path(known[0]).exists()
        if holds
        else await to_thread.run_sync(objects.find, known[0]) is not None
    ):
        etag = known[1]
    sink = Buffer()
    found = await fetcher.fetch(Request(url, limit, etag, source.credentials), sink)
    if found.unchanged and known is not None:
        return _Document(known[0], found.etag, None, objects)
    data = sink.data
    return _Document(hashlib.sha256(data).hexdigest(), found.etag, data, objects)


class Artifacts:
    """The artifacts that a manifest names, gathered while its entries are read.

    Upstream's form says no sizes, and need not say a digest: what has none is not taken.

    Args:
        source: Where the manifest is from; addresses are relative to it.
    """

    def __init__(self, source: Source) -> None:
        self._source = source
        self._found: dict[str, tuple[str, int | None]] = {}
        self._wrong: RemoteError | None = None

    def take(self, _head: object, first: int, entries: Iterable[Mapping[str, Any]]) -> None:
        """Note what a run of entries names; see `manifest.read_manifest`."""
        if not first:
            self._found, self._wrong = {}, None
        try:
            for entry in entries:
                if "artifact" in entry:
                    self._note(entry)
        except RemoteError as error:
            # Told when all is read: what is wrong with an entry itself comes first.
            self._wrong = self._wrong or error

    def _note(self, entry: Mapping[str, Any]) -> None:
        one, source = entry["artifact"], self._source
        if not {"uri", "sha256"} <= one.keys() or not _SHA256.match(one["sha256"]):
            what = f"{entry['domain']}:{entry['key']} names an artifact without its sha256"
            raise RemoteError(Fault("remote-artifact", what, fix=_MEND))
        size, where = one.get("size"), joined(source.url, one["uri"])
        if size is not None and size > source.artifact_limit:
            raise _too_much(f"{shown(where)} has {size:,} bytes", source.artifact_limit, "artifact")
        if self._found.setdefault(one["sha256"], (where, size))[1] != size:
            what = f"{shown(where)}: two entries say different sizes of one artifact"
            raise RemoteError(Fault("remote-artifact", what, fix=_MEND))

    def found(self) -> dict[str, tuple[str, int | None]]:
        """Return digest to where it is and its size.

        Raises:
            RemoteError: They are too much, contradict each other, or have no digest.
        """
        if self._wrong is not None:
            raise self._wrong
        total, most = sum(size or 0 for _, size in self._found.values()), self._source.total_limit
        if total > most:
            raise _too_much(f"all artifacts have {total:,} bytes", most, "cache")
        return self._found


def _too_much(what: str, limit: int, name: str) -> RemoteError:
    fix = f"offer less, or raise remote.max_{name}_bytes"
    return RemoteError(Fault("remote-too-large", f"{what}; at most {limit:,} are taken", fix=fix))


async def _artifacts(
    wanted: dict[str, tuple[str, int | None]], source: Source, fetcher: Fetcher, objects: Objects
) -> int:
    """Fetch what is not here yet, a few at a time; return how many that were."""
    missing = [name for name in wanted if await to_thread.run_sync(objects.find, name) is None]
    failed: list[Exception] = []
    turns = anyio.CapacityLimiter(_TOGETHER)
    left = source.total_limit
    async with anyio.create_task_group() as group:

        async def one(sha256: str) -> None:
            nonlocal left
            url, size = wanted[sha256]
            try:
                async with turns:
                    limit = min(left, source.artifact_limit) if size is None else size
                    with objects.writer(sha256, size) as writer:
                        await fetcher.fetch(
                            Request(url, limit, credentials=source.credentials), writer
                        )
                        left -= writer.size
                        _bounded(left, source)
                        await to_thread.run_sync(writer.commit)
            except Exception as error:  # noqa: BLE001 - the first one is raised below, as it is
                failed.append(error)
                group.cancel_scope.cancel()

        for name in missing:
            group.start_soon(one, name)
    if failed:
        raise failed[0]
    return len(missing)


def _bounded(left: int, source: Source) -> None:
    """Refuse what came beside others, each within what was left when it was asked for."""
    if left < 0:
        what = f"{source.total_limit - left:,} bytes came"
        raise _too_much(what, source.total_limit, "cache")


def _fresh_until(report: Report) -> datetime | None:
    """Return when the first of all that a verified release rests on expires."""
    gained = report.gained
    ends = [report.release.expires_at]
    if gained.root is not None:
        ends.append(gained.root.validity.expires_at)
    if gained.revocations is not None:
        ends.append(gained.revocations.validity.expires_at)
    return min((end for end in ends if end is not None), default=None)


def _whole(known: Good, objects: Objects) -> bool:
    """Tell whether no artifact of it was lost meanwhile."""
    return all(objects.path(one).exists() for one in known.artifacts)


def _seen(known: Good, bundle_etag: str | None, etag: str | None, now: datetime) -> Good:
    return replace(known, bundle_etag=bundle_etag, manifest_etag=etag, checked_at=now)
