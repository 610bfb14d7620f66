"""Older manifests: read as they are, and made into drafts with nothing lost in silence."""

from __future__ import annotations

import datetime as dt
import hashlib
import json
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import ManifestError, UsageError
from oneiric_lab.manifest import migrate, pack, read_legacy, validate
from oneiric_lab.manifest._legacy import ENTRY_1, ENTRY_2, TOP_1, TOP_2

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.manifest import Migrated

OLD: dict[str, Any] = {
    "domain": "adapter",
    "key": "cache",
    "provider": "redis",
    "factory": "shop_redis:Cache",
    "version": "1.2.0",
}


@pytest.fixture
def moved(folder: Path) -> Callable[..., Migrated]:
    """Return what migrates one entry of an older manifest."""

    def move(*, to: Any = 3, top: dict[str, Any] | None = None, **facts: Any) -> Migrated:
        tree = {"source": "shop", "entries": [OLD | facts], **(top or {})}
        (folder / "old.yaml").write_text(yaml.safe_dump(tree, sort_keys=False))
        return migrate("old.yaml", to=to)

    return move


def told(found: Migrated, kind: str) -> dict[str, str]:
    """Return what was told of one kind, by the path of the old document."""
    return {step.path: step.text for step in found.steps if step.kind == kind}


class TestReadLegacy:
    """Schema 1 and 2, as they are."""

    def test_names_tell_the_schema(self, folder: Path) -> None:
        """
        Schema 2 is told by any name that only it has.
        """
        for extra, schema in (({}, 1), ({"capabilities": []}, 2), ({"owner": "x"}, 2)):
            (folder / "a.json").write_text(json.dumps({"entries": [OLD | extra]}))
            assert read_legacy(folder / "a.json").schema == schema
        (folder / "a.json").write_text(json.dumps({"signed_at": "x", "entries": []}))
        assert read_legacy(folder / "a.json").schema == 2

    def test_the_document_is_kept_as_it_was(self, folder: Path) -> None:
        """
        Whoever verifies its signatures needs every name, the unknown ones too.
        """
        tree = {"source": "shop", "entries": [OLD | {"bogus": 1}], "signature": "abc", "more": [1]}
        (folder / "a.json").write_text(json.dumps(tree))

        legacy = read_legacy(folder / "a.json", name="a.json")

        assert legacy.tree == tree == legacy.as_dict()
        assert legacy.document.data == (folder / "a.json").read_bytes()
        assert (legacy.source, legacy.name) == ("shop", "a.json")
        assert "adapter:cache" in str(legacy)

    @pytest.mark.parametrize(
        ("change", "said"),
        [
            ({"domain": "flag"}, "expected one of adapter, action"),
            ({"key": "a b"}, "expected a name"),
            ({"provider": "a\n"}, "expected a name"),
            ({"priority": "high"}, "expected an integer"),
            ({"priority": True}, "expected an integer"),
            ({"capabilities": {}}, "expected a list"),
            ({"metadata": []}, "expected a table"),
            ({"requires_secrets": 1}, "expected a boolean"),
            ({"factory": 1}, "expected a string"),
        ],
    )
    def test_what_cannot_be_read_has_its_place(
        self, folder: Path, change: dict[str, Any], said: str
    ) -> None:
        """
        Names that must be there, and values of the kinds that they had there.
        """
        (folder / "a.yaml").write_text(yaml.safe_dump({"entries": [OLD | change]}))

        with pytest.raises(ManifestError) as caught:
            read_legacy(Path("a.yaml"))

        assert said in str(caught.value)
        assert "a.yaml:" in str(caught.value)

    @pytest.mark.parametrize(
        ("tree", "said"),
        [
            ({"entries": {}}, "expected a list, got a table: entries"),
            ({"entries": [1]}, "expected a table, got integer 1: entries[0]"),
            ({"entries": [{}]}, "missing value: entries[0].domain"),
            ({"source": 1, "entries": []}, "expected a string, got integer 1: source"),
        ],
    )
    def test_shapes_that_are_none(self, folder: Path, tree: Any, said: str) -> None:
        """
        Each with all that is wrong.
        """
        (folder / "a.json").write_text(json.dumps(tree))

        with pytest.raises(ManifestError) as caught:
            read_legacy(Path("a.json"))

        assert said in str(caught.value)

    def test_an_empty_one_is_one(self, folder: Path) -> None:
        """
        There, every other name had a default.
        """
        (folder / "a.json").write_text('{"entries": []}')

        legacy = read_legacy(Path("a.json"))

        assert (legacy.schema, legacy.source, legacy.entries) == (1, "remote", ())

    @pytest.mark.parametrize("name", ["a.json", "a.yaml", "a.toml"])
    def test_an_empty_file_is_none(self, folder: Path, name: str) -> None:
        """
        It says nothing that a manifest of any schema would say.
        """
        (folder / name).write_text("{}" if name == "a.json" else "")

        found = validate(name)

        assert not found.ok
        assert found.faults[0].message == "missing value: schema"

    def test_an_alias_bomb_is_refused(self, folder: Path) -> None:
        """
        At once, by the reader of YAML.
        """
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]" for i in range(1, 9)]
        (folder / "a.yaml").write_text("\n".join(lines))

        assert "aliases grow without bound" in str(validate("a.yaml"))


