"""Two manifests by meaning, and the way from one to the other."""

from __future__ import annotations

import json
from copy import deepcopy
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.canonical import encode
from oneiric_lab.errors import ManifestError, UsageError
from oneiric_lab.manifest import (
    ABSENT,
    Manifest,
    build,
    diff,
    empty,
    patch,
    read_manifest,
    version_step,
)
from oneiric_lab.manifest._diff_steps import is_looser
from oneiric_lab.views import Code, Table, cell, to_html

from .conftest import WHOLE
from .test_diff_risks import CACHE, CASES, QUEUE, changed, release

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from oneiric_lab.manifest._diff import Style

HOSTILE = "</td><script>alert(1)</script>\x1b[31m\u202egpj\r\n\x00"


def read(tree: dict[str, Any]) -> Manifest:
    """Return the manifest that a tree is."""
    return read_manifest(encode(tree))


def whole(**header: Any) -> dict[str, Any]:
    """Return a manifest that says all that can be said, with another header."""
    return deepcopy(WHOLE) | header


# --- manifests by lot: few names, so that they meet; every kind of field -----------------------

NAMES = st.sampled_from(["a", "b", "c"])
VERSIONS = st.sampled_from(["1", "1.0", "1.1", "2.0rc1", "2.0", "1!0"])
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers(-2, 2) | st.sampled_from(["", "x", "é"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3),
    max_leaves=6,
)
CAPABILITIES = st.lists(
    st.fixed_dictionaries(
        {"name": NAMES},
        optional={
            "description": st.sampled_from(["x", "y"]),
            "event_types": st.lists(NAMES, max_size=3),
            "security": st.fixed_dictionaries(
                {}, optional={"auth_required": st.booleans(), "scopes": st.lists(NAMES, max_size=2)}
            ),
            "metadata": st.dictionaries(NAMES, VALUES, max_size=2),
        },
    ),
    max_size=3,
)
ENTRIES = st.fixed_dictionaries(
    {
        "domain": st.sampled_from(["adapter", "service"]),
        "key": NAMES,
        "provider": NAMES,
        "version": VERSIONS,
        "factory": st.sampled_from(["a:b", "a:c"]),
    },
    optional={
        "priority": st.integers(-2, 2),
        "stack_level": st.integers(-1, 1),
        "capabilities": CAPABILITIES,
        "artifact": st.fixed_dictionaries(
            {
                "uri": st.sampled_from(["a.whl", "https://a.example/x", "http://b.example"]),
                "sha256": st.sampled_from(["a" * 64, "b" * 64]),
                "size": st.integers(0, 2),
            }
        ),
        "requires": st.dictionaries(
            st.sampled_from(["adapter:a", "service:b"]), st.sampled_from(["", ">=1", "<2"])
        ),
        "requires_dist": st.lists(st.sampled_from(["a", "a>=1", "b<2", "b"]), max_size=3),
        "requires_secrets": st.lists(NAMES, max_size=3),
        "os_platform": st.lists(st.sampled_from(["linux", "darwin"]), max_size=3),
        "python_version": st.sampled_from(["", ">=3.11", "<4"]),
        "stability": st.sampled_from(["stable", "beta"]),
        "timeouts": st.dictionaries(st.sampled_from(["call", "build"]), st.integers(0, 2)),
        "metadata": st.dictionaries(NAMES, VALUES, max_size=3),
        "x-own": VALUES,
    },
)
MANIFESTS = st.builds(
    lambda entries, version, extra: read(
        {
            "schema": 3,
            "project": "shop",
            "channel": "stable",
            "version": version,
            "entries": entries,
        }
        | extra
    ),
    st.lists(
        ENTRIES,
        max_size=6,
        unique_by=lambda e: (e["domain"], e["key"], e["provider"], e["version"]),
    ),
    st.integers(1, 3),
    st.dictionaries(st.sampled_from(["x-a", "x-b"]), VALUES),
)


def paths(tree: Any, path: tuple[Any, ...]) -> Iterator[tuple[Any, ...]]:
    """Yield the path of every value of a tree."""
    for step, inner in (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    ):
        yield (*path, step)
        yield from paths(inner, (*path, step))


