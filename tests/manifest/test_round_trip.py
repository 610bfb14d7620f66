"""What we write as TOML or YAML is read as the same manifest, whatever its texts hold."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from oneiric_lab.canonical import encode
from oneiric_lab.manifest import build, pack, read_manifest, validate
from oneiric_lab.manifest._migrated import as_text

TEXTS = st.text(
    st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12
) | st.sampled_from(
    [
        "null",
        "yes",
        "1",
        "1.0",
        "2024-01-02",
        "~",
        "'",
        '"',
        "a: b",
        "# no",
        "\\",
        "\n",
        "[x]",
        "x:",
        "\x85",
        "\u2028",
        "\ufeff",
    ]
)
PLAIN = (
    st.booleans() | st.integers(-(2**53) + 1, 2**53 - 1) | TEXTS | st.sampled_from([0.5, -1.5e-7])
)
METADATA = st.dictionaries(
    TEXTS,
    st.recursive(
        PLAIN,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
        max_leaves=6,
    ),
    max_size=3,
)
NAMES = st.from_regex(r"\A[A-Za-z0-9_.-]{1,8}\Z")


@st.composite
def entries(draw: st.DrawFn) -> dict[str, Any]:
    """Return an entry that the schema takes, with texts of all kinds."""
    entry: dict[str, Any] = {
        "domain": draw(st.sampled_from(["adapter", "service", "task", "action", "flag"])),
        "key": draw(NAMES),
        "provider": draw(NAMES),
        "version": draw(st.sampled_from(["1", "1.0", "2.0rc1", "2024.1"])),
        "factory": "shop.parts:Thing",
    }
    more = {
        "owner": TEXTS,
        "summary": TEXTS,
        "priority": st.integers(-1000, 1000),
        "requires_secrets": st.lists(NAMES, max_size=2),
        "capabilities": st.lists(
            st.fixed_dictionaries({"name": NAMES}, optional={"description": TEXTS}), max_size=2
        ),
        "timeouts": st.dictionaries(
            st.sampled_from(["call", "build"]), st.floats(0, 100), max_size=2
        ),
        "requires": st.dictionaries(
            st.sampled_from(["adapter:a", "service:b.c"]), st.sampled_from(["", ">=1,<2"])
        ),
        "blocking": st.booleans(),
        "metadata": METADATA,
        "x-own": METADATA,
    }
    for name, values in more.items():
        if draw(st.booleans()):
            entry[name] = draw(values)
    return entry


MANIFESTS = st.lists(entries(), max_size=3, unique_by=lambda e: (e["domain"], e["key"])).map(
    lambda found: {
        "schema": 3,
        "project": "shop",
        "channel": "stable",
        "version": 1,
        "entries": found,
    }
)


class TestRoundTrip:
    """Text and back."""

    @pytest.mark.parametrize("format", ["toml", "yaml"])
    @given(tree=MANIFESTS)
    @settings(max_examples=40)
    def test_it_is_the_same_manifest(self, format: str, tree: dict[str, Any]) -> None:
        """
        The canonical form of what was written is that of what was meant.
        """
        with tempfile.TemporaryDirectory() as place:
            file = Path(place) / f"shop.{format}"
            file.write_text(as_text(tree, format, {0: ["a\nb\x1b\u2028c"]}), encoding="utf-8")

            assert build(file).to_bytes() == encode(tree)

    @given(tree=MANIFESTS)
    @settings(max_examples=40)
    def test_a_packed_one_is_itself(self, tree: dict[str, Any]) -> None:
        """
        Read, shown and written again, byte for byte; and any changed byte is told.
        """
        data = encode(tree)
        manifest = read_manifest(data)

        assert manifest.to_bytes() == data
        assert str(manifest)
        assert "\x1b" not in manifest.to_html()

    def test_every_changed_byte_is_refused_or_another_manifest(self, folder: Path) -> None:
        """
        No byte of a packed file can be changed without changing its digest, and most are
        refused.
        """
        (folder / "shop.toml").write_text(
            'schema = 3\nproject = "shop"\nchannel = "stable"\nversion = 1\n[[entries]]\n'
            'domain = "adapter"\nkey = "k"\nprovider = "p"\nversion = "1"\nfactory = "a:b"\n'
        )
        digest = pack("shop.toml").manifest.digest
        data = (folder / "shop.oneiric.json").read_bytes()
        taken = 0

        for at in range(len(data)):
            (folder / "x.oneiric.json").write_bytes(
                data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]
            )
            if validate("x.oneiric.json").ok:
                taken += 1
                assert read_manifest((folder / "x.oneiric.json").read_bytes()).digest != digest

        assert 0 < taken < len(data) / 3
