"""Schema 3: every name is known, every value is checked, and three tellings of it agree."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_type_hints

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from oneiric_lab.canonical import encode
from oneiric_lab.errors import CanonicalError, ManifestError
from oneiric_lab.manifest import (
    PARTS,
    ManifestDocument,
    ManifestEntry,
    identity_of,
    manifest_json_schema,
    read_manifest,
)
from oneiric_lab.manifest._checks import CHECKS
from oneiric_lab.manifest._schema import PATTERNS, Shape
from oneiric_lab.manifest._validate import tree_faults

from .conftest import WHOLE

SCHEMAS = Path(__file__).parents[2] / "docs" / "reference" / "schemas"


@cache
def judge() -> Draft202012Validator:
    """Return what holds a tree against the JSON Schema."""
    return Draft202012Validator(manifest_json_schema())


def messages(tree: dict[str, Any]) -> list[str]:
    """Return what is wrong with *tree*."""
    return [fault.message for fault in tree_faults(tree)]


def shapes() -> set[type]:
    """Return every shape that the types of the schema lead to."""
    found: set[type] = set()
    waiting: list[Any] = [ManifestDocument]
    while waiting:
        node = waiting.pop()
        if isinstance(node, type) and Shape in getattr(node, "__orig_bases__", ()):
            if node not in found:
                found.add(node)
                waiting += get_type_hints(node).values()
        else:
            waiting += get_args(node)
    return found


class TestSchema:
    """What is taken."""

    def test_everything_that_can_be_said_is_taken(self, whole: dict[str, Any]) -> None:
        """
        A manifest that uses every name of the schema has no fault.
        """
        said = {name for entry in whole["entries"] for name in entry}

        assert messages(whole) == []
        assert set(ManifestEntry.__annotations__) <= said

    def test_the_table_of_parts_is_complete(self) -> None:
        """
        Every shape that the types lead to stands in the table that finds unknown names.
        """
        below = {inner for table in PARTS.values() for inner in table.values()}

        assert {ManifestDocument, *below} == shapes()

    @pytest.mark.parametrize("depth", ["", "entries.0", "entries.0.capabilities.0.security"])
    def test_names_of_ones_own_begin_with_x(self, whole: dict[str, Any], depth: str) -> None:
        """
        Any shape takes them, and takes no other unknown name.
        """
        node: Any = whole
        for part in filter(None, depth.split(".")):
            node = node[int(part) if part.isdigit() else part]
        node["x-more"] = [1]
        assert messages(whole) == []

        node["more"] = [1]
        assert [m.partition(":")[0] for m in messages(whole)] == ["unknown key"]

    def test_an_unknown_name_is_found_in_every_shape(self, whole: dict[str, Any]) -> None:
        """
        However deep it stands.
        """
        walked = 0

        def spoil(node: Any) -> None:
            nonlocal walked
            if isinstance(node, dict):
                copy = dict(node)
                node["bogus"] = 1
                walked += bool(messages(whole))
                del node["bogus"]
                for name, inner in copy.items():
                    if name not in {"metadata", "payload", "payload_schema", "requires", "x-team"}:
                        spoil(inner)
            elif isinstance(node, list):
                for item in node:
                    spoil(item)

        spoil(whole)

        assert walked == 18

    @pytest.mark.parametrize("name", sorted(set(ManifestEntry.__annotations__)))
    def test_no_name_takes_a_value_of_another_kind(self, whole: dict[str, Any], name: str) -> None:
        """
        A number where a text is due, a text where a table is due, and null anywhere.
        """
        holder = next(entry for entry in whole["entries"] if name in entry)
        for wrong in (None, {"a": 1}, [[1]], "\0", 1.5, True):
            if isinstance(holder[name], bool) and wrong is True:
                continue
            if name == "metadata" and isinstance(wrong, dict):
                continue
            if name in {"owner", "summary"} and wrong == "\0":
                continue  # any text; views draw what acts on a terminal
            spoiled = deepcopy(whole)
            index = whole["entries"].index(holder)
            spoiled["entries"][index][name] = wrong

            assert any(name in m for m in messages(spoiled)), wrong

    def test_all_faults_are_told_at_once(self, whole: dict[str, Any]) -> None:
        """
        Each of five spoiled values has its own message.
        """
        whole["entries"][0] |= {"key": "a b", "priority": 1001, "license": "x", "os_platform": [1]}
        whole["entries"][0]["artifact"]["size"] = -1

        assert len(messages(whole)) == 5

    def test_no_entries_are_a_manifest_too(self, whole: dict[str, Any]) -> None:
        """
        A release that withdraws everything is one.
        """
        whole["entries"] = []

        assert messages(whole) == []


class TestChecks:
    """Texts that a pattern cannot judge."""

    @pytest.mark.parametrize(
        ("name", "good", "bad"),
        [
            ("pep440-version", ["1", "1.2.0", "1!2.0rc1+x", "2026.1"], ["", "v-1", "1.2.x", "1 2"]),
            ("pep440-specifiers", ["", ">=1,<2", "~=1.4", "==1.*"], ["1", ">1 or <2", "=>1"]),
            ("pep508-requirement", ["redis", "a[b]>=1; os_name == 'x'"], ["", "a >> 1", "-a"]),
            ("component", ["adapter:cache"], ["cache", "adapter:", "thing:x", "adapter:a b"]),
            ("component-or-pep508-requirement", ["adapter:x", "aioredis<2"], ["a b c", "x:"]),
            ("sys-platform", ["linux", "win32", "freebsd13"], ["Linux", "windows", "freebsd", ""]),
            ("spdx-expression", ["MIT", "GPL-2.0-only WITH Classpath-exception-2.0"], ["mit", ""]),
            (
                "web-address",
                ["https://a.example", "http://127.0.0.1:8080/x", "https://[::1]/x"],
                [
                    "ftp://a.example/x",
                    "https://",
                    "https:///x",
                    "//a.example/x",
                    "javascript:alert(1)",
                    "https://a.example/\u202e",
                    "https://a.example/a b",
                    "https://a.example/\n",
                    "https://u@a.example/",
                    "https://a.example:99999/",
                    "https://a.example:0/",
                    "https://a.example/#x",
                    "https://[::1/",
                    "https://-a.example^/",
                ],
            ),
            (
                "artifact-address",
                ["dist/a.whl", "a.whl", "https://a.example/a.whl"],
                [
                    "",
                    "/a.whl",
                    "../a.whl",
                    "a/../b",
                    "./a",
                    "a//b",
                    "a/",
                    "C:/a.whl",
                    "file:///a",
                    "data:x",
                    "a\\b",
                    "a b",
                ],
            ),
        ],
    )
    def test_each_takes_one_kind_of_text(self, name: str, good: list[str], bad: list[str]) -> None:
        """
        What is right comes back as it was, all else is refused with a fix.
        """
        check = CHECKS[name]

        assert [check(text) for text in good] == good
        for text in bad:
            with pytest.raises(ValueError, match="expected ") as caught:
                check(text)
            assert caught.value.context["fix"]  # type: ignore[attr-defined]  # pydantic's

    def test_every_check_has_its_cases(self) -> None:
        """
        The table above names all of them.
        """
        cases = self.test_each_takes_one_kind_of_text.pytestmark[0].args[1]  # type: ignore[attr-defined]

        assert {name for name, _, _ in cases} == set(CHECKS)

    @given(st.text(max_size=30))
    def test_any_text_ends_in_itself_or_a_refusal(self, text: str) -> None:
        """
        No check raises anything else.
        """
        for check in CHECKS.values():
            try:
                assert check(text) == text
            except ValueError as error:
                assert str(error)  # noqa: PT017 - either is right

    @pytest.mark.parametrize("pattern", list(PATTERNS))
    def test_a_line_end_is_part_of_no_pattern(self, whole: dict[str, Any], pattern: str) -> None:
        """
        A text with a line end behind it is another text.
        """
        entry = whole["entries"][0]
        holder, name = {
            "a name": (entry, "key"),
            "`module:attr`": (entry, "factory"),
            "64 hex digits (0-9a-f)": (entry["artifact"], "sha256"),
        }[PATTERNS[pattern][0]]
        holder[name] += "\n"

        assert len(messages(whole)) == 1


class TestJsonSchema:
    """The JSON Schema in the reference."""

    @pytest.mark.parametrize("authoring", [False, True])
    def test_the_page_is_what_the_types_say(self, authoring: bool) -> None:
        """
        `python -m pytest` with ONEIRIC_GOLDEN=write writes it anew.
        """
        file = SCHEMAS / f"manifest{'-authoring' if authoring else ''}.schema.json"
        text = json.dumps(manifest_json_schema(authoring=authoring), indent=2) + "\n"
        if os.environ.get("ONEIRIC_GOLDEN") == "write":
            file.write_text(text)

        assert file.read_text() == text

    def test_the_one_for_authors_takes_what_is_shorter(self, whole: dict[str, Any]) -> None:
        """
        Names for capabilities and files for artifacts, beside all that is packed.
        """
        Draft202012Validator.check_schema(manifest_json_schema(authoring=True))
        written = Draft202012Validator(manifest_json_schema(authoring=True))
        assert written.is_valid(whole)
        whole["entries"][0] |= {"capabilities": ["kv"], "artifact": {"path": "dist/a.whl"}}

        assert written.is_valid(whole)
        assert not judge().is_valid(whole)
        whole["entries"][0]["capabilities"] = ["key value"]
        assert not written.is_valid(whole)

    def test_it_takes_what_the_schema_takes(self, whole: dict[str, Any]) -> None:
        """
        The whole manifest fits; without a needed name, or with an unknown one, it does not.
        """
        Draft202012Validator.check_schema(manifest_json_schema())
        assert judge().is_valid(whole)

        for change in ({"schema": 2}, {"version": 0}, {"bogus": 1}, {"project": "a b"}):
            assert not judge().is_valid(whole | change)
        whole["entries"][0]["capabilities"][0]["bogus"] = 1
        assert not judge().is_valid(whole)

    @given(
        st.dictionaries(
            st.sampled_from([*ManifestEntry.__annotations__, "x-a", "bogus"]),
            st.none()
            | st.booleans()
            | st.integers(-2000, 2000)
            | st.floats(allow_nan=False, allow_infinity=False)
            | st.sampled_from(["a", "a:b", "1.0", ">=1", "adapter", "MIT", "app", "stable", ""])
            | st.lists(st.sampled_from(["a", "linux", {"name": "kv"}, {}]), max_size=2)
            | st.dictionaries(
                st.sampled_from(["call", "attempts", "x-a", "a"]), st.integers(-1, 3)
            ),
        )
    )
    @settings(max_examples=300)
    def test_both_judge_alike_but_for_the_checks(self, more: dict[str, Any]) -> None:
        """
        What the JSON Schema refuses is refused; what only we refuse has a check of its own.
        """
        entry = {
            "domain": "adapter",
            "key": "k",
            "provider": "p",
            "version": "1",
            "factory": "a:b",
        } | more
        tree = {"schema": 3, "project": "s", "channel": "c", "version": 1, "entries": [entry]}
        refused = bool(tree_faults(tree))

        if not judge().is_valid(tree):
            # A number that is whole is an integer to JSON Schema, and to us only when written so.
            assert refused


class TestReadManifest:
    """The bytes of a packed manifest."""

    def test_it_is_read_as_it_was(self, whole: dict[str, Any]) -> None:
        """
        Facts, entries and names of one's own; its own bytes come out again.
        """
        data = encode(whole)

        manifest = read_manifest(data, name="shop.oneiric.json")

        assert manifest.document() == whole == manifest.as_dict()
        assert manifest.to_bytes() == data
        assert manifest.source_name == "shop/stable"
        assert manifest.size == len(data)
        assert list(manifest.by_identity()) == [identity_of(e) for e in whole["entries"]]
        assert repr(manifest) == "<Manifest: manifest shop/stable 7: 3 entries>"
        assert "cdn.example.com" in str(manifest)

    def test_other_bytes_are_refused(self, whole: dict[str, Any]) -> None:
        """
        The gate stands before the schema.
        """
        with pytest.raises(CanonicalError):
            read_manifest(json.dumps(whole).encode())

    @pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"schema"'])
    def test_only_an_object_is_one(self, data: bytes) -> None:
        """
        Other values of JSON are told as such.
        """
        with pytest.raises(ManifestError, match="expected an object"):
            read_manifest(data)

    def test_faults_have_their_place_in_the_one_line(self, whole: dict[str, Any]) -> None:
        """
        Line 1, and the column of the value.
        """
        whole["entries"][0]["priority"] = 5000
        data = encode(whole)

        with pytest.raises(ManifestError) as caught:
            read_manifest(data, name="m")

        assert f"m:1:{data.index(b'5000') + 1}" in str(caught.value)


JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["adapter", "cache", "a:b", "1.0", "MIT", "x-a", "https://a.example/"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(
            st.text(max_size=4)
            | st.sampled_from([*ManifestDocument.__annotations__, *ManifestEntry.__annotations__]),
            inner,
            max_size=6,
        )
    ),
    max_leaves=20,
)


class TestAnyDocument:
    """Whatever JSON can hold."""

    @given(st.dictionaries(st.sampled_from([*ManifestDocument.__annotations__, "x-a"]), JSON))
    @settings(max_examples=200)
    def test_it_ends_in_faults_with_a_message_each(self, tree: dict[str, Any]) -> None:
        """
        Nothing is raised, and every fault has words and a path.
        """
        for fault in tree_faults(tree):
            assert fault.message
            assert fault.code
            assert fault.path

    @given(st.data())
    @settings(max_examples=200)
    def test_a_whole_one_with_one_part_replaced(self, data: st.DataObject) -> None:
        """
        It is a manifest still, or its report is drawn with places; nothing else is raised.
        """
        tree = deepcopy(data.draw(st.just(WHOLE)))
        node: Any = tree
        while True:
            key = data.draw(
                st.sampled_from([*(node if isinstance(node, dict) else range(len(node)))])
            )
            inner = node[key]
            if not isinstance(inner, dict | list) or not inner or data.draw(st.booleans()):
                break
            node = inner
        node[key] = data.draw(JSON)

        report: ManifestError | None = None
        with suppress(CanonicalError):  # an integer that readers round
            try:
                assert read_manifest(encode(tree), name="m").document() == tree
            except ManifestError as error:
                report = error
        if report is not None:
            assert all(fault.origin and fault.origin.column for fault in report.faults)
            assert str(report)


def test_faults_of_a_long_list_are_told_at_their_places() -> None:
    """
    Entries are judged by parts; what stands beside them is told once.
    """
    entry = {
        "domain": "adapter",
        "key": "cache",
        "provider": "redis",
        "version": "1.0.0",
        "factory": "shop:Cache",
    }
    entries: list[dict[str, object]] = [dict(entry, key=f"k{n}") for n in range(600)]
    entries[300]["priority"] = "high"
    del entries[599]["provider"]
    tree = {"schema": 3, "project": 1, "channel": "stable", "version": 1, "entries": entries}

    found = tree_faults(tree)

    assert [fault.path for fault in found] == [
        ("project",),
        ("entries", 300, "priority"),
        ("entries", 599, "provider"),
    ]
    assert "entries[300].priority" in found[1].message
