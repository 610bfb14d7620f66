"""The browser filters and sorts as `Listing.where` does, and takes a change as it is told."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.registry import Candidate, Listing, Registry

if TYPE_CHECKING:
    from collections.abc import Iterator

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

candidates = st.builds(
    Candidate,
    st.sampled_from(["adapter", "task"]),
    st.sampled_from(["a", "b"]),
    st.sampled_from(["Redis", "memory", "x"]),
    version=st.sampled_from(["1.9", "1.10", "1.10.0", "2.0rc1"]),
    priority=st.none() | st.integers(-3, 30),
    capabilities=st.frozensets(st.sampled_from(["kv", "ttl"])),
    enabled_by=st.none() | st.just("off"),
    source=st.sampled_from(["manual", "plugin"]),
    source_name=st.sampled_from(["", "y"]),
)
several = st.lists(candidates, max_size=12, unique_by=lambda c: c.identity)
filters = st.fixed_dictionaries(
    {},
    optional={
        "state": st.lists(st.sampled_from(["active", "shadowed", "rejected"]), min_size=1),
        "capabilities": st.lists(st.sampled_from(["kv", "ttl"]), min_size=1),
        "priority": st.tuples(st.integers(-3, 10), st.integers(0, 30)),
        "rank": st.lists(st.none() | st.integers(1, 3), min_size=1),
    },
)
sorts = st.none() | st.sampled_from(
    [f"{way}{name}" for way in ("", "-") for name in ("version", "priority", "rank", "component")]
)
words = st.sampled_from(["", "redis", "A:", "adapter 1.10", "flag off", "kv", "  task  x ", "zzz"])

_LOAD = """async (text) => {
  const blob = new Blob([text], { type: "text/javascript" });
  const { decode, judge, merge, order, said } = await import(URL.createObjectURL(blob));
  const view = (text) => new DataView(Uint8Array.from(atob(text), (c) => c.charCodeAt(0)).buffer);
  const value = (columns, name, row) => {
    const { values, codes } = columns.find((each) => each.name === name);
    return values[codes[row]];
  };
  const all = (columns, rows) => [...rows].map((row) =>
    ["component", "provider", "version", "source_name", "state", "rank", "capabilities"]
      .map((name) => value(columns, name, row)));
  window.filter = ([columns, cells, count, text, where, sort]) => {
    const table = decode(columns, view(cells), count);
    const by = sort && table.find(({ name }) => name === sort.replace("-", ""));
    const fails = judge(table, count, text, where);
    return all(table, order(fails, by, sort?.startsWith("-")));
  };
  window.take = ([columns, cells, count, more, fresh, rows, gone]) => {
    const table = decode(columns, view(cells), count);
    const found = merge(table, count, decode(more, view(fresh), rows), rows, gone);
    return [all(found.columns, found.marks.keys()), [...found.marks], found.gone];
  };
}"""


@pytest.fixture(scope="module")
def page(browser: Any) -> Iterator[Any]:
    """Return a page that has the module."""
    from oneiric_lab.notebook.widgets._esm import STATIC

    made = browser.new_page()
    made.route("**/*", lambda route: route.fulfill(body="<!doctype html><title>t</title>"))
    made.goto("http://widget.test/")
    made.evaluate(_LOAD, (STATIC / "columns.mjs").read_text())
    yield made
    made.close()


def listing(*members: Candidate) -> Listing:
    """Return what a registry of these candidates lists."""
    registry = Registry()
    registry.add(*members)
    return registry.current.listing()


def rows(found: Listing) -> list[list[Any]]:
    """Return rows as the page tells them."""
    names = ("component", "provider", "version", "source_name", "state", "rank")
    return [
        [*(row[name] for name in names), list(row["capabilities"])]  # type: ignore[call-overload]  # texts
        for row in found.rows
    ]


def text(cells: bytes) -> str:
    """Return bytes as a page can be given them."""
    return base64.b64encode(cells).decode()


class TestColumns:
    @settings(max_examples=50)
    @given(members=several, asked=words, where=filters, sort=sorts)
    def test_a_filter_leaves_the_same_rows(
        self, page: Any, members: list[Candidate], asked: str, where: dict[str, Any], sort: str
    ) -> None:
        """
        What is clicked together is what the copied code returns, in the same order.
        """
        from oneiric_lab.notebook.widgets._columns import Packer

        whole = listing(*members)
        columns, cells = Packer().whole(whole.columns)
        sent = {k: {"range": list(v)} if isinstance(v, tuple) else v for k, v in where.items()}
        found = page.evaluate(
            "window.filter", [columns, text(cells), len(whole), asked, sent, sort]
        )

        assert found == rows(whole.where(asked, sort=sort, **where))

    @settings(max_examples=50)
    @given(before=several, after=several)
    def test_a_change_leads_to_what_is_there_then(
        self, page: Any, before: list[Candidate], after: list[Candidate]
    ) -> None:
        """
        The rows of all components that differ come anew; marks tell which rows are not as
        they were.
        """
        from oneiric_lab.notebook.widgets._columns import Packer

        old, new = listing(*before), listing(*after)
        packer = Packer()
        columns, cells = packer.whole(old.columns)
        touched = sorted({*old.columns["component"], *new.columns["component"]})
        more, fresh = packer.more(new.columns)
        given_ = [columns, text(cells), len(old), more, text(fresh), len(new), touched]
        found, marks, gone = page.evaluate("window.take", given_)

        assert found == rows(new)
        was = {tuple(row[:4]): row for row in rows(old)}
        for row, mark in zip(found, marks, strict=True):
            if tuple(row[:4]) not in was:
                assert mark == 2
            elif row != was[tuple(row[:4])]:
                assert mark == 1
        assert gone == len(was.keys() - {tuple(row[:4]) for row in found})
