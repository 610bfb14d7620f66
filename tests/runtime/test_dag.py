"""The nodes of a workflow: checked when they are loaded, in an order that holds."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.errors import Origin, WorkflowError
from oneiric_lab.runtime import Dag, dag_of

Said = dict[str, Any]


def said(*nodes: Said) -> Said:
    """Return nodes as a manifest says them."""
    return {"nodes": [{"task": "t", **node} for node in nodes]}


@st.composite
def dags(draw: st.DrawFn, most: int = 12) -> Said:
    """Return random nodes without a circle, written in random order."""
    many = draw(st.integers(1, most))
    # A bit for each pair of nodes: one draw, where a boolean each would be up to 66.
    bits = draw(st.integers(0, 2 ** (many * (many - 1) // 2) - 1))
    nodes: list[dict[str, object]] = []
    for i in range(many):
        before = [f"n{j}" for j in range(i) if bits >> j & 1]
        bits >>= i
        nodes.append({"id": f"n{i}", "task": "t", "depends_on": before})
    return {"nodes": draw(st.permutations(nodes))}


class TestDagOf:
    def test_all_that_is_wrong_is_told_at_once(self) -> None:
        """
        Nodes that stand twice and nodes that nobody knows are told together.
        """
        with pytest.raises(WorkflowError) as caught:
            dag_of(said({"id": "a", "depends_on": ["z"]}, {"id": "b"}, {"id": "b"}))

        assert [fault.code for fault in caught.value.faults] == ["unknown-step", "duplicate-step"]

    def test_a_circle_is_drawn(self) -> None:
        """
        The names of those that wait for each other stand in their order.
        """
        with pytest.raises(WorkflowError, match="a -> b -> c -> a"):
            dag_of(
                said(
                    {"id": "a", "depends_on": ["b"]},
                    {"id": "b", "depends_on": ["c"]},
                    {"id": "c", "depends_on": ["a"]},
                )
            )

    def test_a_fault_is_told_at_its_place(self) -> None:
        """
        Whoever knows the document says where the path stands in it.
        """
        with pytest.raises(WorkflowError) as caught:
            dag_of(
                said({"id": "a", "depends_on": ["z"]}),
                path=("workflows", "dags", "w"),
                place=lambda path, key: (Origin("project", name=repr(path)), None),
            )

        (fault,) = caught.value.faults
        assert "('workflows', 'dags', 'w', 'nodes', 0, 'depends_on', 0)" in str(fault.origin)

    @pytest.mark.parametrize(
        ("wrong", "code"),
        [
            ([], "invalid-value"),
            ({"nodes": []}, "invalid-value"),
            ({"nodes": [{"id": "a"}]}, "missing-value"),
            ({"nodes": [{"id": "a", "task": "t", "afterwards": []}]}, "unknown-key"),
            ({"nodes": [{"id": "a b", "task": "t"}]}, "invalid-value"),
            ({"nodes": [{"id": "a", "task": "t", "timeout": -1}]}, "invalid-value"),
            ({"nodes": [{"id": "a", "task": "t", "depends_on": ["a"]}]}, "circle-of-steps"),
        ],
        ids=["list", "empty", "no-task", "unknown", "name", "timeout", "itself"],
    )
    def test_what_is_no_dag_is_refused(self, wrong: Any, code: str) -> None:
        """
        Each with the code of what is wrong.
        """
        with pytest.raises(WorkflowError) as caught:
            dag_of(wrong)

        assert caught.value.code == code

    @given(dags())
    def test_each_node_stands_behind_all_that_it_depends_on(self, nodes: Said) -> None:
        """
        Whatever the order in which they were written, and none is lost.
        """
        found = dag_of(nodes)

        seen: set[str] = set()
        for node in found.nodes:
            assert seen.issuperset(node.depends_on)
            seen.add(node.id)
        assert seen == {node["id"] for node in nodes["nodes"]}

    @given(dags())
    def test_what_it_says_is_read_as_itself(self, nodes: Said) -> None:
        """
        A dag that was kept is the same when it is read.
        """
        found = dag_of(nodes)

        again = dag_of(found.as_dict())

        assert again == found
        assert again.digest == found.digest

    def test_a_chain_of_thousands_is_no_recursion(self) -> None:
        """
        Length is no limit.
        """
        chain = [{"id": f"n{i}", "depends_on": [f"n{i + 1}"]} for i in range(5_000)]
        found = dag_of(said(*chain, {"id": "n5000"}))

        assert found.nodes[0].id == "n5000"
        assert len(found.after(["n5000"])) == 5_001


class TestDag:
    def test_after_is_all_that_waits(self) -> None:
        """
        Directly or behind others, and the node itself.
        """
        found: Dag = dag_of(
            said(
                {"id": "a"},
                {"id": "b", "depends_on": ["a"]},
                {"id": "c", "depends_on": ["b"]},
                {"id": "d"},
            )
        )

        assert found.after(["b"]) == {"b", "c"}

    def test_all_that_a_node_says_is_kept(self) -> None:
        """
        Policy, time and payload are read as they were written.
        """
        whole = {
            "id": "a",
            "payload": {"x": [1]},
            "retry_policy": {"attempts": 3, "base_delay": 0.5, "max_delay": 2, "jitter": 0.0},
            "timeout": 9,
        }
        found = dag_of({**said(whole), "queue": "slow"})

        assert found.as_dict() == {"nodes": [{**whole, "task": "t"}], "queue": "slow"}