class TestMigrate:
    """To schema 3."""

    def test_what_says_all_needs_no_decision(
        self, moved: Callable[..., Migrated], folder: Path
    ) -> None:
        """
        The draft is packed as it is, and means what the old one meant.
        """
        (folder / "a.whl").write_bytes(b"wheel")
        found = moved(
            uri="a.whl",
            priority=5,
            stack_level=2,
            capabilities=["kv", {"name": "ttl", "security": {"scopes": ["read"]}}],
            owner="Shop",
            settings_model="shop_redis:Settings",
            side_effect_free=True,
            timeout_seconds=2.5,
            retry_policy={"max_attempts": 3, "initial_delay": 1, "backoff_jitter": 0.5},
            requires=["redis>=5"],
            conflicts_with=["aioredis"],
            python_version=">=3.11",
            os_platform=["macos", "linux"],
            license="apache-2.0",
            documentation_url="https://a.example/",
            metadata={"description": "A cache.", "tier": 1},
        )

        found.write(folder / "new.toml")
        (entry,) = pack("new.toml").manifest.entries
        assert found.decisions == ()
        assert found.exit_code == 0
        assert entry == {
            **OLD,
            "artifact": {
                "uri": "a.whl",
                "sha256": hashlib.sha256(b"wheel").hexdigest(),
                "size": 5,
            },
            "priority": 5,
            "stack_level": 2,
            "capabilities": [{"name": "kv"}, {"name": "ttl", "security": {"scopes": ["read"]}}],
            "owner": "Shop",
            "settings_model": "shop_redis:Settings",
            "side_effect_free": True,
            "timeouts": {"call": 2.5},
            "retry_policy": {"attempts": 3, "base_delay": 1, "jitter": 0.5},
            "requires_dist": ["redis>=5"],
            "conflicts_with": ["aioredis"],
            "python_version": ">=3.11",
            "os_platform": ["darwin", "linux"],
            "license": "Apache-2.0",
            "documentation_url": "https://a.example/",
            "summary": "A cache.",
            "metadata": {"tier": 1},
        }

    @pytest.mark.parametrize(
        ("facts", "path", "said"),
        [
            (
                {"factory": "oneiric.adapters.cache:Redis"},
                "factory",
                "the system that wrote this manifest",
            ),
            (
                {"settings_model": "oneiric.cache:Settings"},
                "settings_model",
                "the system that wrote",
            ),
            ({"requires_secrets": True}, "requires_secrets", "schema 3 wants their names"),
            ({"uri": "https://a.example/a"}, "artifact.sha256", "missing value"),
            ({"sha256": "ab" * 32}, "artifact.uri", "missing value"),
            ({"uri": "../a", "sha256": "ab" * 32}, "uri", "steps downwards only"),
            ({"sha256": "zz", "uri": "a"}, "sha256", "expected 64 hex digits"),
            ({"version": None}, "version", "missing value"),
            ({"version": "latest"}, "version", "expected a version"),
            ({"priority": 2000}, "priority", "at most 1000"),
            ({"license": "Beerware-9"}, "license", "expected a licence expression"),
            ({"python_version": "3.11"}, "python_version", "expected versions"),
            ({"os_platform": ["amiga"]}, "os_platform[0]", "expected a platform"),
            ({"requires": ["redis >> 5"]}, "requires[0]", "expected a requirement"),
            ({"settings_model": "shop.Settings"}, "settings_model", "expected `module:attr`"),
            ({"capabilities": [{"description": "x"}]}, "capabilities[0].name", "missing value"),
            ({"capabilities": [3]}, "capabilities[0]", "expected a table"),
            ({"timeout_seconds": -1}, "timeout_seconds", "at least 0"),
            ({"retry_policy": {"attempts": 0}}, "retry_policy.attempts", "at least 1"),
            ({"event_topics": ["a"]}, "event", "only the domain event has it"),
            ({"domain": "event", "event_filters": [1]}, "event_filters[0]", "expected a table"),
            ({"domain": "workflow", "dag": {}}, "dag.nodes", "missing value"),
            ({"domain": "workflow", "dag": {"nodes": [1]}}, "dag.nodes[0]", "expected a table"),
        ],
    )
    def test_what_people_must_decide(
        self, moved: Callable[..., Migrated], facts: dict[str, Any], path: str, said: str
    ) -> None:
        """
        Each is told at its place, and stands as a comment in the draft.
        """
        found = moved(**facts)

        decided = told(found, "decision")
        # No older manifest says how large an artifact is.
        decided.pop("entries[0].artifact.size", None)
        (key,) = decided
        assert key.endswith(path)
        assert said in decided[key]
        assert found.exit_code == 1
        assert found.text().count("# decide: ") == len(found.decisions)
        assert found.decisions[0].origin.file == "old.yaml"

    @pytest.mark.parametrize(
        ("facts", "path"),
        [
            ({"os_platform": ["windows"]}, "entries[0].os_platform[0]"),
            ({"license": "mit"}, "entries[0].license"),
            ({"metadata": {"description": "x"}}, "entries[0].metadata.description"),
            ({"version": None, "uri": "https://a/a-2.0-py3-none-any.whl"}, "entries[0].uri"),
            ({"sha256": "AB" * 32, "uri": "https://a/x"}, "entries[0].sha256"),
        ],
    )
    def test_what_was_inferred_is_told(
        self, moved: Callable[..., Migrated], facts: dict[str, Any], path: str
    ) -> None:
        """
        With its place in the old document.
        """
        assert path in told(moved(**facts), "inferred")

    def test_project_channel_and_version_are_inferred_or_given(
        self, moved: Callable[..., Migrated], folder: Path
    ) -> None:
        """
        Schema 3 needs them, and older manifests have none.
        """
        assert {"source", ""} <= set(told(moved(), "inferred"))
        assert moved().document["project"] == "shop"

        found = migrate("old.yaml", project="mine", channel="beta", version=5)

        assert [found.document[n] for n in ("project", "channel", "version")] == ["mine", "beta", 5]
        assert "source" in told(found, "dropped")
        assert told(found, "inferred") == {}

    def test_a_source_that_is_no_name_is_no_project(self, moved: Callable[..., Migrated]) -> None:
        """
        People say what it is.
        """
        found = moved(top={"source": "The Shop"})

        assert "project" in told(found, "decision")
        assert "source" in told(found, "dropped")

    def test_a_file_beside_gives_its_size_and_is_compared(
        self, moved: Callable[..., Migrated], folder: Path
    ) -> None:
        """
        Where its digest is another one, people find out why.
        """
        (folder / "a.whl").write_bytes(b"wheel")

        found = moved(uri="a.whl", sha256="ab" * 32)

        assert found.document["entries"][0]["artifact"]["size"] == 5
        assert "has another digest" in told(found, "decision")["entries[0].sha256"]

    @given(
        st.dictionaries(
            st.sampled_from(["a", "zz", "note"]) | st.sampled_from(sorted(ENTRY_2 - {"dag"})),
            st.none(),
            max_size=4,
        ),
        st.dictionaries(st.sampled_from(["q", "w", "topic", "x_y"]), st.integers(), max_size=4),
    )
    @settings(max_examples=60)
    def test_nothing_is_lost_in_silence(self, nulls: Any, unknown: dict[str, int]) -> None:
        """
        Every name that is not carried over is told; null is what nobody said.
        """
        import tempfile

        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / "old.json"
            file.write_text(json.dumps({"entries": [OLD | nulls | unknown], **unknown}))
            found = migrate(file)

        dropped = set(told(found, "dropped"))
        for name in unknown:
            assert {name, f"entries[0].{name}"} <= dropped
        known = ENTRY_1 | ENTRY_2
        for name in nulls.keys() - known:
            assert f"entries[0].{name}" not in dropped

    def test_every_old_name_is_carried_over_or_told(
        self, moved: Callable[..., Migrated], folder: Path
    ) -> None:
        """
        None of the names of schema 1 and 2 is unknown to the migration.
        """
        full = {
            "uri": "https://a/x",
            "sha256": "ab" * 32,
            "stack_level": 1,
            "priority": 1,
            "metadata": {"a": 1},
            "capabilities": ["kv"],
            "owner": "o",
            "requires_secrets": False,
            "settings_model": "a:b",
            "side_effect_free": False,
            "timeout_seconds": 1,
            "retry_policy": {"attempts": 2},
            "requires": ["a"],
            "conflicts_with": ["b"],
            "python_version": ">=3",
            "os_platform": ["linux"],
            "license": "MIT",
            "documentation_url": "https://a/",
            "event_topics": ["t"],
            "event_max_concurrency": 1,
            "event_filters": [{"path": "a", "value": 1}, {"path": "b", "in": [1]}],
            "event_priority": 1,
            "event_fanout_policy": "broadcast",
            "dag": {"tasks": [{"key": "a", "task": "t", "depends_on": "a"}]},
        }
        assert OLD.keys() | full.keys() >= ENTRY_1 | ENTRY_2
        found = moved(
            top={
                "signature": "x",
                "signature_algorithm": "ed25519",
                "signatures": [{"signature": "x"}],
                "signed_at": "2026-01-01T00:00:00Z",
                "expires_at": "2026-02-01T00:00:00Z",
            },
            **full,
        )

        (entry,) = found.document["entries"]
        assert {"requires_secrets", "side_effect_free"} == {
            path.rpartition(".")[2] for path in told(found, "dropped") if "entries" in path
        }
        assert {*TOP_1, *TOP_2} - {"source", "entries"} == {
            path for path in told(found, "dropped") if "entries" not in path
        }
        assert entry["event"] == {
            "topics": ["t"],
            "max_concurrency": 1,
            "filters": [{"path": "a", "equals": 1}, {"path": "b", "any_of": [1]}],
            "priority": 1,
            "fanout_policy": "broadcast",
        }
        assert entry["dag"]["nodes"] == [{"id": "a", "task": "t", "depends_on": ["a"]}]

    def test_the_draft_reads_the_same_in_all_formats(
        self, moved: Callable[..., Migrated], folder: Path
    ) -> None:
        """
        TOML, YAML and JSON hold the same document; comments stand beside it.
        """
        found = moved(requires_secrets=True, metadata={"since": dt.date(2026, 1, 2)})

        assert tomllib.loads(found.text()) == found.document
        assert yaml.safe_load(found.text("yaml")) == found.document
        assert json.loads(found.text("json")) == found.document
        for name in ("a.toml", "a.yaml", "a.json"):
            written = found.write(folder / name)
            assert written.out == str(folder / name)
            assert validate(folder / name).schema == 3

    def test_a_comment_cannot_be_left(self, moved: Callable[..., Migrated]) -> None:
        """
        A line end in an old manifest does not become a line of the draft.
        """
        found = moved(license="x\nowner = 'me'", requires_secrets=True)

        assert tomllib.loads(found.text()) == found.document
        assert not any(line.startswith("owner") for line in found.text().splitlines())

    def test_null_and_dates_in_metadata(self, moved: Callable[..., Migrated]) -> None:
        """
        TOML has no null and JSON no date: both are told.
        """
        found = moved(metadata={"a": [None, {"b": None}], "c": dt.date(2026, 1, 2)})

        assert found.document["entries"][0]["metadata"] == {"a": [{}], "c": "2026-01-02"}
        assert len(told(found, "dropped")) == 2

    def test_names_said_twice_are_told(self, moved: Callable[..., Migrated]) -> None:
        """
        The first one holds.
        """
        found = moved(retry_policy={"attempts": 2, "max_attempts": 3})

        assert found.document["entries"][0]["retry_policy"] == {"attempts": 2}
        assert "said by another name already" in str(told(found, "dropped"))

    def test_the_report_is_shown(self, moved: Callable[..., Migrated]) -> None:
        """
        Decisions first, each with its place; the shape of JSON holds the draft.
        """
        found = moved(requires_secrets=True, bogus=1)

        text = str(found)
        assert text.index("decision") < text.index("dropped") < text.index("inferred")
        assert "--out shop.toml" in text
        assert found.as_dict()["document"] == found.document
        assert found.as_dict()["decisions"] == 1


