"""`ui`: what a notebook can show, and what a shell says to that."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import UsageError
from oneiric_lab.jobs import Owner
from oneiric_lab.lab import Check, Lab, Loads, Offer, offer_widgets

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


@pytest.fixture
def offered() -> Iterator[None]:
    """Offer a widget that only tells what it was asked for."""
    offer_widgets({"load": Offer("Runs.", lambda lab, what, **options: (lab, what, options))})
    yield
    offer_widgets({})


def ask(*words: str, **options: Any) -> Any:
    """Run one verb."""
    return run(["ui", *words], Interaction(**options))


class TestUi:
    def test_alone_it_lists_what_there_is(self) -> None:
        """
        Every widget with the magic that shows it.
        """
        assert "%oneiric ui load" in str(ask())
        found = set(ask().as_dict()["widgets"])
        assert {"explorer", "explanation", "configuration", "load"} <= found

    def test_a_shell_shows_none(self) -> None:
        """
        It is told where there are some.
        """
        with pytest.raises(UsageError, match="oneiric-lab lab opens a notebook"):
            ask("load")

    @pytest.mark.usefixtures("offered")
    def test_load_runs(self) -> None:
        """
        What starts runs goes to the widget, with what was chosen.
        """
        with Owner() as owner:
            loads = Loads(lambda: owner)
            alone = ask("load", loads=lambda: loads)
            found = ask("load", "swap-1k", "--metric", "lag", loads=lambda: loads)

        assert alone == (loads, None, {"metric": None, "operation": None})
        assert found == (loads, "swap-1k", {"metric": "lag", "operation": None})

    def test_a_workspace(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """
        The explorer gets the open workspace and the filter, the explanation its component.
        """
        asked: list[Any] = []

        def keep(lab: Any, *args: Any, **options: Any) -> Check:
            asked.append((type(lab), args, options))
            return Check(())

        (tmp_path / "oneiric.toml").write_text('[plugins]\npackages = ["oneiric_lab.components"]\n')
        monkeypatch.chdir(tmp_path)
        names = ("explorer", "explanation", "configuration")
        offer_widgets({name: Offer("", keep) for name in names})
        try:
            ask("explorer", "cache", "kv", "--sort", "-priority")
            ask("explanation", "adapter:cache")
            ask("configuration")
        finally:
            offer_widgets({})

        assert asked == [
            (Lab, ("cache kv",), {"sort": "-priority"}),
            (Lab, ("adapter:cache",), {}),
            (Lab, (), {}),
        ]
