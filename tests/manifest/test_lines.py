"""A manifest as lines, which git compares."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.canonical import encode
from oneiric_lab.manifest import as_lines

from .conftest import EVENT, WORKFLOW
from .test_diff_risks import QUEUE, release

if TYPE_CHECKING:
    from pathlib import Path


def lines_of(folder: Path, *entries: dict[str, Any], **header: Any) -> list[str]:
    """Return the lines of a packed manifest."""
    file = folder / "a.oneiric.json"
    file.write_bytes(release(*entries, **header).to_bytes())
    return list(as_lines(file).lines)


class TestAsLines:
    def test_one_line_for_each_value(self, folder: Path) -> None:
        """
        What has a name stands under it, what has no order is sorted.
        """
        assert lines_of(folder, WORKFLOW, EVENT, **{"x-note": "ours"}) == [
            "shop/stable 7",
            "x-note = ours",
            "",
            "[event:placed shop]",
            "version = 1",
            "event.fanout_policy = exclusive",
            f"event.filters = {encode(EVENT['event']['filters']).decode()}",
            "event.max_concurrency = 4",
            "event.priority = 5",
            "event.topics: order.placed",
            "factory = shop:on_placed",
            "",
            "[workflow:ship shop]",
            "version = 1.0rc1",
            "dag.nodes.pack.depends_on: pick",
            "dag.nodes.pack.retry_policy.attempts = 2",
            "dag.nodes.pack.task = pack-goods",
            "dag.nodes.pack.timeout = 60",
            "dag.nodes.pick.payload.fast = true",
            "dag.nodes.pick.task = pick-goods",
            "dag.queue = orders",
            "factory = shop.flows:Ship.build",
        ]

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("1", 1),
            ("true", True),
            ("null", None),
            ("a\nb", "a b"),
            ("", '""'),
            ("[1]", [1]),
            ({}, "{}"),
            ([], None),
        ],
    )
    def test_different_values_are_different_lines(self, folder: Path, old: Any, new: Any) -> None:
        """
        A text is never written as something else is.
        """
        a, b = (lines_of(folder, QUEUE | {"metadata": {"it": v}}) for v in (old, new))

        assert a != b

    def test_order_of_own_lists_is_kept(self, folder: Path) -> None:
        """
        Only lists of ours are sorted, and an empty one is not the same as none.
        """
        own = [
            lines_of(folder, QUEUE | {"metadata": {"topics": t}}) for t in (["a", "b"], ["b", "a"])
        ]
        empty: dict[str, Any] = {"os_platform": []}
        none = [lines_of(folder, QUEUE), lines_of(folder, QUEUE | empty)]

        assert own[0] != own[1]
        assert none[0] != none[1]

    def test_no_manifest(self, folder: Path) -> None:
        """
        Any file is shown as it stands, without what acts on a terminal.
        """
        file = folder / "a.oneiric.json"
        file.write_bytes(encode({"schema": 3}) + b"\n\x1b[2J\xff")

        found = as_lines(file)

        assert found.lines[0].startswith("# no manifest: ")
        assert "\x1b" not in found.to_text()
        assert found.view().title == str(file)
