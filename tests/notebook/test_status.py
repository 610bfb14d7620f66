"""The status widget's side in the kernel: what it tells, and what its buttons do."""

from __future__ import annotations

import asyncio
import json
import time
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab import Lab
from oneiric_lab.errors import UsageError
from oneiric_lab.registry import Candidate
from oneiric_lab.views import MIME

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .conftest import Wire

pytest.importorskip("anywidget", reason="needs oneiric-lab[notebook]")

LIMIT = 30.0
NONSENSE: tuple[Any, ...] = (
    {"do": "want"},
    {"do": "want", "target": 3, "word": "pause", "why": ""},
    {"do": "want", "target": "adapter:cache", "word": "rm", "why": ""},
    {"do": "want", "target": "adapter:cache", "word": "pause", "why": None},
)


@pytest.fixture
def lab(folder: Path) -> Iterator[Lab[Any]]:
    """Return an open lab."""
    with Lab.open(folder, environ={}) as opened:
        yield opened


def show(lab: Lab[Any], **options: Any) -> Any:
    """Return the widget of a lab."""
    from oneiric_lab.notebook.widgets._status import status

    return status(lab, **options)


def wanted(shown: Any, target: str = "adapter:cache") -> str:
    """Return what is wanted of a component, as a browser is told."""
    (found,) = [row["wanted"] for row in shown.told["rows"] if row["target"] == target]
    return str(found)


def wait(until: Any) -> None:
    """Wait for what should come to be so."""
    end = time.monotonic() + LIMIT
    while not until():
        assert time.monotonic() < end
        time.sleep(0.01)


class TestStatusBoard:
    def test_buttons_write_wishes(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Pause with a note, and resume, are what the verbs do; anything else does nothing.
        """
        shown = show(lab)
        sent = next(w for w in reversed(wire.made) if "told" in w.sent[0]["data"]["state"])
        for nonsense in NONSENSE:
            sent.click(nonsense)
        want = {"do": "want", "target": "adapter:cache", "why": "backup"}
        sent.click({**want, "word": "pause"})
        wait(lambda: wanted(shown) == "paused")

        wish = lab.store.desired()["adapter:cache"]
        assert (wish.state, wish.why) == ("paused", "backup")
        assert shown.told["rows"][0]["target"] == "adapter:cache"
        sent.click({**want, "word": "resume"})
        wait(lambda: wanted(shown) == "running")
        sent.click({**want, "target": "adapter:cash", "word": "drain"})
        wait(lambda: sent.told("failed"))
        assert "adapter:cash" in json.dumps(sent.told("failed"))

    def test_read_only(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Where others look on, no message writes a wish, whatever the page says that it is.
        """
        shown = show(lab, read_only=True)
        assert shown.plain
        shown.plain = False
        shown.told_want({"target": "adapter:cache", "word": "pause", "why": "x"})
        lab.desire("adapter:secrets", "draining", why="later")
        wait(lambda: wanted(shown, "adapter:secrets") == "draining")

        assert wanted(shown) == "running"

    def test_in_the_loop_of_the_components(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        A button that is pressed in the loop where components run does not wait for itself.
        """

        async def main() -> None:
            async with lab.running() as life:
                async with life.lease("adapter", "cache"):
                    pass
                shown = show(lab)
                shown.told_want({"target": "adapter:cache", "word": "pause", "why": "x"})
                for _ in range(1000):
                    await asyncio.sleep(0.01)
                    if wanted(shown) == "paused" and shown.told["rows"][0]["is"][0][0] == "paused":
                        break
                (actual,) = shown.told["rows"][0]["is"]
                assert actual[:2] == ["paused", True]

        asyncio.run(main())

    def test_follows_what_others_do(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        A wish that a shell wrote is there within a moment.
        """
        shown = show(lab)
        lab.desire("adapter:cache", "draining", why="elsewhere")
        wait(lambda: wanted(shown) == "draining")

        assert shown.told["deeds"][0][2] == "desired draining"

    def test_a_saved_output_is_small(self, wire: type[Wire], lab: Lab[Any]) -> None:
        """
        Ten thousand components are told in part, and saved in less than 24 KB.
        """
        lab.registry.add(
            *(Candidate("task", f"t{n:05}", "p" * 100, factory=dict) for n in range(10_000))
        )
        shown = show(lab)
        saved = shown._repr_mimebundle_()

        assert shown.told["count"] > 10_000
        assert len(shown.told["rows"]) == 200
        assert len(json.dumps(saved)) <= 24 * 1024
        assert "the live status needs the kernel" in json.dumps(saved[MIME])
        assert set(shown.as_dict()) == {"standing", "activity", "remote"}

    def test_without_a_lab(self) -> None:
        """
        There is nothing to show without one.
        """
        with pytest.raises(UsageError, match="no lab whose status"):
            show(None)  # type: ignore[arg-type]  # what a notebook may do
