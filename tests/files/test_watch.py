"""The watcher: content decides, notices only hurry, the poll is the net."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from oneiric_lab.files import watch, write_atomic

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

LIMIT = 20.0
"""Seconds after which a change that was not told is a failure; none takes that long."""


def told(
    paths: Iterable[Path] | Callable[[], Iterable[Path]],
    *steps: Callable[[], object],
    interval: float = 0.05,
    hint: bool = False,
    settle: float = 0.0,
    listed: bool = False,
    on_mode: Callable[[str, str], object] = lambda mode, why: None,
) -> list[set[str]]:
    """Take the steps, each after the former was told of; return the names that were told."""

    async def main() -> list[set[str]]:
        out: list[set[str]] = []
        stop = anyio.Event()

        async def listen(ready: anyio.Event) -> None:
            watcher = watch(
                named,
                interval=interval,
                hint=hint,
                settle=settle,
                listed=listed,
                stop=stop,
                told=on_mode,
                begun=ready.set,
            )
            async for changed in watcher:
                out.append({path.name for path in changed})
                news.set()
            assert stop.is_set()

        def named() -> Iterable[Path]:
            return paths() if callable(paths) else paths

        with anyio.fail_after(LIMIT):
            looked = anyio.Event()
            async with anyio.create_task_group() as group:
                news = anyio.Event()
                group.start_soon(listen, looked)
                await looked.wait()
                for step in steps:
                    news = anyio.Event()
                    step()
                    await news.wait()
                stop.set()
        return out

    return anyio.run(main)


class TestWatch:
    """What is told, once."""

    @pytest.mark.parametrize("hint", [False, True])
    def test_atomic_replace(self, tmp_path: Path, hint: bool) -> None:
        """
        Files that are replaced by a rename are told each time, and their neighbour is not.
        """
        one, other = tmp_path / "one", tmp_path / "other"
        one.write_bytes(b"1")
        other.write_bytes(b"1")

        assert [{"one"}, {"one"}] == told(
            [one, other],
            lambda: write_atomic(one, b"2"),
            lambda: write_atomic(one, b"3"),
            hint=hint,
        )

    def test_an_iterator_of_paths_is_kept(self, tmp_path: Path) -> None:
        """
        Paths given as an iterator are watched for as long as the watch lasts.
        """
        path = tmp_path / "a"
        path.write_bytes(b"1")

        told_of: set[str] = set()

        async def main() -> None:
            async def write() -> None:
                await anyio.sleep(0.1)
                path.write_bytes(b"2")

            with anyio.fail_after(LIMIT):
                async with anyio.create_task_group() as group:
                    group.start_soon(write)
                    async for changed in watch(iter([path]), interval=0.05, hint=False):
                        told_of.update(p.name for p in changed)
                        break

        anyio.run(main)

        assert {"a"} == told_of

    @pytest.mark.parametrize("hint", [False, True])
    def test_folder_swapped_by_a_link(self, tmp_path: Path, hint: bool) -> None:
        """
        Files reached through `..data`, as Kubernetes mounts them, are told when it swaps.
        """
        for version in ("v1", "v2"):
            (tmp_path / version).mkdir()
            (tmp_path / version / "a.toml").write_text(version)
            (tmp_path / version / "same.toml").write_text("same")
        (tmp_path / "..data").symlink_to("v1")
        for name in ("a.toml", "same.toml"):
            (tmp_path / name).symlink_to(f"..data/{name}")

        def swap() -> None:
            (tmp_path / "..data_tmp").symlink_to("v2")
            (tmp_path / "..data_tmp").rename(tmp_path / "..data")
            shutil.rmtree(tmp_path / "v1")

        assert [{"a.toml"}] == told([tmp_path / "a.toml", tmp_path / "same.toml"], swap, hint=hint)

    def test_deleted_and_back(self, tmp_path: Path) -> None:
        """
        A file that goes is told, and told again when it comes back, even as it was.
        """
        path = tmp_path / "a"
        path.write_bytes(b"1")

        assert [{"a"}, {"a"}] == told([path], path.unlink, lambda: path.write_bytes(b"1"))

    def test_not_there_yet(self, tmp_path: Path) -> None:
        """
        A file in a folder that does not exist yet is told when it appears.
        """
        path = tmp_path / "later" / "a"

        def appear() -> None:
            path.parent.mkdir()
            path.write_bytes(b"1")

        assert [{"a"}] == told([path], appear, hint=True)

    def test_folder_goes_away_and_comes_back(self, tmp_path: Path) -> None:
        """
        When the watched folder itself is removed and made anew, the poll still tells.
        """
        path = tmp_path / "folder" / "a"
        path.parent.mkdir()
        path.write_bytes(b"1")

        def again() -> None:
            path.parent.mkdir()
            path.write_bytes(b"2")

        assert [{"a"}] * 5 == told(
            [path],
            lambda: path.write_bytes(b"1-"),
            lambda: path.write_bytes(b"1+"),
            lambda: shutil.rmtree(path.parent),
            again,
            lambda: path.write_bytes(b"2+"),
            hint=True,
        )

    def test_same_content_is_no_news(self, tmp_path: Path) -> None:
        """
        A touch and a rewrite of the same bytes are not told; the next real change is.
        """
        path, other = tmp_path / "a", tmp_path / "other"
        path.write_bytes(b"1")
        other.write_bytes(b"1")

        def touch_then_change() -> None:
            path.touch()
            write_atomic(path, b"1")
            other.write_bytes(b"2")

        assert [{"other"}] == told([path, other], touch_then_change)

    def test_two_writes_within_one_tick_of_the_clock(self, tmp_path: Path) -> None:
        """
        A write that leaves time, size and inode as they were is told all the same.
        """
        path = tmp_path / "a"
        now = time.time_ns()
        path.write_bytes(b"1")
        os.utime(path, ns=(now, now))

        def write() -> None:
            path.write_bytes(b"2")
            os.utime(path, ns=(now, now))

        assert [{"a"}] == told([path], write)

    def test_old_files_are_not_read_again(self, tmp_path: Path) -> None:
        """
        A file whose time is long past is not read while its key stays: a look is one stat.
        """
        path, other = tmp_path / "a", tmp_path / "other"
        other.write_bytes(b"1")
        path.write_bytes(b"1")
        os.utime(path, ns=(10**18, 10**18))

        def behind_our_back() -> None:
            path.write_bytes(b"2")
            os.utime(path, ns=(10**18, 10**18))
            other.write_bytes(b"2")

        assert [{"other"}] == told([path, other], behind_our_back)

    def test_paths_named_anew_at_each_look(self, tmp_path: Path) -> None:
        """
        A function may name more files later; the first look at one is no change of it.
        """
        names = [tmp_path / "a"]
        names[0].write_bytes(b"1")

        def more() -> None:
            (tmp_path / "b").write_bytes(b"1")
            names.append(tmp_path / "b")
            names[0].write_bytes(b"2")

        # By the second news of `a`, a look that named `b` has ended.
        assert [{"a"}, {"a"}, {"b"}] == told(
            lambda: names,
            more,
            lambda: names[0].write_bytes(b"3"),
            lambda: names[1].write_bytes(b"2"),
        )

    def test_the_hint_is_sooner_than_the_poll(self, tmp_path: Path) -> None:
        """
        With a poll of a minute, a notice of the system tells within seconds.
        """
        path = tmp_path / "a"
        path.write_bytes(b"1")

        async def main() -> None:
            async def write() -> None:
                # The notices start in a thread of theirs; whatever is written after is told.
                for turn in range(100):
                    await anyio.sleep(0.1)
                    path.write_bytes(b"%d" % turn)

            with anyio.fail_after(LIMIT):
                async with anyio.create_task_group() as group:
                    group.start_soon(write)
                    async for changed in watch([path], interval=60):
                        told_of.update(p.name for p in changed)
                        group.cancel_scope.cancel()

        told_of: set[str] = set()
        anyio.run(main)

        assert {"a"} == told_of

    def test_a_directory_in_place_of_the_file(self, tmp_path: Path) -> None:
        """
        What cannot be read counts as gone.
        """
        path = tmp_path / "a"
        path.write_bytes(b"1")

        def replace() -> None:
            path.unlink()
            path.mkdir()

        assert [{"a"}] == told([path], replace)


class TestLists:
    """Paths that list what is there."""

    def test_what_comes_and_goes(self, tmp_path: Path) -> None:
        """
        A file that comes to the list or goes from it is told; one that is only no longer
        named, or was never there, is not.
        """
        listed = ["a", "never"]
        one, other = tmp_path / "a", tmp_path / "b"
        one.write_bytes(b"1")

        def paths() -> list[Path]:
            return [tmp_path / name for name in listed]

        def come() -> None:
            other.write_bytes(b"1")
            listed.append("b")

        def go() -> None:
            listed.remove("b")
            listed.remove("never")
            other.unlink()

        def only_not_named() -> None:
            listed.remove("a")
            come()

        assert [{"b"}, {"b"}, {"b"}] == told(paths, come, go, only_not_named, listed=True)


class TestRest:
    """One save is one change."""

    def test_what_was_truncated_is_not_told_before_it_is_written(self, tmp_path: Path) -> None:
        """
        An empty file in place of a full one is waited for.
        """
        path = tmp_path / "a"
        path.write_bytes(b"1")
        contents: list[bytes] = []

        async def main() -> None:
            async def save() -> None:
                await anyio.sleep(0.1)
                path.write_bytes(b"")
                await anyio.sleep(0.1)
                path.write_bytes(b"2")

            with anyio.fail_after(LIMIT):
                async with anyio.create_task_group() as group:
                    group.start_soon(save)
                    async for _ in watch([path], interval=0.05, hint=False, settle=0.02):
                        contents.append(path.read_bytes())
                        break

        anyio.run(main)

        assert contents == [b"2"]

    def test_one_that_is_emptied_for_good(self, tmp_path: Path) -> None:
        """
        It is told after a while.
        """
        path = tmp_path / "a"
        path.write_bytes(b"1")

        assert [{"a"}] == told([path], lambda: path.write_bytes(b""), settle=0.001)

    def test_one_that_never_rests(self, tmp_path: Path) -> None:
        """
        It is told all the same, after ten looks.
        """
        path, looks = tmp_path / "a", iter(range(10**6))
        path.write_bytes(b"1")

        def paths() -> list[Path]:
            path.write_bytes(b"%d" % next(looks))
            return [path]

        assert [{"a"}] == told(paths, lambda: None, settle=0.001)


class TestNotices:
    """What is done without notices."""

    def test_what_cannot_be_had_is_told_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Out of watches, the poll goes on alone and says why.
        """
        path, modes = tmp_path / "a", list[tuple[str, str]]()
        path.write_bytes(b"1")

        def none_left(*_: object, **__: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr("watchfiles.awatch", none_left)

        assert [{"a"}, {"a"}] == told(
            [path],
            lambda: path.write_bytes(b"2"),
            lambda: path.write_bytes(b"3"),
            hint=True,
            on_mode=lambda *said: modes.append(said),
        )
        assert modes == [("poll", "No space left on device")]

    def test_a_folder_that_goes_as_it_is_asked(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        That is no reason to give the notices up.
        """
        import watchfiles

        path, modes, real = tmp_path / "a", list[tuple[str, str]](), watchfiles.awatch
        path.write_bytes(b"1")
        gone = iter([True])

        def awatch(*folders: Path, **options: Any) -> Any:
            if next(gone, False):
                raise FileNotFoundError(2, "No such file")
            return real(*folders, **options)

        monkeypatch.setattr("watchfiles.awatch", awatch)

        def write() -> None:
            path.write_bytes(b"2")

        def again() -> None:
            path.write_bytes(b"3")

        told([path], write, again, hint=True, on_mode=lambda *said: modes.append(said))
        assert modes in ([], [("events", "")])

    def test_the_callers_stop_is_his_own(self, tmp_path: Path) -> None:
        """
        Who ends the watch by cancelling it does not set the event that he gave.
        """
        path, stop = tmp_path / "a", anyio.Event()
        path.write_bytes(b"1")

        async def main() -> None:
            with anyio.move_on_after(0.3):
                async for _ in watch([path], interval=5, stop=stop):
                    pass

        anyio.run(main)
        assert not stop.is_set()

    def test_a_link_to_another_folder(self, tmp_path: Path) -> None:
        """
        A change of what a link leads to is noticed there.
        """
        (tmp_path / "real").mkdir()
        real, path = tmp_path / "real" / "a", tmp_path / "a"
        real.write_bytes(b"1")
        path.symlink_to(real)

        assert [{"a"}] == told([path], lambda: write_atomic(real, b"2"), hint=True)
