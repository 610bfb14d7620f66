"""How the watch of a process stands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import anyio
import pytest

from oneiric_lab.errors import Fault
from oneiric_lab.runtime import Watching, follow_files

if TYPE_CHECKING:
    from pathlib import Path


class TestWatching:
    def test_a_bad_edit_is_shown_until_it_is_mended(self) -> None:
        """
        A second bad file joins the first; the time is that of the first.
        """
        state = Watching()
        state.refused(("a.toml",), (Fault("syntax", "no good"),))
        since = state.since
        state.refused(("b.toml",), (Fault("syntax", "no good"), Fault("syntax", "nor this")))

        assert (state.files, state.since) == (("a.toml", "b.toml"), since)
        assert state.as_dict()["faults"] == ["error: no good", "error: nor this"]
        assert state.counts()["faulty"] == 2
        state.took(changed=True)
        assert (state.faults, state.files, state.since) == ((), (), 0.0)
        state.took(changed=False)
        assert state.counts()["reloads"] == {"applied": 1, "unchanged": 1, "refused": 2}

    def test_the_way_of_looking(self) -> None:
        """
        Giving the notices up is counted; to poll from the beginning is not.
        """
        state = Watching()
        state.looks_by("poll")
        assert (state.mode, state.fallbacks) == ("poll", 0)
        state.gave_up("no space left on device")
        assert state.as_dict()["why"] == "no space left on device"
        assert state.counts()["fallbacks"] == 1


class TestFollowFiles:
    def test_each_change_is_loaded(self, tmp_path: Path) -> None:
        """
        With the reason for which it only polls; a file that comes to the list is a change.
        """
        state, seen = Watching(), list[str]()
        stop = anyio.Event()

        def load(changed: frozenset[Path]) -> None:
            seen.append(",".join(path.name for path in changed))
            if not changed:
                return  # what changed before it began
            assert (state.mode, state.why) == ("poll", "as the profile says")
            stop.set()

        async def work() -> None:
            with anyio.fail_after(20):
                async with anyio.create_task_group() as tasks:

                    async def write() -> None:
                        while state.mode == "":  # noqa: ASYNC110 - nothing tells
                            await anyio.sleep(0.01)
                        (tmp_path / "new").write_text("1")

                    tasks.start_soon(write)
                    await follow_files(
                        tmp_path.iterdir,
                        load,
                        state,
                        interval=0.05,
                        hint=False,
                        why="as the profile says",
                        stop=stop,
                    )

        anyio.run(work)
        assert seen == ["", "new"]
        assert state.mode == ""
        assert state.interval == pytest.approx(0.05)
        assert state.fallbacks == 0
