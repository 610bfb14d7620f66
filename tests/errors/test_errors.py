"""A message says what, where, why and a fix, in one form everywhere."""

from __future__ import annotations

import pickle

import pytest

import oneiric_lab.errors as door
from oneiric_lab.errors import (
    Because,
    Excerpt,
    Fault,
    InvalidConfigError,
    JobCancelledError,
    MissingExtraError,
    NoCandidateError,
    OneiricError,
    Origin,
    UnknownPathError,
    _tree,
    did_you_mean,
    nearest,
    with_aside,
)
from oneiric_lab.views import to_text

PORT = Fault(
    "invalid-value",
    'expected an integer, got string "eighty": server.port',
    Origin("profile:prod", "oneiric.prod.toml", 4, 8, 8),
    Excerpt(4, 'port = "eighty"', 8, 8),
    notes=("shadows 8080 from oneiric.toml:4:8",),
)
CACHE = Fault(
    "no-candidate",
    "no candidate for adapter:cache with {ttl, tx}",
    because=(
        Because("redis 2.1.0 lacks `tx`", "plugin shop-redis"),
        Because("memory 3.0.0 is outside `<3`", "constraint, oneiric.toml:14:11"),
    ),
    so="adapter:session (requires it) cannot be provided either",
    fix="relax `<3` (would select memory 3.0.0)",
)


class TestFault:
    def test_a_value_shows_place_line_and_caret(self) -> None:
        """The form of the design: place, layer, source line, caret, what it shadows."""
        expected = """\
error: expected an integer, got string "eighty": server.port
  --> oneiric.prod.toml:4:8                              (layer profile:prod)
   4 | port = "eighty"
     |        ^^^^^^^^
  note: shadows 8080 from oneiric.toml:4:8"""

        assert expected == str(PORT)

    def test_a_component_shows_its_chain_of_reasons(self) -> None:
        """Each refused candidate has its reason and where it is known from."""
        expected = """\
error: no candidate for adapter:cache with {ttl, tx}
  because redis 2.1.0 lacks `tx`                         (plugin shop-redis)
  and     memory 3.0.0 is outside `<3`                   (constraint, oneiric.toml:14:11)
  so      adapter:session (requires it) cannot be provided either
  help: relax `<3` (would select memory 3.0.0)"""

        assert expected == str(CACHE)

    def test_the_project_layer_is_not_named(self) -> None:
        """`oneiric.toml` is the project to every reader."""
        fault = Fault("x", "m\nmore", Origin("project", "oneiric.toml", 2, 1), why="w")

        assert str(fault) == "error: m\n  more\n  --> oneiric.toml:2:1\n  why: w"

    @pytest.mark.parametrize(
        ("origin", "line"),
        [
            (Origin("environment", name="SHOP_PORT"), "SHOP_PORT"),
            (Origin("set", name="--set server.port"), "--set server.port"),
            (Origin("session", name="cell [12]"), "cell [12]"),
            (Origin("session"), "session"),
            (Origin("defaults"), "schema default"),
            (Origin("policy"), "policy"),
        ],
    )
    def test_an_origin_without_a_file_is_named_as_it_was_written(
        self, origin: Origin, line: str
    ) -> None:
        """A variable and an option are found again by the name that was typed."""
        assert line == str(origin)
        assert line in str(Fault("x", "m", origin))

    def test_as_dict_has_the_keys_that_programs_read(self) -> None:
        """code, message, where, why and fix are always there."""
        shape = PORT.as_dict()

        assert {"code", "message", "where", "why", "fix", "severity"} == set(shape)
        assert shape["where"] == [
            {"layer": "profile:prod", "file": "oneiric.prod.toml", "line": 4, "column": 8}
        ]
        assert shape["why"] == "shadows 8080 from oneiric.toml:4:8"

    def test_reasons_are_the_why(self) -> None:
        """A chain of reasons reads as one sentence in JSON."""
        why = Fault("x", "m", because=(Because("a", "b"), Because("c")), why="w").as_dict()["why"]

        assert why == "w; a (b); c"
        assert Fault("x", "m", because=(Because("c"),)).as_dict()["why"] == "c"

    def test_an_escape_sequence_never_reaches_the_terminal(self) -> None:
        """Keys and paths come from outside: controls in them are drawn, line ends are kept."""
        fault = Fault(
            "x", "key \x1b[31m", Origin("", "\udcff\x07.toml", 1), notes=("a\x00\nb",), fix="\x9b"
        )

        assert str(fault) == "error: key ·[31m\n  --> ··.toml:1\n  note: a·\nb\n  help: ·"

    def test_a_why_of_its_own_goes_before_notes(self) -> None:
        """Notes stand in for the why only where nobody said it; without both there is none."""
        assert Fault("x", "m", why="w", notes=("n",)).as_dict()["why"] == "w"
        assert Fault("x", "m").as_dict()["why"] is None

    def test_the_name_of_a_variable_is_in_the_json(self) -> None:
        """An origin with a name of its own carries it."""
        assert Origin("environment", name="A").as_dict()["name"] == "A"


