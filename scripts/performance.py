"""Write docs/explanation/performance.md from what `make bench` measured.

Usage: performance.py BENCH_JSON PAGE

The bounds stand here once, beside the words of the page. Figures are the least of all
rounds: what else runs on a machine only ever adds to a time.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Bound:
    """What a row must hold.

    Attributes:
        row: The row's name.
        most: A factor of *beside*, or seconds where that is None.
        beside: The row it is compared with; `minus:ROW` takes that row's time off.
        group: Where *beside* stands, if not in the same group.
        why: Why it is missed, where it is known to be.
    """

    row: str
    most: float
    beside: str | None = None
    group: str | None = None
    why: str = ""


@dataclass(frozen=True)
class Section:
    """A part of the page: what was asked, then a table for each group."""

    title: str
    text: str
    groups: dict[str, str]
    """Group to the caption of its table."""
    beside: str = ""
    """The row that all others are compared with."""
    bounds: tuple[Bound, ...] = ()


PEER = "pydantic-settings"
FLOOR = "a dictionary, (domain, key) to candidate"
HEAD = """\
# Performance

<!-- Written by `make bench`; change scripts/performance.py instead. -->

`make bench` installs the peers from a lock of their own, measures everything below in one run on
one machine, and writes this page.

- Machine: {model}, {cores} cores, {system}.
- Python {python_version}, {python_implementation}. The collector of garbage is off while
  something is measured, for all alike.
- Times are CPU time unless a section says otherwise. The least of all rounds counts; spread is
  the distance between the quartiles, over the median.
