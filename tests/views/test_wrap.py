"""Tables in a narrow terminal: words are broken last, and where a reader would."""

from __future__ import annotations

from oneiric_lab.views import Table, View
from oneiric_lab.views._text import columns, to_text


def lines(table: Table, width: int) -> list[str]:
    """Return the lines of a view that holds *table*."""
    return to_text(View("x", "", (table,)), width=width).splitlines()


class TestTightTable:
    def test_columns_move_together_before_words_break(self) -> None:
        """
        Where single blanks between columns are enough, nothing is wrapped.
        """
        table = Table(("a", "b", "c"), (("x" * 14, "y" * 14, "z" * 14),))

        assert lines(table, 50)[1] == f"  {'x' * 14}  {'y' * 14}  {'z' * 14}"
        assert lines(table, 46)[1] == f"  {'x' * 14} {'y' * 14} {'z' * 14}"
        assert len(lines(table, 45)) > 2


class TestLongWords:
    def test_a_path_breaks_behind_a_separator(self) -> None:
        """
        A dotted path, a file and an address keep their parts whole.
        """
        table = Table(("value", "at"), (("adapters.settings.database.path", "oneiric.toml:17:9"),))

        found = lines(table, 40)

        assert [line.split() for line in found[1:]] == [
            ["adapters.settings.", "oneiric.toml:17:9"],
            ["database.path"],
        ]

    def test_a_word_without_separators_breaks_in_the_middle(self) -> None:
        """
        A digest is cut, as nothing in it is a better place.
        """
        table = Table(("digest", "of"), (("see " + "f" * 60, "the manifest"),))

        found = lines(table, 40)

        assert max(map(columns, found)) <= 40
        assert "".join(line.split()[0] for line in found[2:]) == "f" * 60


class TestParagraphs:
    def test_where_most_columns_would_break(self) -> None:
        """
        What differs between two profiles: no path and no place is broken.
        """
        row = ("database.path", "data/shop.db", "", "oneiric.prod.toml:25:8")
        table = Table(("value", "old", "new", "said at"), (row, ("a", "b", "c d\ne", "f")))

        assert lines(table, 36) == [
            "  database.path",
            "    old      data/shop.db",
            "    said at  oneiric.prod.toml:25:8",
            "  a",
            "    old      b",
            "    new      c d",
            "             e",
            "    said at  f",
        ]
