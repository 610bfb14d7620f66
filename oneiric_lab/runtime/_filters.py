"""Which events a handler takes, by values of theirs: `path` with equals, any_of or exists."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from oneiric_lab.errors import Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable

    from ._event import Event

    Accepts = Callable[[Event], bool]

# The public project takes the names on the left too.
_ALIASES: Final = {"value": "equals", "one_of": "any_of", "in": "any_of"}
_TESTS: Final = ("equals", "any_of", "exists")
_ABSENT: Final = object()


def accepts(filters: Sequence[Mapping[str, Any]]) -> Accepts | None:
    """Return what tells whether an event passes all of *filters*; None where there are none.

    JSON's equality holds: `1` is `1.0`, and neither is `true`. What is not there equals
    nothing, not even null.

    Raises:
        UsageError: A filter says something that is none.

    Example:
        >>> from oneiric_lab.runtime import Event, accepts
        >>> large = accepts([{"path": "payload.total", "any_of": [100, 200]}])
        >>> large(Event("order", {"total": 100})), large(Event("order", {}))
        (True, False)
    """
    if isinstance(filters, str | Mapping) or not isinstance(filters, Sequence):
        raise _bad(f"expected a list of filters, got {filters!r:.60}")
    made = [_one(filter_) for filter_ in filters]
    if not made:
        return None
    if len(made) == 1:
        return made[0]
    return lambda event: all(one(event) for one in made)


def normal(filter_: object) -> dict[str, Any]:
    """Return a filter with our names for the public project's.

    Raises:
        UsageError: It is none.
    """
    if not isinstance(filter_, Mapping):
        raise _bad(f"expected a filter, got {filter_!r:.60}")
    said = {_ALIASES.get(str(name), str(name)): value for name, value in filter_.items()}
    for name in said.keys() - {"path", *_TESTS}:
        if not name.startswith("x-"):
            raise _bad(f"a filter has no `{name}`", did_you_mean(name, ["path", *_TESTS]))
    path = said.get("path")
    root = path.partition(".")[0] if isinstance(path, str) else ""
    if path != "topic" and not (root in {"payload", "headers"} and "." in str(path)):
        raise _bad(
            f"path {path!r} leads nowhere", "begin with `payload.` or `headers.`; or `topic`"
        )
    if not isinstance(said.get("any_of", []), list | tuple):
        raise _bad(f"any_of: expected a list, got {said['any_of']!r:.60}")
    if not isinstance(said.get("exists", True), bool):
        raise _bad(f"exists: expected true or false, got {said['exists']!r:.60}")
    return said


def _one(filter_: object) -> Accepts:
    said = normal(filter_)
    get = _getter(said["path"])
    tests: list[Callable[[Any], bool]] = []
    if "equals" in said:
        tests.append(lambda value: _same(value, said["equals"]))
    if "any_of" in said:
        tests.append(lambda value: any(_same(value, one) for one in said["any_of"]))
    if "exists" in said or not tests:
        wanted = said.get("exists", True)
        tests.append(lambda value: (value is not _ABSENT) is wanted)
    if len(tests) == 1:
        test = tests[0]
        return lambda event: test(get(event))
    return lambda event: all(test(get(event)) for test in tests)


def _getter(path: str) -> Callable[[Event], Any]:
    root, _, rest = path.partition(".")
    if root == "topic":
        return lambda event: event.topic
    if root == "headers":
        # A header is one name, with the dots in it.
        return lambda event: event.header(rest, _ABSENT)
    steps = rest.split(".")

    def get(event: Event) -> Any:
        value = event.payload
        for step in steps:
            if isinstance(value, Mapping):
                value = value.get(step, _ABSENT)
            elif isinstance(value, list) and step.isdecimal() and int(step) < len(value):
                value = value[int(step)]
            else:
                return _ABSENT
        return value

    return get


def _same(a: Any, b: Any) -> bool:
    if isinstance(a, bool) or isinstance(b, bool):
        return a is b
    if isinstance(a, Mapping) and isinstance(b, Mapping):
        return a.keys() == b.keys() and all(_same(a[key], b[key]) for key in a)
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(_same, a, b))
    return bool(a == b)


def _bad(what: str, fix: str | None = None) -> UsageError:
    return UsageError(Fault("event-filter", what, fix=fix))
