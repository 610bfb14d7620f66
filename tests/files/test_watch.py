"""The watcher: content decides, notices only hurry, the poll is the net."""

from __future__ import annotations

import os
import shutil
import time
from typing import TYPE_CHECKING

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
) -> list[set[str]]:
    """Take the steps, each after the former was told of; return the names that were told."""

    async def main() -> list[set[str]]:
        out: list[set[str]] = []
        stop = anyio.Event()

        async def listen(ready: anyio.Event) -> None:
            watcher = watch(named, interval=interval, hint=hint, stop=stop)
            async for changed in watcher:
                out.append({path.name for path in changed})
                news.set()
            assert stop.is_set()

        def named() -> Iterable[Path]:
            looked.set()
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

        assert [{"a"}, {"a"}] == told([path], lambda: shutil.rmtree(path.parent), again, hint=True)

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
