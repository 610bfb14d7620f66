"""What is to be looked at in a release: its version, its components, entries and artifacts."""

from __future__ import annotations

from functools import cached_property
from operator import itemgetter
from typing import TYPE_CHECKING, Any

from ._diff_rank_risks import ranks_of
from ._diff_risks import Risk, ordered, risk
from ._diff_value_risks import CHECKS

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from ._diff_match import EntryChange
    from ._manifest import Manifest

    Entry = Mapping[str, Any]


class _Known:
    """What the old manifest named anywhere; found out when it is asked for first."""

    def __init__(self, old: Manifest) -> None:
        self._old = old

    @cached_property
    def hosts(self) -> set[str]:
        """Hosts of artifacts."""
        return {_host(e["artifact"]["uri"]) for e in self._old.entries if "artifact" in e}

    @cached_property
    def secrets(self) -> set[str]:
        """Names of secrets."""
        return {name for e in self._old.entries for name in e.get("requires_secrets", ())}

    @property
    def nothing(self) -> bool:
        """Whether it has no entries at all."""
        return not self._old.entries


def risks_of(old: Manifest, new: Manifest, changes: Sequence[EntryChange]) -> tuple[Risk, ...]:
    """Return what to look at in the changes from *old* to *new*, the gravest first."""
    found = [*_of_release(old, new)]
    known, checks = _Known(old), CHECKS.get
    ranked: list[EntryChange] = []
    for change in changes:
        if change.kind == "added":
            ranked.append(change)
            found += _of_added(change, known)
            continue
        whole = set()
        for field in change.fields:
            head = field.path[0]
            check = checks(head)
            if check is not None:
                found += check(change, field)
            elif head in _WHOLE:
                whole.add(_WHOLE[head])
        if "artifact" in whole:
            found += _of_artifact(change, known)
        if "rank" in whole or (change.kind == "moved" and change.former is None):
            ranked.append(change)
    found += ranks_of(old, new, ranked)
    found += _of_components(old, new, changes)
    return ordered(found)


_WHOLE = {"artifact": "artifact", "priority": "rank", "stack_level": "rank"}
"""Fields that are looked at together, however many of their values changed."""


# --- the release ---------------------------------------------------------------------------


def _of_release(old: Manifest, new: Manifest) -> Iterator[Risk]:
    for name in ("project", "channel"):
        a, b = getattr(old, name), getattr(new, name)
        if a != b:
            yield Risk("release-line", "", "", f"the {name} {a} is {b}", (name,), (name,))
    if old.source_name != new.source_name:
        return
    at = ("version",)
    if new.version < old.version:
        said = f"version {old.version} goes back to {new.version}: clients refuse it"
        yield Risk("release-downgrade", "", "", said, at, at)
    elif new.version == old.version and new.digest != old.digest:
        said = f"version {new.version} has two contents: clients take it for forged"
        yield Risk("release-downgrade", "", "", said, at, at)


# --- components ----------------------------------------------------------------------------


def _of_components(old: Manifest, new: Manifest, changes: Sequence[EntryChange]) -> Iterator[Risk]:
    if all(change.kind in _STAYING for change in changes):
        return
    left = {*map(_COMPONENT, new.entries)}
    lost = {f"{d}:{key}" for d, key in {*map(_COMPONENT, old.entries)} - left}
    if not lost:
        return
    told: set[str] = set()
    for change in changes:
        target = "" if change.old is None else _target(change.old)
        if target in lost and target not in told:
            told.add(target)
            moved = f": it is {change.target} now" if change.kind == "moved" else ""
            said = f"nothing in the manifest provides {target} any longer{moved}"
            yield risk("component-removed", change, said, ())._replace(target=target)
    for number, entry in enumerate(new.entries):
        for target in entry.get("requires", ()):
            if target in lost:
                yield Risk(
                    "requirement-unmet",
                    _target(entry),
                    f"{entry['provider']} {entry['version']}",
                    f"it requires {target}, which the manifest provides no more",
                    None,
                    ("entries", number, "requires", target),
                )


_COMPONENT = itemgetter("domain", "key")
_STAYING = {"added", "changed"}
"""Kinds of changes that leave their component where it is."""


def _target(entry: Entry) -> str:
    return f"{entry['domain']}:{entry['key']}"


# --- entries that are new ------------------------------------------------------------------


def _of_added(change: EntryChange, known: _Known) -> Iterator[Risk]:
    uri = change.entry.get("artifact", {}).get("uri")
    if uri is not None:
        host = _host(uri)
        if host and not known.nothing and host not in known.hosts:
            said = f"its artifact comes from {host}, which no entry named before"
            yield risk("new-host", change, said, ("artifact", "uri"))
        if uri[:5].lower() == "http:":
            said = f"its artifact is fetched from {host} without encryption"
            yield risk("source-unencrypted", change, said, ("artifact", "uri"))
    for name in change.entry.get("requires_secrets", ()):
        if name not in known.secrets:
            said = f"it is new, and reveals the secret {name}"
            yield risk("secret-required", change, said, ("requires_secrets",))


# --- artifacts -----------------------------------------------------------------------------


def _host(uri: str) -> str:
    """Return host and port of an address, nothing for a path below the manifest."""
    scheme, found, rest = uri.partition("://")
    if not found:
        return ""
    host = rest.partition("/")[0].partition("?")[0].partition("#")[0].lower()
    return host.removesuffix(":443" if scheme.lower() == "https" else ":80")


def _of_artifact(change: EntryChange, known: _Known) -> Iterator[Risk]:
    assert change.old is not None and change.new is not None  # noqa: S101, PT018 - it changed
    was, now = change.old.get("artifact"), change.new.get("artifact")
    at = ("artifact",)
    if now is None:
        said = "it names no artifact any longer: no digest fixes its code"
        yield risk("artifact-unpinned", change, said, at)
        return
    if was is not None and change.step == "same":
        for name, words in (("sha256", "digest"), ("size", "size")):
            if was[name] != now[name]:
                version = change.new["version"]
                said = f"its artifact has another {words}, and is still version {version}"
                yield risk("artifact-without-step", change, said, (*at, name))
                break
    if was is not None and was["uri"] == now["uri"]:
        return
    host, former = _host(now["uri"]), "" if was is None else _host(was["uri"])
    if host and host != former and host not in known.hosts:
        said = f"its artifact comes from {host}, which no entry named before"
        yield risk("new-host", change, said, (*at, "uri"))
    elif was is not None and host != former:
        said = (
            f"its artifact comes from {host or 'beside the manifest'}, before {former or 'there'}"
        )
        yield risk("source-changed", change, said, (*at, "uri"))
    unencrypted = now["uri"][:5].lower() == "http:"
    if unencrypted and (was is None or was["uri"][:5].lower() != "http:"):
        said = f"its artifact is fetched from {host} without encryption"
        yield risk("source-unencrypted", change, said, (*at, "uri"))