class TestPatch:
    @settings(max_examples=300)
    @given(MANIFESTS, MANIFESTS)
    def test_diff_applied_to_the_old_gives_the_new(self, old: Manifest, new: Manifest) -> None:
        """
        What a diff holds leads from one to the other, to the byte; also through its views.
        """
        found = diff(old, new)

        assert patch(old, found).to_bytes() == new.to_bytes()
        assert found.same is (old.digest == new.digest)
        assert json.loads(found.to_json())["same"] is found.same
        assert str(found)
        assert str(found.styled("unified"))

    @given(MANIFESTS, st.data())
    def test_few_changes_of_one_manifest(self, old: Manifest, data: st.DataObject) -> None:
        """
        So it does where entries are put in another order and a value becomes another.
        """
        tree = json.loads(old.to_bytes())
        tree["entries"] = data.draw(st.permutations(tree["entries"]))
        for entry in tree["entries"]:
            if data.draw(st.booleans()):
                entry["metadata"] = data.draw(st.dictionaries(NAMES, VALUES, max_size=2))
        new = read(tree)

        assert patch(old, diff(old, new)).digest == new.digest

    @pytest.mark.parametrize(("path", "value", "_"), CASES)
    def test_each_field(self, path: str, value: Any, _: object) -> None:
        """
        Every kind of field can be applied, forwards and back.
        """
        old, new = release(CACHE), release(changed(CACHE, path, value))

        assert patch(old, diff(old, new)).digest == new.digest
        assert patch(new, diff(new, old)).digest == old.digest

    def test_every_value_that_can_be_said(self) -> None:
        """
        Each value of a manifest that says all is taken out or becomes another; both apply.
        """
        old, tried = read(whole()), 0
        others: tuple[Any, ...] = (ABSENT, "x", 2, [], ["x"], {})
        for path in paths(WHOLE, ()):
            for other in others:
                tree = whole()
                node: Any = tree
                for step in path[:-1]:
                    node = node[step]
                if other is ABSENT:
                    del node[path[-1]]
                else:
                    node[path[-1]] = other
                try:
                    new = read(tree)
                except ManifestError:
                    continue
                tried += 1
                assert patch(old, diff(old, new)).digest == new.digest, path
                assert patch(new, diff(new, old)).digest == old.digest, path
                assert diff(old, new).to_json()

        assert tried > 200

    def test_only_what_the_diff_holds_is_used(self) -> None:
        """
        The old manifest is not changed, nor is the new one looked at.
        """
        old, new = read(whole()), read(whole(version=8, entries=[]))
        before = old.to_bytes()

        patch(old, diff(old, new))

        assert old.to_bytes() == before

    def test_other_manifest_is_refused(self) -> None:
        """
        A diff of one manifest is not applied to another.
        """
        found = diff(release(CACHE), release(QUEUE))

        with pytest.raises(UsageError, match="the diff is of sha256"):
            patch(release(QUEUE), found)

    def test_part_is_refused(self) -> None:
        """
        A part of a diff would lead nowhere.
        """
        old = release(CACHE)
        found = diff(old, release(QUEUE)).only(domain="adapter")

        with pytest.raises(UsageError, match="a part of a diff"):
            patch(old, found)