class TestExcerpt:
    def test_a_tab_before_the_caret_is_kept(self) -> None:
        """The caret stands under its word whatever a tab's width."""
        assert Excerpt(3, "\tport = x", 9).render() == ["   3 | \tport = x", "     | \t       ^"]

    def test_a_minified_line_is_cut_around_the_span(self) -> None:
        """A line of 100,000 characters shows the place and no screenful."""
        lines = Excerpt(1, "a" * 500 + "HERE" + "b" * 500, 501, 4).render()

        assert max(map(len, lines)) < 110
        assert lines[0].index("HERE") == lines[1].index("^^^^")

    def test_controls_are_drawn(self) -> None:
        """A NUL or an escape in a file does not act on the terminal."""
        assert Excerpt(1, "a\x00\x1bb", 2).render()[0] == "   1 | a··b"

    def test_a_span_past_the_end_still_shows_a_caret(self) -> None:
        """The end of a document has a place too."""
        assert Excerpt(1, "ab", 3, 9).render()[1] == "     |   ^"


class TestNearest:
    def test_the_best_name_comes_first(self) -> None:
        """Swapped letters, case and separators do not hide the name."""
        known = ["timeout", "time_zone", "port", "TIME-OUT"]

        assert nearest("tiemout", known) == ["timeout"]
        assert nearest("Time-Zone", known) == ["time_zone"]
        assert nearest("zebra", known) == []
        assert nearest("txxxyzt", ["timeout"]) == []

    def test_letters_in_another_order_are_not_near(self) -> None:
        """The same letters alone do not make a name near."""
        assert nearest("abcdef", ["fedcba"]) == []

    def test_hints_show_the_known_names(self) -> None:
        """A few known names are shown, many are counted, none give no hint."""
        assert (
            did_you_mean("redsi", ["redis", "memory"])
            == "did you mean `redis`? known: memory, redis"
        )
        assert did_you_mean("zzz", ["c", "b", "a"], limit=2) == "known: a, b, … (3 in all)"
        assert None is did_you_mean("x", [])


class TestOneiricError:
    def test_holds_all_faults_in_one_report(self) -> None:
        """Every fault that was found is in the text and in the JSON."""
        error = InvalidConfigError([PORT, CACHE])
        shape = error.as_dict()["error"]

        assert f"{PORT}\n{CACHE}" == str(error)
        assert error.code == "invalid-value"
        assert isinstance(shape, dict)
        assert len(shape["faults"]) == 2
        assert len(shape["where"]) == 1

    def test_a_text_becomes_one_fault_with_the_class_code(self) -> None:
        """Short errors need no ceremony."""
        error = UnknownPathError("no value server.prt", fix="did you mean `port`?")

        assert isinstance(error, LookupError)
        assert str(error) == "error: no value server.prt\n  help: did you mean `port`?"

    def test_without_a_fault_there_is_no_error(self) -> None:
        """An error that says nothing is a mistake of ours."""
        with pytest.raises(ValueError, match="at least one fault"):
            OneiricError([])

    def test_travels_between_processes(self) -> None:
        """A worker's error arrives as it was raised."""
        error = pickle.loads(pickle.dumps(MissingExtraError("YAML needs PyYAML", extra="yaml")))

        assert issubclass(type(error), ImportError)
        assert isinstance(error, MissingExtraError)
        assert error.faults[0].fix == "pip install 'oneiric-lab[yaml]'"
        assert error.faults == pickle.loads(pickle.dumps(error)).faults

    def test_a_notebook_shows_the_message_and_no_frames(self) -> None:
        """The reader's mistake is not in our traceback."""
        assert str(PORT).splitlines() == InvalidConfigError(PORT)._render_traceback_()

    def test_an_extra_that_is_not_named_gives_no_hint(self) -> None:
        """A hint is only given where it works."""
        assert None is MissingExtraError("x").faults[0].fix

    def test_the_card_says_the_same(self) -> None:
        """The rich form has each message, and counts the faults."""
        text = to_text(InvalidConfigError([PORT, Fault("w", "odd", severity="warning")]).view())

        assert text.startswith("2 faults\n  ✗ error: expected an integer")
        assert "! warning: odd" in text
        assert InvalidConfigError(PORT).view().title == "1 fault"

    def test_exit_codes(self) -> None:
        """No candidate is an answer, a fault in the configuration is not."""
        assert [e.exit_code for e in (InvalidConfigError, NoCandidateError, JobCancelledError)] == [
            2,
            1,
            130,
        ]

    def test_the_tree_at_the_top_names_every_error(self) -> None:
        """What is drawn is what there is."""
        assert _tree.__doc__ is not None
        for name in door.__all__:
            if name.endswith("Error"):
                assert name in _tree.__doc__
                assert issubclass(getattr(door, name), OneiricError)


class TestWithAside:
    def test_a_long_text_keeps_two_blanks(self) -> None:
        """The aside moves right, it never joins the text."""
        assert with_aside("x" * 80, "y") == "x" * 80 + "  (y)"
        assert with_aside("x", "") == "x"
