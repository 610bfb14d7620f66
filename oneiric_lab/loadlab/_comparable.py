"""Which runs may be compared: one plan but for parameters, one machine, nothing broken."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, NamedTuple

from oneiric_lab.errors import Fault, UsageError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._plan import Plan
    from ._run import Run

# What may differ between two plans: what is under test, what is drawn, what is only judged
# or kept.
_FREE = frozenset({"params", "defaults", "seed", "objectives", "invariants", "raw_limit"})
_MOMENTARY = frozenset({"loadavg_1m"})


class LeftOut(NamedTuple):
    """A run that was not compared.

    Attributes:
        side: Name of the set.
        run: Name of the run.
        reason: Why.
        broken: Whether an invariant broke in it.
    """

    side: str
    run: str
    reason: str
    broken: bool


def plain(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return values as a saved run gives them back: a list where a tuple was."""
    found: dict[str, Any] = json.loads(json.dumps(values, default=str))
    return found


def fixed_of(plan: Plan) -> dict[str, Any]:
    """Return what must be equal of two plans for a comparison."""
    return plain({name: value for name, value in plan.as_dict().items() if name not in _FREE})


def setting_of(run: Run) -> dict[str, Any]:
    """Return what must be equal of two runs: their plans, and how many shared the load."""
    return {**fixed_of(run.plan), "workers": max(len(run.workers), 1)}


def place_of(run: Run) -> dict[str, str]:
    """Return where a run ran, without what changes there from minute to minute."""
    return {name: value for name, value in run.machine.items() if name not in _MOMENTARY}


def params_of(plan: Plan) -> dict[str, Any]:
    """Return all parameters of a plan, those left to their defaults included."""
    return plain({**plan.scenario.defaults, **plan.params})


def changed(base: Run, other: Run) -> tuple[tuple[str, Any, Any], ...]:
    """Return what is under test, as name, base, other: parameters, versions, the commit."""

    def all_of(run: Run) -> dict[str, Any]:
        revision = (run.about.revision or "unknown")[:12]
        # Python is told with the machine.
        versions = {n: v for n, v in run.about.versions.items() if n != "python"}
        return {**versions, "commit": revision, **params_of(run.plan)}

    a, b = all_of(base), all_of(other)
    return tuple((n, a.get(n), b.get(n)) for n in {**a, **b} if a.get(n) != b.get(n))


def check_plans(base: Plan, other: Plan, names: tuple[str, str]) -> None:
    """Refuse two plans that differ in more than parameters.

    Raises:
        UsageError: With every difference.
    """
    fix = "run both with the same scenario, load and times; only parameters may differ"
    _refuse(names[0], fixed_of(base), names[1], fixed_of(other), fix)


def check_runs(base: Sequence[Run], other: Sequence[Run], names: tuple[str, str]) -> None:
    """Refuse two sets of runs that must not be compared.

    Raises:
        UsageError: A side has no run or runs of several plans, a run stands on both sides,
            or the sides differ in more than parameters.
    """
    for side, name in zip((base, other), names, strict=True):
        if not side:
            raise UsageError(
                Fault("no-runs", f"{name}: expected runs, found none", fix="six a side are usual")
            )
        first = {**setting_of(side[0]), "params": params_of(side[0].plan)}
        for place, run in enumerate(side[1:], 2):
            own = {**setting_of(run), "params": params_of(run.plan)}
            fix = "the runs of one side have one plan; give the others a label of their own"
            _refuse(f"run 1 of {name}", first, f"run {place}", own, fix)
    if {run.id for run in base} & {run.id for run in other}:
        raise UsageError(
            Fault(
                "not-comparable",
                f"{names[0]} and {names[1]} share runs",
                why="a run that stands on both sides makes them alike",
                fix="compare two labels, or let `aa` measure the noise of one plan",
            )
        )
    fix = "run both with the same scenario, load and times; only parameters may differ"
    _refuse(names[0], setting_of(base[0]), names[1], setting_of(other[0]), fix)


def _refuse(name: str, a: dict[str, Any], other: str, b: dict[str, Any], fix: str) -> None:
    differ = [key for key in {**a, **b} if a.get(key) != b.get(key)]
    if differ:
        raise UsageError(
            [
                Fault(
                    "not-comparable",
                    f"{name} and {other} have other plans: {key} {a.get(key)!r}, {b.get(key)!r}",
                    why="a difference could come from the plan as well as from what is tested",
                    fix=fix,
                )
                for key in differ
            ]
        )


def unfit(run: Run) -> str:
    """Return why the figures of a run say nothing of its target; empty where they do."""
    if run.broken:
        return "; ".join(f"{name}: {wrong}" for name, wrong in run.broken)
    if run.driven.cancelled:
        return "it was cancelled"
    return "" if run.is_valid else f"invalid, limited by {run.limited_by}"


def kept(side: Sequence[Run], name: str, left_out: list[LeftOut]) -> list[Run]:
    """Return the runs that can be compared, and tell of the others."""
    for place, run in enumerate(side, 1):
        if reason := unfit(run):
            # Of runs that were kept somewhere their own name says more than their place.
            called = f"run {place}" if run.path is None else run.id
            left_out.append(LeftOut(name, called, reason, bool(run.broken)))
    return [run for run in side if not unfit(run)]


def doubts(a: list[Run], b: list[Run], names: tuple[str, str]) -> list[str]:
    """Return what weakens a comparison of two sides, without making it wrong."""
    return [*_machines(a, b, names), *_seeds(a, b), *_limits(a, b, names)]


def _machines(a: list[Run], b: list[Run], names: tuple[str, str]) -> list[str]:
    """Say what differs between the machines of all runs."""

    def seen(runs: list[Run], key: str) -> list[str]:
        return list(dict.fromkeys(place_of(run).get(key, "unknown") for run in runs))

    keys = dict.fromkeys(key for run in (*a, *b) for key in place_of(run))
    out = []
    for key in keys:
        one, two = seen(a, key), seen(b, key)
        if len({*one, *two}) > 1 and one and two:
            told = f"{', '.join(one)} ({names[0]}), {', '.join(two)} ({names[1]})"
            out.append(f"another machine: {key.replace('_', ' ')} {told}")
    return out


def _seeds(a: list[Run], b: list[Run]) -> list[str]:
    one, two = ({run.plan.seed for run in side} for side in (a, b))
    return (
        ["the sides drew from other seeds, so not the same load"] if a and b and one != two else []
    )


def _limits(a: list[Run], b: list[Run], names: tuple[str, str]) -> list[str]:
    """Say how often something else than the load limited runs: their times grow with length."""
    out = []
    for side, name in zip((a, b), names, strict=True):
        for limit in dict.fromkeys(run.limited_by for run in side if run.limited_by != "none"):
            many = sum(run.limited_by == limit for run in side)
            out.append(f"{name}: {many} of {len(side)} runs are limited by {limit}")
        if many := sum(run.steady is False for run in side):
            out.append(f"{name}: {many} of {len(side)} runs never became steady")
    return out
