"""The browser ranks as the registry does: one order, told as data."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.registry import Candidate, Registry, Rules

if TYPE_CHECKING:
    from oneiric_lab.registry import Explanation

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

VECTORS = Path(__file__).parents[1] / "vectors" / "resolution.json"
CAPABILITIES = ("kv", "tls", "ttl")
FLAGS = ("beta", "fast")

candidates = st.builds(
    Candidate,
    st.just("adapter"),
    st.just("k"),
    st.sampled_from(["a", "b", "c"]),
    st.just(""),
    version=st.sampled_from(["1.0", "1.0.0", "1.9", "1.10", "2.0rc1"]),
    priority=st.none() | st.integers(-3, 3),
    stack_level=st.none() | st.integers(-1, 1),
    capabilities=st.frozensets(st.sampled_from(CAPABILITIES)),
    stability=st.sampled_from(["stable", "stable", "experimental"]),
    enabled_by=st.none() | st.sampled_from(FLAGS),
    os_platform=st.sampled_from([(), (), ("win32",)]),
    source=st.sampled_from(["manual", "package", "plugin", "manifest"]),
    source_name=st.sampled_from(["", "x", "y"]),
)
rules = st.builds(
    Rules,
    selections=st.none() | st.fixed_dictionaries({"adapter": st.just({"k": "b"})}),
    constraints=st.none() | st.fixed_dictionaries({"adapter": st.just({"k": ">=1.9"})}),
    flags=st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
    stack_order=st.sampled_from([(), ("x", "y"), ("y:2",)]),
    default_priority=st.integers(-1, 1),
    strict=st.booleans(),
    platform=st.just("linux"),
)
some = st.lists(st.sampled_from(CAPABILITIES), unique=True, max_size=2)


@pytest.fixture(scope="module")
def rank(browser: Any) -> Any:
    """Return what ranks contests in the browser, many at once."""
    from oneiric_lab.notebook.widgets._esm import STATIC

    page = browser.new_page()
    page.route("**/*", lambda route: route.fulfill(body="<!doctype html><title>t</title>"))
    page.goto("http://widget.test/")
    page.evaluate(
        "async (text) => { const blob = new Blob([text], { type: 'text/javascript' });"
        " window.ranking = await import(URL.createObjectURL(blob)); }",
        (STATIC / "ranking.mjs").read_text(),
    )

    def rank_(cases: list[tuple[Any, dict[str, Any]]]) -> list[Any]:
        found: list[Any] = page.evaluate(
            "(cases) => cases.map(([contest, asked]) => { const { asItIs, compete } = ranking;"
            " const found = compete(contest, { ...asItIs(contest), ...asked });"
            " const label = ({ candidate }) => candidate.label;"
            " return { winner: found.winner?.label ?? null, order: found.ranking.map(label),"
            " decided: found.decided, ambiguous: found.ambiguous,"
            " rejected: found.rejected.map((out) => [label(out), out.why]) }; })",
            cases,
        )
        return found

    yield rank_
    page.close()


def told(registry: Registry, explanation: Explanation) -> dict[str, Any]:
    """Return what the registry says, in the words of the browser."""
    from oneiric_lab.registry._what_if import labels

    members = list(registry.current.candidates("adapter", "k"))
    names = {c.identity: label for label, c in labels(members).items()}
    winner = explanation.winner
    return {
        "winner": None if winner is None else names[winner.identity],
        "order": [names[row.candidate.identity] for row in explanation.ranking],
        "decided": explanation.decided_by,
        "ambiguous": explanation.ambiguous,
        "rejected": [
            [names[out.candidate.identity], [[r.code, r.reason] for r in out.refusals]]
            for out in explanation.rejected
        ],
    }


class TestRanking:
    def test_the_vectors(self, rank: Any) -> None:
        """
        Every winner of the system we follow is that of the browser, too.
        """
        from oneiric_lab.notebook.widgets._contest import contest

        asked, winners = [], []
        for case in json.loads(VECTORS.read_text())["cases"]:
            chosen, wish = case["selection"], case["capabilities"]
            registry = Registry(
                selections={"adapter": {"k": chosen}} if chosen else None,
                default_priority=case["default_priority"],
            )
            with registry.batch():
                for n, facts in enumerate(case["candidates"]):
                    registry.add(Candidate("adapter", "k", source_name=f"s{n}", **facts))
            need = {"need": wish, "prefer": wish} if case["require_all"] else {"need_any": wish}
            asked.append((contest(registry.current, "adapter:k"), need if wish else {}))
            names = [c["label"] for c in asked[-1][0]["candidates"]]
            sources = [c["source_name"] for c in asked[-1][0]["candidates"]]
            won = case["winner"]
            winners.append(None if won is None else names[sources.index(f"s{won}")])

        assert winners == [found["winner"] for found in rank(asked)]

    @settings(max_examples=80)
    @given(
        members=st.lists(candidates, min_size=1, max_size=5, unique_by=lambda c: c.identity),
        rules=rules,
        facts=st.fixed_dictionaries(
            {},
            optional={
                "select": st.none() | st.sampled_from(["a", "b", "nobody"]),
                "flags": st.dictionaries(st.sampled_from(FLAGS), st.booleans()),
                "need": some,
                "need_any": some,
                "prefer": some,
            },
        ),
        moved=st.lists(st.tuples(st.integers(0, 4), st.integers(-5, 5)), max_size=2),
    )
    def test_any_what_if(
        self,
        rank: Any,
        members: list[Candidate],
        rules: Rules,
        facts: dict[str, Any],
        moved: list[tuple[int, int]],
    ) -> None:
        """
        Order, winner, deciding rule and every refusal are what the registry says, as things
        are and for any change of them.
        """
        from oneiric_lab.notebook.widgets._contest import contest

        registry = Registry(rules=rules)
        registry.add(*members)
        sent = contest(registry.current, "adapter:k")
        names = [c["label"] for c in sent["candidates"]]
        priority = {names[at % len(names)]: value for at, value in moved}
        asked = {**facts, "priority": priority}
        if "flags" in facts:
            asked["flags"] = {**sent["flags"], **facts["flags"]}
        as_it_is, found = rank([(sent, {}), (sent, asked)])

        assert as_it_is == told(registry, registry.explain("adapter", "k"))
        then = registry.what_if("adapter", "k", **{**facts, "priority": priority})
        assert found == told(registry, then)
