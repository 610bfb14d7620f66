"""Where a table goes that a file did not have."""

from __future__ import annotations

import tomllib

from hypothesis import given
from hypothesis import strategies as st

from oneiric_lab.config import Set
from oneiric_lab.config._edit import edit

names = st.sampled_from(["a", "b", "c"])
values = st.integers(0, 9)
documents = st.lists(
    st.tuples(st.lists(names, min_size=1, max_size=3, unique=True), names, values), max_size=5
)


class TestNewTable:
    """A value whose table is new."""

    def test_stands_behind_its_neighbour(self) -> None:
        """What is said above the next table stays above it."""
        text = "[jobs.x]\nn = 1  # one\n\n# about other\n[other]\nm = 2\n"
        new = edit(text, [Set(("jobs", "y", "n"), 3)], shown="x.toml")

        assert new == (
            "[jobs.x]\nn = 1  # one\n\n[jobs.y]\nn = 3\n\n# about other\n[other]\nm = 2\n"
        )

    def test_stands_in_its_profile(self) -> None:
        """The nearest related table counts, however far up it is."""
        text = "[profiles.prod.server]\nport = 1\n\n[profiles.dev]\nx = 1"
        new = edit(text, [Set(("profiles", "prod", "a", "b", "c"), True)], shown="x.toml")

        assert new == (
            "[profiles.prod.server]\nport = 1\n\n[profiles.prod.a.b]\nc = true\n"
            "\n[profiles.dev]\nx = 1"
        )

    def test_keeps_line_ends(self) -> None:
        """A file from Windows stays one."""
        text = "[jobs.x]\r\nn = 1\r\n[other]\r\nm = 2"
        new = edit(text, [Set(("jobs", "y", "n"), 3)], shown="x.toml")

        assert "\n" not in new.replace("\r\n", "")
        assert tomllib.loads(new)["jobs"] == {"x": {"n": 1}, "y": {"n": 3}}

    def test_swallows_no_other_key(self) -> None:
        """Where a header would take keys that follow, another way is found."""
        text = "jobs.x.n = 1\nafter = 2\n"
        new = edit(text, [Set(("jobs", "y", "n"), 3)], shown="x.toml")

        assert tomllib.loads(new) == {"jobs": {"x": {"n": 1}, "y": {"n": 3}}, "after": 2}

    @given(documents, st.lists(names, min_size=2, max_size=3, unique=True), names, values)
    def test_changes_nothing_else(
        self,
        rows: list[tuple[list[str], str, int]],
        head: list[str],
        key: str,
        value: int,
    ) -> None:
        """Every line that was there is there, in its order, wherever the table goes."""
        text = "".join(f"# {i}\n[{'.'.join(h)}]\n{k} = {v}\n" for i, (h, k, v) in enumerate(rows))
        try:
            tree = tomllib.loads(text)
        except tomllib.TOMLDecodeError:
            return
        node = tree
        for part in head:
            node = node.get(part, {})
            if not isinstance(node, dict):
                return
        if node:
            return
        new = edit(text, [Set((*head, key), value)], shown="x.toml")

        lines = iter(new.splitlines())
        assert all(line in lines for line in text.splitlines())
