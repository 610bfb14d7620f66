"""What is to be looked at where one value of an entry changed: a rule for each field."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.registry import parse_version

from ._diff_fields import ABSENT
from ._diff_risks import risk
from ._diff_steps import compared_distributions, is_looser

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from ._diff_fields import FieldChange
    from ._diff_match import EntryChange
    from ._diff_risks import Risk


def _words(value: object) -> str:
    return "nothing" if value is ABSENT else str(value)


def _of_factory(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    said = f"{field.new} builds it, before {field.old}"
    yield risk("factory-changed", change, said, field.path)


def _of_code(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    what = "settings model" if field.path[0] == "settings_model" else "health check"
    if field.new is not ABSENT:
        said = f"its {what} is {field.new}, before {_words(field.old)}"
        yield risk("code-changed", change, said, field.path)
    elif what == "health check":
        yield risk("health-dropped", change, f"its health check {field.old} is gone", field.path)


def _of_version(change: EntryChange, field: FieldChange) -> Iterable[Risk]:
    if change.step == "downgrade":
        return [risk("downgrade", change, f"{field.old} goes back to {field.new}", field.path)]
    if parse_version(field.new).is_prerelease and not parse_version(field.old).is_prerelease:
        said = f"{field.old} was a release, {field.new} is none yet"
        return [risk("less-stable", change, said, field.path)]
    return ()


def _of_capabilities(change: EntryChange, field: FieldChange) -> Iterable[Risk]:
    path = field.path
    if len(path) > 2:  # noqa: PLR2004 - capabilities, NAME, and what is said of it
        return _of_security(change, field, str(path[1])) if path[2] == "security" else ()
    if field.kind == "order":
        return ()
    if len(path) == 1:
        return _of_all_capabilities(change, field)
    return [_of_lost(change, field, path[1])] if field.new is ABSENT else ()


def _of_lost(change: EntryChange, field: FieldChange, name: object) -> Risk:
    return risk("capability-lost", change, f"it has no `{name}` any longer", field.path)


def _of_all_capabilities(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    """Tell of a whole list that came or went, or in which a name stands twice."""
    has = {c["name"] for c in field.new or ()}
    for name in dict.fromkeys(c["name"] for c in field.old or ()):
        if name not in has:
            yield _of_lost(change, field, name)
    for now in field.new or ():
        name, asked = now["name"], now.get("security", {})
        former = [c.get("security", {}) for c in field.old or () if c["name"] == name]
        # Of one name that stands twice each may be the former one.
        weaker = [[*_weaker(was, asked)] for was in former]
        if weaker and all(weaker):
            for said in weaker[0]:
                yield risk("security-weaker", change, f"`{name}` {said}", field.path)


def _of_security(change: EntryChange, field: FieldChange, name: str) -> Iterator[Risk]:
    if len(field.path) > 3:  # noqa: PLR2004 - capabilities, NAME, security, and one name of it
        inner = str(field.path[3])
        was, now = {inner: field.old}, {inner: field.new}
    else:
        was, now = ({} if side is ABSENT else side for side in (field.old, field.new))
    for said in _weaker(was, now):
        yield risk("security-weaker", change, f"`{name}` {said}", field.path)


def _weaker(was: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[str]:
    """Yield in words what a capability asks of its callers less than it did."""
    for inner, check in _WEAKER.items():
        if said := check(inner, was.get(inner, ABSENT), now.get(inner, ABSENT)):
            yield said


def _drops(inner: str, old: Any, new: Any) -> str:
    usual = inner == "auth_required"  # what holds where nobody says
    was, now = (usual if value is ABSENT else value for value in (old, new))
    return f"has {inner} no more" if was and not now else ""


def _differs(inner: str, old: Any, new: Any) -> str:
    if old is ABSENT or old == new:
        return ""
    return f"has the {inner} {_words(new)}, before {old}"


def _asks_less(_inner: str, old: Any, new: Any) -> str:
    gone = [item for item in old or () if item not in (new or ())]
    return f"asks for the scope {', '.join(map(str, gone))} no more" if gone else ""


def _opens(_inner: str, old: Any, new: Any) -> str:
    wider = [item for item in new or () if item not in (old or ())]
    if not old or (new and not wider):
        return ""
    return f"is for {', '.join(map(str, wider)) or 'anybody'} too"


_WEAKER: dict[str, Callable[[str, Any, Any], str]] = {
    "auth_required": _drops,
    "signature_required": _drops,
    "encryption": _differs,
    "classification": _differs,
    "scopes": _asks_less,
    "audience": _opens,
}
"""Name of a demand of a capability to what tells how it became weaker, in words or not at all."""


def _part(value: Any, field: FieldChange, *, whole: bool) -> dict[str, Any]:
    """Return *value* as the table that it is, or that its name stands in."""
    if value is ABSENT:
        return {}
    return value if whole else {str(field.path[-1]): value}


def _of_requires(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    whole = len(field.path) == 1
    now = _part(field.new, field, whole=whole)
    for target, wanted in _part(field.old, field, whole=whole).items():
        given = now.get(target, ABSENT)
        if given is ABSENT:
            said = f"it requires {target} no more"
            yield risk("requirement-loosened", change, said, field.path)
        elif is_looser(wanted, given):
            said = f"it takes {target} {given or 'of any version'}, before {wanted}"
            yield risk("requirement-loosened", change, said, field.path)


def _of_distributions(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    looser, fresh = compared_distributions(tuple(field.old or ()), tuple(field.new or ()))
    for name, was, now in looser:
        said = f"it takes {now}, before {was}" if now else f"it needs {name} no more"
        yield risk("requirement-loosened", change, said, field.path)
    for name in fresh:
        yield risk("new-dependency", change, f"it needs the distribution {name}", field.path)


def _of_python(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    old, new = field.old or "", field.new or ""
    if is_looser(old, new):
        said = f"it takes Python {new or 'of any version'}, before {old}"
        yield risk("platform-widened", change, said, field.path)


def _of_platform(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if not field.old:  # it ran on all of them
        return
    if not field.new:
        yield risk("platform-widened", change, "it runs on every platform", field.path)
    elif field.come:
        yield risk(
            "platform-widened", change, f"it runs on {', '.join(field.come)}, too", field.path
        )


def _of_rivals(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    for item in field.gone:
        said = f"it conflicts with {item} no more"
        yield risk("conflict-dropped", change, said, field.path)


def _of_secrets(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    for name in field.come:
        yield risk("secret-required", change, f"it reveals the secret {name}", field.path)


def _of_gate(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.old is not ABSENT:
        by = "no flag" if field.new is ABSENT else f"the flag {field.new}"
        yield risk("gate-dropped", change, f"{by} gates it, before {field.old}", field.path)


_STABLE = {"stable": 2, "beta": 1, "experimental": 0}


def _of_stability(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    old, new = field.old or "stable", field.new or "stable"
    if _STABLE[new] < _STABLE[old]:
        yield risk("less-stable", change, f"it is {new}, before {old}", field.path)


def _of_repeats(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.new is True:
        said = "its calls count as free of side effects, and may be repeated"
        yield risk("repeatable", change, said, field.path)


def _of_limits(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    whole = len(field.path) == 1
    now = _part(field.new, field, whole=whole)
    for name, seconds in _part(field.old, field, whole=whole).items():
        if seconds and now.get(name, ABSENT) == 0:
            said = f"its {name} has no limit, before {seconds} s"
            yield risk("limit-dropped", change, said, field.path)


def _of_owner(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.old is not ABSENT:
        said = (
            f"{'nobody' if field.new is ABSENT else field.new} answers for it, before {field.old}"
        )
        yield risk("owner-changed", change, said, field.path)


def _of_licence(change: EntryChange, field: FieldChange) -> Iterator[Risk]:
    if field.old is not ABSENT:
        said = f"its licence is {_words(field.new)}, before {field.old}"
        yield risk("license-changed", change, said, field.path)


CHECKS: dict[str | int, Callable[[EntryChange, FieldChange], Iterable[Risk]]] = {
    "factory": _of_factory,
    "settings_model": _of_code,
    "health": _of_code,
    "version": _of_version,
    "capabilities": _of_capabilities,
    "requires": _of_requires,
    "requires_dist": _of_distributions,
    "python_version": _of_python,
    "os_platform": _of_platform,
    "conflicts_with": _of_rivals,
    "requires_secrets": _of_secrets,
    "enabled_by": _of_gate,
    "stability": _of_stability,
    "side_effect_free": _of_repeats,
    "timeouts": _of_limits,
    "owner": _of_owner,
    "license": _of_licence,
}
"""Name of a field of an entry to what tells the risks of its change."""