class TestToSchema2:
    """From 1 to 2."""

    def test_what_stood_in_the_metadata_gets_its_name(self, moved: Callable[..., Migrated]) -> None:
        """
        And what schema 2 has no name for stays there.
        """
        found = moved(to=2, metadata={"owner": "Shop", "topics": ["a"], "tier": 1})

        (entry,) = found.document["entries"]
        assert entry["owner"] == "Shop"
        assert entry["event_topics"] == ["a"]
        assert entry["metadata"] == {"tier": 1}
        assert len(told(found, "inferred")) == 2

    def test_a_signature_is_kept_where_nothing_else_changes(
        self, moved: Callable[..., Migrated]
    ) -> None:
        """
        Signatures are no part of what they sign; where an entry changes, it holds no more.
        """
        kept = moved(to=2, top={"signature": "abc"})
        assert kept.document["signatures"] == [{"signature": "abc", "algorithm": "ed25519"}]

        lost = moved(to=2, top={"signature": "abc"}, metadata={"owner": "x"})
        assert "signatures" not in lost.document
        assert "signature" in told(lost, "dropped")

    def test_through_2_or_at_once_it_is_the_same(
        self, moved: Callable[..., Migrated], folder: Path
    ) -> None:
        """
        From 1 to 2 to 3 gives the draft of 1 to 3.
        """
        facts = {"metadata": {"owner": "Shop", "capabilities": ["kv"], "tier": 1}}
        at_once = moved(**facts).document
        moved(to=2, **facts).write(folder / "two.yaml")

        assert migrate("two.yaml").document == at_once

    def test_what_is_there_already(self, moved: Callable[..., Migrated], folder: Path) -> None:
        """
        Neither 2 to 2 nor 3 to 3 is a migration.
        """
        with pytest.raises(UsageError, match="of schema 2 already"):
            moved(to=2, owner="x")
        moved().write(folder / "new.toml")
        with pytest.raises(UsageError, match="no manifest of schema 1 or 2"):
            migrate("new.toml")
