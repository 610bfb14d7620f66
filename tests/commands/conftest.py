"""What the tests of verbs share: a private copy of the sample."""

from __future__ import annotations

import os
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.lab import allow, copy_sample

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    """Return a private copy of the sample workspace, whose code may run."""
    for name in ("oneiric_shop_payments", "oneiric_shop_caches"):
        if find_spec(name) is None:
            package = name.replace("_", "-")
            pytest.skip(f"needs pip install -e extensions/examples/{package}")
    folder = copy_sample(tmp_path / "shop")
    allow(folder, ["shop", "shop.settings", "shop.wiring"], os.environ)
    return folder


@pytest.fixture
def ask_shop(shop: Path) -> Callable[..., Any]:
    """Return what runs verbs on the sample workspace, which stays open."""
    interaction = Interaction()

    def asked(*words: str) -> Any:
        return run(["-C", str(shop), *words], interaction)

    return asked
