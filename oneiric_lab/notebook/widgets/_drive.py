"""A load run from a form: what is asked, what would be driven, and its chart once it goes on.

A field goes to the browser as it stands:

    name           under which it comes back; of a parameter of the scenario it begins with `p.`
    label, about   what it is, and what it means
    group          empty, `params` or `more`
    placeholder    what holds where it is left empty; by the value of `kind` where that decides
    options        choices, where there are some
    check          whether it is on or off
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import ipywidgets  # type: ignore[import-untyped]  # it has no types
import traitlets

from oneiric_lab.errors import Fault, OneiricError, UsageError
from oneiric_lab.lab import LoadJob, Loads
from oneiric_lab.loadlab import (
    BUILT_IN,
    Plan,
    Scenario,
    load_in_words,
    plan_for,
    read_typed,
    scenario_named,
    shown_default,
)
from oneiric_lab.views import Code, Note, View

from ._base import Shown, Widget
from ._load import LoadChart, chart_of
from ._told import short

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import TypeAlias

    from oneiric_lab.loadlab import Described
    from oneiric_lab.views import Block

    What: TypeAlias = "Plan | type[Scenario] | str"

USUAL: Final = "swap-under-readers"
"""The scenario that a form begins with."""
KINDS: Final = {
    "users": "1000",
    "rate": "such as 500/s",
    "load": "such as 500/s for 10s, 500/s to 5000/s for 30s",
}
"""How a load may be said, as `lab.load.plan` takes it."""
TIMES: Final = ("duration", "warmup", "timeout")
NUMBERS: Final = ("seed", "max_in_flight", "workers")
PARAM: Final = "p."
DIGITS: Final = 18
"""Of a number that is typed: more is no number of anything, and may be no number for Python."""


class LoadForm(Widget):
    """What a load run is asked for, and what would be driven.

    Its button calls `lab.load.run(...)`, which is shown as code.

    Attributes:
        loads: What starts the run.
        what: The plan or the scenario that is driven; None where one that comes with us is
            chosen in the form.
        asked: What was typed, by field.
    """

    name = "drive"

    asked = traitlets.Dict().tag(sync=True)
    fields = traitlets.List(traitlets.Dict()).tag(sync=True)
    said = traitlets.Dict().tag(sync=True)

    def __init__(self, loads: Loads, what: What | None, begun: Callable[[LoadJob], object]) -> None:
        self.loads, self._begun = loads, begun
        self.what = None if isinstance(what, str) else what
        super().__init__()
        name = what if isinstance(what, str) else USUAL
        scenario_named(name)  # told here, and not as a fault of a trait
        self.asked = {"scenario": name} if self.what is None else {}
        self._settle()

    # --- what is asked --------------------------------------------------------------------

    def chosen(self) -> What:
        """Return what is driven: what was given, or the scenario that was chosen."""
        return _text(self.asked, "scenario") if self.what is None else self.what

    def options(self) -> dict[str, Any]:
        """Return what `lab.load.run` is given beside what is driven.

        Raises:
            UsageError: What was typed is of another type.
        """
        asked, kind = self.asked, _text(self.asked, "kind") or "users"
        out: dict[str, Any] = {}
        if load := _text(asked, "load"):
            out[kind] = _number(kind, load) if kind == "users" else load
        out |= {name: text for name in TIMES if (text := _text(asked, name))}
        out |= {name: _number(name, text) for name in NUMBERS if (text := _text(asked, name))}
        objectives = [one.strip() for one in _text(asked, "objectives").split(";")]
        if any(objectives):
            out["objectives"] = tuple(filter(None, objectives))
        for name, default in _scenario(self.chosen()).defaults.items():
            if text := _text(asked, PARAM + name):
                out[name] = _param(name, text, default)
        return {**out, "save": True} if asked.get("save") else out

    def plan(self) -> Plan:
        """Return what would be driven.

        Raises:
            UsageError: It cannot be.
        """
        options = {n: v for n, v in self.options().items() if n not in {"workers", "save"}}
        return plan_for(self.chosen(), **options)

    def code(self) -> str:
        """Return what a cell says for the same."""
        what = self.chosen()
        named = what.__name__ if isinstance(what, type) else "plan"
        first = repr(what) if isinstance(what, str) else named
        given = [first, *(f"{name}={value!r}" for name, value in self.options().items())]
        return f"lab.load.run({', '.join(given)})"

    # --- what is shown --------------------------------------------------------------------

    @traitlets.validate("asked")
    def _known(self, proposal: Any) -> dict[str, Any]:
        asked: dict[str, Any] = proposal["value"]
        name = asked.get("scenario", USUAL)
        if self.what is None and name not in BUILT_IN:
            raise traitlets.TraitError(f"no scenario {name!r}")
        if asked.get("kind", "users") not in KINDS:
            raise traitlets.TraitError(f"no load is said by {asked['kind']!r}")
        return asked

    @traitlets.observe("asked")
    def _settle(self, _: object = None) -> None:
        """Show the fields of what was chosen, and what would be driven."""
        self.fields = fields_of(self.chosen(), is_named=self.what is None)
        try:
            plan, code = self.plan(), self.code()
        except OneiricError as error:
            texts = ["\n".join(fault.lines()) for fault in error.faults]
            lines = [["bad", short(text, lines=True)] for text in texts]
            self.said = {"lines": lines, "code": ""}
        else:
            self.said = {"lines": [["plain", line] for line in _words(plan)], "code": code}

    # --- the button -----------------------------------------------------------------------

    def do_start(self) -> None:
        """Drive it, unless a run goes on: two at a time would disturb each other."""
        if going := next((job for job in self.loads.jobs if not job.is_ended), None):
            fix = "cancel it, or wait for its end: two at a time disturb each other"
            raise UsageError(Fault("load-going-on", f"{going.name} goes on", fix=fix))
        self._begun(self.loads.run(self.chosen(), **self.options()))
        self.send({"begun": "begun: its job is lab.load.jobs[-1]"})

    # --- the snapshot ---------------------------------------------------------------------

    def as_dict(self) -> dict[str, object]:
        """Return the plan; null where what was typed makes none."""
        try:
            return {"plan": self.plan().as_dict()}
        except OneiricError:
            return {"plan": None}

    def view(self) -> View:
        """Return what would be driven, and how a cell says so."""
        lines: list[Block] = [Note(text, tone) for tone, text in self.said["lines"]]
        code = [Code(self.said["code"])] if self.said["code"] else []
        return View("load-form", "a load run that was not begun", (*lines, *code))


class LoadBench(Shown, ipywidgets.VBox):  # type: ignore[misc]  # see above
    """A form that starts load runs, and the chart of the newest one below it.

    Attributes:
        form: What is asked.
        chart: The newest run of these loads; None before there is one.
    """

    def __init__(self, loads: Loads, what: What | None = None) -> None:
        self.form = LoadForm(loads, what, self._show)
        self.chart = chart_of(loads.jobs[-1]) if loads.jobs and what is None else None
        super().__init__([self.form, *filter(None, [self.chart])])

    def _show(self, job: LoadJob) -> None:
        self.chart = chart_of(job)
        self.children = [self.form, self.chart]

    def as_dict(self) -> dict[str, object]:
        """Return the plan that is asked, and the run."""
        job = None if self.chart is None else self.chart.as_dict()
        return {**self.form.as_dict(), "job": job}

    def view(self) -> View:
        """Return that of the run; before there is one, what would be driven."""
        return (self.form if self.chart is None else self.chart).view()


def bench(
    lab: Any, what: Any = None, *, metric: str | None = None, operation: str | None = None
) -> LoadBench | LoadChart:
    """Return the chart of a job; of anything else a form, and the newest chart below it."""
    if isinstance(what, LoadJob):
        return chart_of(what, metric=metric, operation=operation)
    loads = lab if isinstance(lab, Loads) else getattr(lab, "load", None)
    if loads is None:
        raise UsageError("there is no lab whose runs these are", fix="lab = Lab.open()")
    is_scenario = isinstance(what, type) and issubclass(what, Scenario)
    if not (what is None or is_scenario or isinstance(what, str | Plan)):
        fix = 'a job, a plan, a scenario, or a name such as "swap-under-readers"'
        raise UsageError(Fault("usage", f"{type(what).__name__} is no load run", fix=fix))
    found = LoadBench(loads, what)
    if metric is not None or operation is not None:
        if found.chart is None:
            raise UsageError(
                Fault("no-job", "no load run was started", fix="leave metric and operation out")
            )
        chart_of(found.chart.job, metric=metric, operation=operation)
    return found


def _text(asked: dict[str, Any], name: str) -> str:
    found = asked.get(name)
    return found.strip() if isinstance(found, str) else ""


def _number(name: str, text: str) -> int | str:
    """Return a whole number; of workers also a cluster, as `run_apart` takes it."""
    if text.isascii() and text.isdecimal() and len(text) <= DIGITS:
        return int(text)
    if name == "workers":
        return text
    raise _wrong(name, "a whole number", text, "100")


def _param(name: str, text: str, default: Any) -> Any:
    try:
        return read_typed(text, default)
    except ValueError:
        raise _wrong(name, type(default).__name__, text, shown_default(default)) from None


def _wrong(name: str, wanted: str, text: str, example: str) -> UsageError:
    label = name.replace("_", " ")
    return UsageError(
        Fault("usage", f"{label}: expected {wanted}, got {text[:80]!r}", fix=f"such as {example}")
    )


def _scenario(what: What) -> type[Scenario] | Described:
    if isinstance(what, Plan):
        return what.scenario
    return scenario_named(what)[0] if isinstance(what, str) else what


def fields_of(what: What, *, is_named: bool) -> list[dict[str, Any]]:
    """Return the fields; each that is left empty stands for what the plan has of itself."""
    scenario = _scenario(what)
    # A scenario may have parameters that it cannot be without, and then no plan as yet.
    own: Any = what if isinstance(what, Plan) else Plan
    length = what.length if isinstance(what, Plan) else Plan.duration
    params = {**scenario.defaults, **(what.params if isinstance(what, Plan) else {})}
    usual = scenario_named(what)[1]["users"] if isinstance(what, str) else 1
    users = getattr(what.load, "users", KINDS["users"]) if isinstance(what, Plan) else usual
    first = scenario.operations()[0].name
    chosen = {
        "name": "scenario",
        "label": "scenario",
        "options": list(BUILT_IN),
        "about": getattr(scenario, "summary", ""),
    }
    fields = [
        *([chosen] if is_named else []),
        {"name": "kind", "label": "load by", "options": list(KINDS), "about": "how it is said"},
        {
            "name": "load",
            "label": "load",
            "placeholder": {**KINDS, "users": str(users)},
            "about": "users call one after the other; a rate comes, however long calls take",
        },
        _field("duration", f"{length:g}s", "how long operations begin"),
        _field("warmup", own.warmup, "kept apart at the start; auto finds where it ends"),
        *(
            {
                "name": PARAM + name,
                "label": name.replace("_", " "),
                "group": "params",
                "placeholder": shown_default(default),
                "about": "a parameter of the scenario",
            }
            for name, default in params.items()
        ),
        _field(
            "objectives",
            "; ".join(map(str, own.objectives)) or f"such as {first}.response.p99 < 20ms",
            "what must be met, with semicolons between",
            "more",
        ),
        _field("seed", own.seed, "of everything that is drawn", "more"),
        _field("timeout", f"{own.timeout:g}s", "cancels an operation after it; 0 is never", "more"),
        _field("max_in_flight", own.max_in_flight, "of an open load", "more"),
        _field("workers", 1, "processes that share it", "more"),
        {
            "name": "save",
            "label": "keep the run",
            "group": "more",
            "check": True,
            "about": "with the workspace; load runs lists what was kept",
        },
    ]
    return [{"group": "", **field} for field in fields]


def _field(name: str, own: object, about: str, group: str = "") -> dict[str, Any]:
    label = name.replace("_", " ")
    return {
        "name": name,
        "label": label,
        "group": group,
        "placeholder": str(own),
        "about": about,
    }


def _words(plan: Plan) -> list[str]:
    """Return what would be driven, a line each."""
    operations = plan.scenario.operations()
    beside = [f"{o.name} beside them" for o in operations if o.rate is not None]
    driven = [o.name for o in operations if o.rate is None]
    checks = [name.replace("_", " ") for name in plan.scenario.invariants()]
    warmup = "found by itself" if plan.warmup == "auto" else f"{plan.warmup:g} s"
    lines = [
        f"{load_in_words(plan)}: {', '.join([*driven, *beside])}; warm-up {warmup}",
        *([f"must hold: {', '.join(checks)}"] if checks else []),
        *([f"is judged by: {', '.join(map(str, plan.objectives))}"] if plan.objectives else []),
    ]
    return [short(line) for line in lines]