class TestDiff:
    def test_same(self) -> None:
        """
        The same manifest has no difference, and exit code 0.
        """
        found = diff(read(whole()), read(whole()))

        assert found.same
        assert found.exit_code == 0
        assert "nothing differs" in str(found)
        assert found.kept == len(WHOLE["entries"])

    @pytest.mark.parametrize(("old", "new"), [(1, True), (0, False), (True, 1)])
    def test_true_is_not_one(self, old: object, new: object) -> None:
        """
        Python takes true for 1; the bytes that are signed differ, and so do the manifests.
        """
        entries = [CACHE | {"metadata": {"on": [value]}} for value in (old, new)]

        found = diff(release(entries[0], QUEUE), release(entries[1], QUEUE, version=8))

        assert [field.name for field in found.entries[0].fields] == ["metadata.on"]
        assert found.kept == 1

    def test_capabilities_by_name(self) -> None:
        """
        A capability is compared with the one of its name, wherever it stands.
        """
        new = deepcopy(CACHE)
        new["capabilities"].reverse()
        new["capabilities"][1]["description"] = "Keys."

        fields = diff(release(CACHE), release(new)).entries[0].fields

        assert [(f.name, f.kind) for f in fields] == [
            ("capabilities", "order"),
            ("capabilities.kv.description", "value"),
        ]
        assert fields[1].old is ABSENT

    def test_items_by_name_are_found(self) -> None:
        """
        The place of a capability has its number in each document.
        """
        new = deepcopy(CACHE)
        new["capabilities"].reverse()
        new["capabilities"][1]["security"]["encryption"] = "none"

        found = diff(release(CACHE), release(new, version=8))

        assert found.places(found.risks[0]) == (
            "/entries/0/capabilities/0/security/encryption",
            "/entries/0/capabilities/1/security/encryption",
        )

    def test_capabilities_with_one_name_twice(self) -> None:
        """
        Where names are not unique, the lists are compared as they stand.
        """
        new = CACHE | {"capabilities": [{"name": "kv"}, {"name": "kv"}]}

        fields = diff(release(CACHE), release(new)).entries[0].fields

        assert [f.path for f in fields] == [("capabilities",)]

    def test_sets(self) -> None:
        """
        What a list of names gained and lost is told, not its order.
        """
        new = CACHE | {"requires_dist": ["hiredis", "redis>=5"]}

        (field,) = diff(release(CACHE), release(new)).entries[0].fields

        assert (field.kind, field.come, field.gone) == ("set", ["hiredis"], [])

    def test_versions_are_paired(self) -> None:
        """
        A new version is a step of the old one; of several, the highest go together.
        """
        old = [QUEUE | {"version": v} for v in ("1.0", "1.1")]
        new = [QUEUE | {"version": "1.2"}]

        found = diff(release(*old), release(*new, version=8))

        assert [(c.kind, c.step) for c in found.entries] == [
            ("changed", "minor"),
            ("removed", "same"),
        ]
        assert found.entries[0].old_index == 1

    def test_moved(self) -> None:
        """
        The same content under another key is one entry that moved, not two.
        """
        found = diff(release(CACHE, QUEUE), release(CACHE, QUEUE | {"key": "jobs"}))

        (change,) = found.entries
        assert change.kind == "moved"
        assert [f.name for f in change.fields] == ["key"]

    def test_order(self) -> None:
        """
        Another order is told: it is another digest.
        """
        found = diff(release(CACHE, QUEUE), release(QUEUE, CACHE))

        assert not found.same
        assert found.order == (1, 0)
        assert "another order" in str(found)

    def test_header(self) -> None:
        """
        Names beside the entries are compared, too.
        """
        found = diff(read(whole()), read(whole(version=8, **{"x-note": "theirs"})))

        assert [f.name for f in found.header] == ["version", "x-note"]

    def test_json_is_complete(self) -> None:
        """
        Views are capped, with what is left out counted; JSON has all.
        """
        entries = [QUEUE | {"key": f"k{n}"} for n in range(500)]
        raised = [entry | {"priority": 1} for entry in entries]

        found = diff(release(*entries), release(*raised, version=8))
        data = found.as_dict()

        assert len(data["entries"]) == len(data["risks"]) == 500  # type: ignore[arg-type]
        text = str(found)
        assert len(text.splitlines()) < 300
        assert "500 risks" in text
        assert text.count("450 more rows") == 2

    def test_places_of_what_people_wrote(self, written: Callable[..., Path]) -> None:
        """
        Where authoring files are compared, a risk names line and column in both.
        """
        old = build(written('owner = "a"', name="a.toml"))
        new = build(written('\nowner = "b"', name="b.toml", version=8))

        found = diff(old, new)

        places = found.places(found.risks[0])
        assert [str(place).rpartition("/")[2] for place in places] == ["a.toml:12:9", "b.toml:13:9"]
        assert found.as_dict()["risks"][0]["new"]["line"] == 13  # type: ignore[index]

    def test_places_of_packed_ones(self) -> None:
        """
        A packed manifest is one line: its places are JSON pointers.
        """
        found = diff(release(CACHE), release(changed(CACHE, "requires.adapter:queue", "")))

        assert found.places(found.risks[-1])[0] == "/entries/0/requires/adapter:queue"

    def test_repr_is_stable(self) -> None:
        """
        A notebook saves it: no address, no clock, no path.
        """
        found = diff(release(CACHE), release(CACHE, QUEUE, version=8))

        assert repr(found) == (
            "<ManifestDiff: shop/stable 7 -> 8: 1 risk (1 grave); entry: 1 added>"
        )

    def test_against_nothing(self) -> None:
        """
        Against a line without a release, there is no version to step from.
        """
        new = release(CACHE)

        assert str(diff(empty(new), new)).startswith("shop/stable 7: ")
        assert str(diff(new, empty(new))).startswith("shop/stable (gone): ")


class TestOnly:
    def test_domain(self) -> None:
        """
        Of one domain are its entries and its risks; what else differs is left out.
        """
        task = QUEUE | {"domain": "task"}
        both = diff(release(QUEUE, task), release(version=8))

        found = both.only(domain="task")

        assert [c.target for c in found.entries] == ["task:queue"]
        assert [r.target for r in found.risks] == ["task:queue"]
        assert found.exit_code == 1
        assert "task only" in str(found)
        assert both.only(domain="flag").exit_code == 0

    def test_risky(self) -> None:
        """
        An entry that no risk is about is left out, and nothing risky is exit code 0.
        """
        quiet = diff(release(CACHE), release(CACHE | {"summary": "x"}, version=8))
        loud = diff(release(CACHE, QUEUE), release(CACHE | {"owner": "x"}, version=8))

        assert quiet.only(risky=True).exit_code == 0
        assert "nothing of that differs" in str(quiet.only(risky=True))
        assert {c.target for c in loud.only(risky=True).entries} == {
            "adapter:cache",
            "adapter:queue",
        }


