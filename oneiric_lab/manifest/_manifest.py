"""A manifest of schema 3 as it was read: its facts, its entries, its digest."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from oneiric_lab.canonical import Items, decode, decode_items, encode, without_collector
from oneiric_lab.config import Parsed
from oneiric_lab.errors import Fault, ManifestError, Origin
from oneiric_lab.files import digest
from oneiric_lab.views import Cell, Fields, Result, Table, View

from ._places import Places
from ._validate import IDENTITY, Judge, tree_faults

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from ._schema import ManifestEntry

    Take = Callable[[Mapping[str, Any], int, Sequence[Any]], object]
    """Is shown a document without its entries, the number of an entry, a run from it on."""

SUFFIX = ".oneiric.json"
"""How the name of a packed manifest ends."""

Identity = tuple[str, str, str, str]
"""Domain, key, provider and version: no two entries of a manifest have the same."""


identity_of: Callable[[Mapping[str, Any]], Identity] = IDENTITY
"""What tells an entry from all others."""


@dataclass(frozen=True, slots=True, repr=False, eq=False)
class Manifest(Result):
    """A manifest that its schema takes.

    Attributes:
        project: Whose components they are.
        channel: The line of releases.
        version: A number that only grows.
        entries: Plain dictionaries, in the order of the document; they are not to be changed.
            Those of a manifest that was read with *take* are made anew whenever they are
            asked for, equal and not the same.
        digest: `sha256:` and the digest of the canonical form.
        size: How many bytes that has.
        extra: What stands beside, under names that begin with `x-`.
        name: The file, as people are shown it.
        places: Where its parts stand, when it was built of what people wrote.
    """

    project: str
    channel: str
    version: int
    entries: Sequence[ManifestEntry]
    digest: str
    size: int
    extra: Mapping[str, Any] = field(default_factory=dict)
    name: str = ""
    places: Places | None = None

    @property
    def source_name(self) -> str:
        """What its candidates are known by, such as `shop/stable`: it stays over all versions."""
        return f"{self.project}/{self.channel}"

    def by_identity(self) -> dict[Identity, ManifestEntry]:
        """Return the entries by what tells them apart."""
        return {identity_of(entry): entry for entry in self.entries}

    def document(self) -> dict[str, Any]:
        """Return the document; its entries are those of the manifest, not copies."""
        return {**self.head(), "entries": list(self.entries)}

    def head(self) -> dict[str, Any]:
        """Return the document with its entries left out."""
        return {
            "schema": 3,
            "project": self.project,
            "channel": self.channel,
            "version": self.version,
            "entries": [],
            **self.extra,
        }

    def to_bytes(self) -> bytes:
        """Return the canonical form, which is what stands on disk and is signed."""
        return encode(self.document())

    def as_dict(self) -> dict[str, object]:
        """Return the document itself."""
        return self.document()

    def view(self) -> View:
        """Return its facts, and one row for each entry."""
        rows = tuple(
            (
                f"{e['domain']}:{e['key']}",
                e["provider"],
                e["version"],
                str(e.get("priority", "-")),
                " ".join(c["name"] for c in e.get("capabilities", ())),
                Cell(e["artifact"]["uri"]) if "artifact" in e else Cell("-", "muted"),
            )
            for e in self.entries
        )
        heads = ("component", "provider", "version", "priority", "capabilities", "artifact")
        facts = Fields((("digest", self.digest), ("bytes", f"{self.size:,}")))
        title = f"manifest {self.source_name} {self.version}: {many(len(rows))}"
        return View("manifest", title, (facts, Table(heads, rows)))


def many(number: int, one: str = "entry", more: str = "entries") -> str:
    """Return how many there are, in words."""
    return f"1 {one}" if number == 1 else f"{number:,} {more}"


def read_manifest(data: bytes, *, name: str = "", take: Take | None = None) -> Manifest:
    """Return the manifest in *data*, the bytes of a `*.oneiric.json`.

    Takes about 0.15 s for 10,000 full entries, a third of it for the gate. Entries are judged
    by runs, so that those of one are gone before those of the next are made, and only the
    document itself is kept where *take* is given.

    Args:
        data: The canonical form; no other bytes are taken.
        name: The file, as people are shown it.
        take: Is shown the document without its entries, which has no fault, and these while
            they are there: the number of one, and a run from it on. 0 begins anew, and what
            it was shown before was in vain, as all is where this raises. `Manifest.entries`
            are made anew then whenever they are asked for.

    Raises:
        CanonicalError: The bytes are no canonical form.
        ManifestError: Its schema does not take it; with every fault and its place.
    """
    judge = Judge()
    kept: list[ManifestEntry] = []

    def keep(_head: Mapping[str, Any], first: int, entries: Sequence[ManifestEntry]) -> None:
        del kept[first:]
        kept.extend(entries)

    take = take or keep

    def run(head: dict[str, Any], first: int, entries: list[Any]) -> None:
        if (not first and tree_faults(head)) or not judge.takes(first, entries):
            raise _UnsoundError
        take(head, first, entries)

    with without_collector():
        try:
            tree, entries = decode_items(data, "entries", run, name=name)
        except _UnsoundError:
            return _read_whole(data, name, take)
        if not isinstance(tree, dict) or tree_faults(tree):
            return _read_whole(data, name, take)
        return manifest_of({**tree, "entries": kept or entries}, data, name=name)


class _UnsoundError(Exception):
    """Something is wrong with an entry; what, the whole tree tells."""


def _read_whole(data: bytes, name: str, take: Take) -> Manifest:
    """Return the same by the whole tree, where something seems to be wrong with it."""
    tree = decode(data, name=name)
    if not isinstance(tree, dict):
        raise ManifestError(
            Fault(
                "invalid-manifest",
                "expected an object at the top",
                Origin("", name, 1, 1) if name else None,
                fix="a manifest begins with its channel and entries: manifest pack writes one",
            )
        )
    faults = tree_faults(tree)
    if faults:
        raise Places(Parsed(tree, data.decode(), "json"), name or "the manifest").error(faults)
    take({**tree, "entries": []}, 0, tree["entries"])
    return manifest_of(tree, data, name=name)


def manifest_of(tree: Mapping[str, Any], data: bytes, *, name: str = "") -> Manifest:
    """Return the manifest that a faultless *tree* is, whose canonical form is *data*."""
    own = ("schema", "project", "channel", "version", "entries")
    entries = tree["entries"]
    return Manifest(
        tree["project"],
        tree["channel"],
        tree["version"],
        entries if isinstance(entries, Items) else tuple(entries),
        digest(data),
        len(data),
        {key: value for key, value in tree.items() if key not in own},
        name,
    )