"""
US, MS = 1e-6, 1e-3
COUNTS = (1, 10, 100, 1000)

SECTIONS = (
    Section(
        "Loading configuration",
        "Three TOML files (all keys, a fifth, a twentieth) and one key in a hundred as a variable, "
        "merged and validated by a model; files and modules are warm. Each system is asked once "
        "whether it came to the same values. pydantic-settings merges deep and reads the "
        "variables. OmegaConf gets what tomllib read and validates nothing; Hydra and confuse get "
        "the same layers as YAML; dynaconf joins lists where it merges tables, so lists are left "
        "out of its comparison.",
        {"load 2000": "2,000 keys", "load 100": "100 keys"},
        PEER,
        (
            Bound("oneiric-lab, tomllib", 0.7, PEER, "load 2000"),
            Bound("oneiric-lab, toml-rs", 0.1, PEER, "load 2000"),
            Bound("oneiric-lab, lock file", 0.1, PEER, "load 2000"),
        ),
    ),
    Section(
        "Reloading",
        "The file of the active profile was written anew; the other two have the bytes that they "
        "had, and are not parsed again. 2,000 keys, tomllib.",
        {"reload 2000": ""},
        "full load",
        (Bound("reload", 0.4, "full load"),),
    ),
    Section(
        "Reading a value",
        "`lab.config` is a slot that a publish writes, and what it holds is the model itself.",
        {"attribute": ""},
        "holder.config.s7.k3, a bare pydantic model",
        (Bound("lab.config.s7.k3", 1.2, "holder.config.s7.k3, a bare pydantic model"),),
    ),
    Section(
        "Asking where a value was said",
        "The first question to a file builds the index of its places. 2,000 keys.",
        {"origin": ""},
        "",
        (Bound("first question", 10 * MS), Bound("later questions", 50 * US)),
    ),
    Section(
        "Resolving a component",
        "Fifty keys are known and one is asked for, a thousand times in a loop. The peers return "
        "a singleton that they made before; they choose among one candidate. pluggy, whose calls "
        "take keywords only, is called inside a `lambda`.",
        {f"resolve {count}": f"{count:,} for each key" for count in COUNTS},
        FLOOR,
        tuple(
            bound
            for count in COUNTS
            for bound in (
                Bound("registry.resolve(domain, key)", 1.8, FLOOR, f"resolve {count}"),
                Bound("registry.resolve(domain, key, need)", 5, FLOOR, f"resolve {count}"),
                Bound("handle.candidate", 0.6, FLOOR, f"resolve {count}"),
            )
        ),
    ),
    Section(
        "Being measured",
        "10,000 candidates, ten for each key; states are counted once for each generation. Answers "
        "of `resolve` are counted only where that was asked for.",
        {"scrape 10000": "a scrape as text", "counted resolve": "a thousand times in a loop"},
        "",
        (
            Bound("a scrape", 10 * MS, group="scrape 10000"),
            Bound("the first scrape of a generation", 10 * MS, group="scrape 10000"),
            Bound("registry.resolve, counted", 4, "registry.resolve", "counted resolve"),
        ),
    ),
    Section(
        "Explaining and publishing",
        "Candidates are built before; a publish ranks them and puts one generation in force.",
        {"explain": "", "publish": "", "publish one key": ""},
        "",
        (
            Bound("registry.explain, 100 candidates", 150 * US),
            Bound("2,500 candidates, ten a key", 3 * MS),
            Bound("100,000 candidates, ten a key", 200 * MS),
            # Linear: twice as many may take twice as long, and a quarter more. Both outgrow
            # the caches and page tables of the machine; of 25,000, which do not, each takes
            # a fifth less.
            Bound(
                "100,000 candidates, ten a key",
                2 * 1.25,
                "50,000 candidates, ten a key",
                why="runs lie between 2.2 and 2.4; each candidate is 0.7 KB to walk through",
            ),
            Bound("4,000 candidates of one key", 4 * 1.25, "1,000 candidates of one key"),
        ),
    ),
    Section(
        "Reading while another thread publishes",
        "Four threads read a million times in all; a fifth publishes as fast as it can. Each "
        "answer must be one that was published, and no reader may see an older one after a newer.",
        {"threads": ""},
    ),
    Section(
        "Leasing a component",
        "A lease pins what is in force; what does nothing is an object with empty methods. "
        "Fifty components are active; all is done a thousand times in a loop.",
        {"current": "", "lease": "", "sync lease": ""},
        "",
        (
            Bound("handle.current", 1.3, "a dictionary, key to instance"),
            Bound("async with handle.lease()", 1.5, "an async context manager that does nothing"),
            Bound(
                "async with life.lease(domain, key)",
                2.2,
                "an async context manager that does nothing",
            ),
            Bound(
                "with handle.lease_sync(), another thread",
                3,
                "a context manager that does nothing",
                why="each lease is an object and an entry of a dictionary, since an integer is "
                "not safe between threads; runs lie between 3.0 and 3.1",
            ),
        ),
    ),
    Section(
        "Swapping a component",
        "Async factories, a health check, and a journal that is told of each change. Swaps at "
        "once are all for one key; a reader holds a lease for a millisecond, again and again; "
        "threads take turns every microsecond.",
        {"swap": "", "swaps at once": "", "readers": "", "lease threads": ""},
        "",
        (
            Bound("swap without a drain, 1 keys active", 40 * US),
            Bound("swap without a drain, 1,000 keys active", 40 * US),
            Bound("10,000 concurrent swaps of one key", 0.5),
        ),
    ),
    Section(
        "Writing and reading what is signed",
        "Manifests whose entries say all that an entry can say, 700 bytes each: the canonical form "
        "of RFC 8785, and the gate, which parses, writes again and compares. All write the same "
        "bytes. A million numbers are checked in the same run.",
        {
            "canonical": "10,000 entries written",
            "gate 10000": "10,000 read",
            "gate 100": "100 read",
        },
        "",
        (
            Bound("canonical.encode", 60 * MS),
            Bound("canonical.encode", 0.2, "rfc8785.dumps"),
            Bound("canonical.decode", 150 * MS, group="gate 10000"),
            Bound("canonical.decode", 3 * MS, group="gate 100"),
        ),
    ),
    Section(
        "Reading a manifest",
        "From the bytes to entries that are all held against the schema, to candidates, and to a "
        "registry that had the release before. The same entries as above.",
        {"manifest 10000": "10,000 entries", "manifest 100": "100 entries"},
        "",
        (
            Bound(
                "read_manifest: gate and every entry validated", 450 * MS, group="manifest 10000"
            ),
            Bound("read_manifest: gate and every entry validated", 5 * MS, group="manifest 100"),
            Bound("candidates_of", 400 * MS, group="manifest 10000"),
            Bound("enter: candidates and one generation", 600 * MS, group="manifest 10000"),
        ),
    ),
    Section(
        "Comparing two manifests",
        "Both are read already. Entries are matched, compared value by value, and looked through "
        "for risks. The same entries as above, against those of a release after it.",
        {"diff 10000": "10,000 entries against 10,000"},
        "",
        (
            Bound("diff: one entry in ten has other bytes and a version step", 300 * MS),
            Bound("diff: every entry has five other values, two of them risks", 600 * MS),
            Bound("diff: the same in a notebook, until it is drawn", 800 * MS),
            Bound("diff: 10,000 providers of one component, each raised", 800 * MS),
        ),
    ),
    Section(
        "Verifying a release",
        "From the bytes of files to a verdict, three signatures needed. Ours reads 7 MB of full "
        "entries and makes every check; python-tuf verifies as many targets, which hold name, size "
        "and SHA-256 only (2 MB); the third row is upstream's form as we read it, a signature over "
        "the whole document, without the models that upstream builds of it.",
        {"verify 10000": "10,000 entries", "verify 100": "100 entries"},
        "",
        (
            Bound("verify: gate and three signatures", 180 * MS, group="verify 10000"),
            Bound("verify: gate and three signatures", 5 * MS, group="verify 100"),
        ),
    ),
    Section(
        "Syncing with a source",
        "A release of 10,000 full entries without artifacts, 5.5 MB, from a source in this "
        "process. Verifying and parsing is what a program does by `lab.verify` and "
        "`read_manifest`: both pass the bytes through the gate, and the entries are kept as a "
        "tree. The first sync verifies and validates as much, makes candidates, writes the bytes "
        "and what is trusted to disk, and publishes one generation; the entries are kept as "
        "bytes. Where no factory is allowed each candidate is refused at once; where all are, "
        "its Python, its platform and its distributions are looked at. These three take turns.",
        {"sync 10000": ""},
        "verify and parse",
        (
            Bound("first sync, no artifacts", 1.5, "verify and parse"),
            Bound("unchanged sync, by etag", 0.02, "first sync, no artifacts"),
        ),
    ),
    Section(
        "Signing and revoking",
        "Parts of it: an envelope of a statement, a revocation list in which ten thousand keys "
        "were revoked at a thousand moments, a manifest of ten thousand full entries that is read, "
        "stated and signed.",
        {"trust": ""},
        "",
        (
            Bound("envelope with three signatures", 0.4 * MS),
            Bound("revocation list of 10,000, load and verify", 30 * MS),
            Bound("one key of 10,000", 1 * US),
            Bound(
                "10,000 entries signed with five keys",
                80 * MS,
                why="the canonical gate takes nearly all of it, and half of the gate is parsing",
            ),
        ),
    ),
    Section(
        "Events",
        "One call of a handler for one event, of twenty thousand: the event is made and put into "
        "the queue of each handler, whose worker takes it, leases the component, calls it and "
        "counts. Beside it the same handlers, awaited one after the other.",
        {
            "events 1": "One handler",
            "events 10": "Ten handlers",
            "events 100": "A hundred handlers",
        },
        "awaiting each handler",
        tuple(
            Bound("emit, queues, leases, counters", 10 * US, group=f"events {handlers}")
            for handlers in (1, 10, 100)
        ),
    ),
    Section(
        "Workflows",
        "A run of 1,000 nodes that do nothing, in memory, each with a lease and its result looked "
        "at. Then 200 nodes in a row that are recorded one by one, beside the same number of "
        "steps of DBOS alone: as it comes, and, by turns with ours, with the database as we set "
        "it up.",
        {
            "workflow of 1,000 nodes, in memory": "In memory",
            "200 durable nodes in a row": "Durable",
        },
        "",
        (
            *(
                Bound(
                    f"ours, {width} at a time",
                    60 * MS,
                    group="workflow of 1,000 nodes, in memory",
                )
                for width in (1, 10, 1000)
            ),
            # At least nine tenths of the rate: no more than ten ninths of the time.
            Bound(
                "ours",
                10 / 9,
                "DBOS alone, our database",
                group="200 durable nodes in a row",
            ),
        ),
    ),
    Section(
        "Driving a load",
        "What the generator takes for an operation that does nothing, its recording included: "
        "fifty users who do not think, and arrivals at an even rate. By turns with each, a bare "
        "loop that awaits the same operation and records nothing.",
        {"generator": ""},
        "",
        (
            Bound("closed load, one operation", 0.6 * US),
            Bound("open load at 200,000 a second, one operation", 1.5 * US),
        ),
    ),
    Section(
        "Driving a server over HTTP",
        "Fifty connections that are kept, in a closed loop, to one small server on 127.0.0.1, "
        "which is a process of its own; by turns. Counted is the CPU time of the process that "
        "calls, its import and start not included; a call that fails ends the benchmark. The "
        "scenario runs on uvloop, as in a worker.",
        {"http": ""},
        "locust, FastHttpUser",
        (Bound("the scenario http", 1 / 8, "locust, FastHttpUser"),),
    ),
    Section(
        "A notebook while a load run goes on",
        "The run drives a thousand readers in a process of its own, and its live chart is told "
        "four times a second. The kernel's loop wants to be woken every 10 ms; what counts is "
        "how much too late it is, as the 99th percentile of a stretch of 1.5 s by the clock of "
        "the wall. Stretches with and without a run take turns.",
        {"kernel loop": ""},
        "nothing else runs",
        (Bound("a load run goes on", 2, "nothing else runs"),),
    ),
    Section(
        "Following files",
        "From an atomic save of the project file to the swapped component being in force, by the "
        "clock of the wall; beside it, the same save until watchfiles tells of it.",
        {"watch": ""},
        "",
        (Bound("from a save to the swap in force", 100 * MS),),
    ),
    Section(
        "Starting",
        "CPU time of whole processes, warm. Bare Python is taken off the import.",
        {"import": "", "shell": ""},
        "",
        (
            Bound("import oneiric_lab", 40 * MS, "minus:bare Python"),
            Bound("oneiric-lab --help", 200 * MS),
            Bound("oneiric-lab explain server.port, on the sample", 400 * MS),
            Bound("oneiric-lab explain adapter:cache, on the sample", 400 * MS),
            Bound("Tab in bash: a verb", 150 * MS),
            Bound("Tab in bash: a value", 150 * MS),
        ),
    ),
    Section(
        "The Tab key in a notebook",
        "From the request to the kernel to its reply, by the clock of the wall; the first Tab, "
        "which opens the workspace, is not counted.",
        {"tab": ""},
        "",
        (Bound("Tab behind `%oneiric explain t1.s`, 5,000 keys", 10 * MS),),
    ),
)


def shown(seconds: float) -> str:
    """Return a time as people read it.

    Example:
        >>> shown(0.01234), shown(9.87e-08)
        ('12.3 ms', '98.7 ns')
    """
    for unit, size in (("s", 1.0), ("ms", MS), ("µs", US), ("ns", 1e-9)):
        if seconds >= size or unit == "ns":
            value = seconds / size
            return f"{value:.{max(0, 2 - len(str(int(value))) + 1)}f} {unit}"
    raise AssertionError


def told(each: list[float]) -> dict[str, Any]:
    """Return what the table tells of rounds, which are sorted."""
    quarter = len(each) // 4
    return {
        "min": each[0],
        "median": each[len(each) // 2],
        "iqr": each[-1 - quarter] - each[quarter],
        "rounds": len(each),
    }


class Measured:
    """The rows of a run, by group and name."""

    def __init__(self, run: dict[str, Any]) -> None:
        self.machine = run["machine_info"]
        self.groups: dict[str, dict[str, dict[str, Any]]] = {}
        for entry in run["benchmarks"]:
            rows = self.groups.setdefault(entry["group"], {})
            info, stats = entry["extra_info"], entry["stats"]
            if each := info.pop("each", None):
                # What the test measured itself, each round apart.
                stats = told(each)
            rows |= {row: told(found) for row, found in info.pop("beside", {}).items()}
            times = {name: stats[name] / info.get("calls", 1) for name in ("min", "median", "iqr")}
            rows[info["row"]] = {**info, **times, "rounds": stats["rounds"]}

    def least(self, group: str, row: str) -> float:
        """Return the least time of a row, in seconds."""
        return float(self.groups[group][row]["min"])

    def held(self, section: Section, bound: Bound) -> tuple[str, str, float]:
        """Return the bound and what was measured as text, and how far that is of the bound."""
        group = bound.group or next(g for g in section.groups if bound.row in self.groups[g])
        got = self.least(group, bound.row)
        if bound.beside is None:
            return f"≤ {shown(bound.most)}", shown(got), got / bound.most
        if bound.beside.startswith("minus:"):
            got -= self.least(group, bound.beside.removeprefix("minus:"))
            return f"≤ {shown(bound.most)} more", f"{shown(got)} more", got / bound.most
        ratio = got / self.least(group, bound.beside)
        return f"≤ {bound.most:g} x", f"{ratio:.3g} x", ratio / bound.most


def table(measured: Measured, section: Section, group: str) -> list[str]:
    """Return the table of a group, the fastest row first."""
    rows = sorted(measured.groups[group].items(), key=lambda row: row[1]["min"])
    beside = section.beside if section.beside in dict(rows) else ""
    head = ["", "least", "median", "spread", "rounds", *(["ratio"] if beside else [])]
    out = ["| " + " | ".join(head) + " |", "| --- |" + " ---: |" * (len(head) - 1)]
    for name, stats in rows:
        spread = f"{stats['iqr'] / stats['median']:.0%}" if stats["rounds"] > 1 else ""
        cells = [name, shown(stats["min"]), shown(stats["median"]), spread, f"{stats['rounds']:,}"]
        if beside:
            cells.append(f"{stats['min'] / measured.least(group, beside):.3g}")
        out.append("| " + " | ".join(cells) + " |")
    notes = [stats["note"] for _, stats in rows if "note" in stats]
    return [*out, *(f"\n{note[0].upper()}{note[1:]}." for note in notes)]


def page(measured: Measured) -> str:
    """Return the whole page."""
    machine, cpu = measured.machine, measured.machine["cpu"]
    model = cpu.get("brand_raw", machine["processor"] or machine["machine"])
    out = [HEAD.format(model=model, cores=cpu.get("count", "?"), **machine)]
    missed: list[str] = []
    for section in SECTIONS:
        out += [f"## {section.title}", "", section.text, ""]
        for group, caption in section.groups.items():
            if caption:
                out += [f"**{caption}**", ""]
            out += [*table(measured, section, group), ""]
        if not section.bounds:
            continue
        out += ["| bound | | measured | |", "| --- | --- | ---: | --- |"]
        for bound in section.bounds:
            limit, got, part = measured.held(section, bound)
            name = bound.row
            if bound.group is not None and len(section.groups) > 1:
                name += f" ({section.groups[bound.group]})"
            verdict = "held" if part <= 1 else f"missed by {part - 1:.0%}"
            out.append(f"| {name} | {limit} | {got} | {verdict} |")
            if part > 1:
                why = bound.why or "the reason is not known"
                missed.append(f"- {name}: {got}, the bound is {limit}. Why: {why}.")
        out.append("")
    out += ["## What is missed", "", *(missed or ["Nothing, in this run."]), ""]
    return "\n".join(out)


def main(source: str, target: str) -> None:
    """Read the measurements and write the page."""
    text = page(Measured(json.loads(Path(source).read_text(encoding="utf-8"))))
    Path(target).write_text(text, encoding="utf-8")
    sys.stdout.write(text[text.index("## What is missed") :])


if __name__ == "__main__":
    main(*sys.argv[1:])