class TestView:
    @pytest.mark.parametrize("width", [80, 100])
    @pytest.mark.parametrize("style", ["side", "unified"])
    def test_fits(self, width: int, style: Any) -> None:
        """
        A change of everything can be read in a terminal.
        """
        new = changed(whole()["entries"][0], "artifact.uri", "https://evil.example.org/x.whl")
        found = diff(read(whole()), read(whole(version=8, entries=[new, QUEUE])))

        lines = found.styled(style).to_text(width=width).splitlines()

        assert max(map(len, lines)) <= width

    @pytest.mark.parametrize("style", ["side", "unified"])
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("x" * 200 + "1", "x" * 200 + "2"),
            ("1", 1),
            ("true", True),
            ("y" * 9000 + "a", "y" * 9000 + "b"),
            ({"a": ["z" * 80, 1]}, {"a": ["z" * 80, 2]}),
        ],
    )
    def test_what_differs_is_seen(self, style: Any, old: Any, new: Any) -> None:
        """
        Of two long values the part is shown in which they differ; a text is no number.
        """
        entries = [QUEUE | {"metadata": {"it": [value]}} for value in (old, new)]
        found = diff(release(entries[0]), release(entries[1], version=8))

        if style == "unified":
            (code,) = [b for b in found.styled(style).view().blocks if isinstance(b, Code)]
            before, after = (line[2:] for line in code.text.splitlines() if line[0] in "+-")
        else:
            *_, table = [b for b in found.view().blocks if isinstance(b, Table)]
            ((_, first, second),) = table.rows
            before, after = cell(first).text, cell(second).text
        assert before != after
        assert max(len(before), len(after)) <= 78

    def test_hostile_text_is_harmless(self) -> None:
        """
        Markup, escapes and direction marks of a manifest act on no display.
        """
        new = QUEUE | {"summary": HOSTILE, "owner": HOSTILE, "x-\x1b[31m<b>": HOSTILE}
        found = diff(release(QUEUE), release(new, version=8, **{f"x-{HOSTILE}": HOSTILE}))

        styles: tuple[Style, ...] = ("side", "unified")
        for style in styles:
            shown = found.styled(style)
            for text in (str(shown), repr(shown), shown.to_markdown(), to_html(shown.view())):
                assert "\x1b" not in text
                assert "\u202e" not in text
                assert "\x00" not in text
            assert "<script" not in shown.to_html()


class TestVersionStep:
    @pytest.mark.parametrize(
        ("old", "new", "step"),
        [
            ("1.0", "1.0", "same"),
            ("1.0", "1.0.0", "same"),
            ("1.0", "1.0.1", "patch"),
            ("1.0", "1.0.post1", "patch"),
            ("1.0", "1.0+local", "patch"),
            ("1.0rc1", "1.0", "patch"),
            ("1.0", "1.1", "minor"),
            ("1.9", "2", "major"),
            ("9", "1!0", "major"),
            ("1.0", "1.0rc1", "downgrade"),
            ("1!0", "9", "downgrade"),
        ],
    )
    def test_by_meaning(self, old: str, new: str, step: str) -> None:
        """
        Steps are those of PEP 440, not of the text.
        """
        assert version_step(old, new) == step


class TestIsLooser:
    @pytest.mark.parametrize(
        ("old", "new"),
        [
            (">=1", ""),
            (">=1,<3", ">=1"),
            (">=1", ">=0.9"),
            (">1", ">=1"),
            ("<2", "<=2"),
            ("==1.2.*", "==1.*"),
            ("~=1.2.3", "~=1.2"),
            (">=1,!=1.5", ">=1"),
            (">=1,<2", "==1.*"),  # it takes 1.dev0
            ("==1.0", "==1.0.1"),
            ("===1.0", "==1.0.*"),
            ("==1.0", "===weird"),
            ("<1!0", "<1!1"),
        ],
    )
    def test_takes_more(self, old: str, new: str) -> None:
        """
        Specifiers that take a version which was refused are looser.
        """
        assert is_looser(old, new)

    @pytest.mark.parametrize(
        ("old", "new"),
        [
            ("", ">=1"),
            (">=1", ">=1,<3"),
            ("==1.*", "~=1.2"),
            (">=1,<3", "<3,>=1"),
            (">=1", ">=1,!=1.5"),
            ("<=2", "<2"),
        ],
    )
    def test_takes_no_more(self, old: str, new: str) -> None:
        """
        Narrower ones, and the same ones spelled otherwise, are not.
        """
        assert not is_looser(old, new)
