"""What can be compared: any schema, as a manifest of schema 3."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import ManifestError
from oneiric_lab.manifest import diff, open_side, pack

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

OLD = """\
source: shop
entries:
- domain: adapter
  key: cache
  provider: redis
  factory: shop_redis:Cache
  version: "2.0.0"
"""


class TestOpenSide:
    def test_older_schemas_are_migrated(self, written: Callable[..., Path], folder: Path) -> None:
        """
        A manifest of schema 2 is compared as its draft of schema 3.
        """
        (folder / "old.yaml").write_text(OLD)

        found = diff(open_side(folder / "old.yaml"), open_side(written()))

        assert [(c.kind, c.step) for c in found.entries] == [("changed", "minor")]
        assert found.old.version == 1

    def test_what_must_be_decided_first(self, folder: Path) -> None:
        """
        An older one whose draft is no manifest yet is refused, with the decision and its place.
        """
        (folder / "old.yaml").write_text(OLD + "  license: nobody knows\n")

        with pytest.raises(ManifestError) as caught:
            open_side(folder / "old.yaml")

        (fault,) = caught.value.faults
        assert "it cannot be compared before this is decided" in fault.message
        assert fault.origin is not None
        assert fault.origin.line == 8

    def test_packed_and_authoring_are_one(self, written: Callable[..., Path]) -> None:
        """
        What was packed is the same as what it was packed from.
        """
        source = written()
        pack(source)

        found = diff(open_side(source), open_side(source.with_name("shop.oneiric.json")))

        assert found.same
