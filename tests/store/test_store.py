"""The store: history, undo, quarantine; damaged, newer, read-only, and shared by processes."""

from __future__ import annotations

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from oneiric_lab.errors import StoreError
from oneiric_lab.store import Entry, FileChange, Quarantined, Store, _database, _place
from oneiric_lab.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

PROJECT = Path(__file__).parents[2]


def store_in(root: Path, clock: Callable[[], float] | None = None) -> Store:
    """Return the store of the workspace *root*."""
    return Store(root / ".oneiric", clock=clock or FakeClock(1000.0))


def run(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start *program* in a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, arguments)],
        cwd=PROJECT,
        text=True,
        stderr=subprocess.PIPE,
    )


def sql(path: Path, *statements: str) -> None:
    """Run statements on a store's file, behind its back."""
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for statement in statements:
            connection.execute(statement)


def mode_of(path: Path) -> str:
    """Return how a store's file is written: `wal` or `delete`, by bytes 18 and 19 of it.

    sqlite.org/fileformat2.html, section 1.3.3.
    """
    return {b"\1\1": "delete", b"\2\2": "wal"}[path.read_bytes()[18:20]]


class TestHistory:
    """What was done, and what it was done to."""

    def test_nothing_was_kept(self, root: Path) -> None:
        """
        A workspace without a store has no history, and asking makes no file.
        """
        store = store_in(root)

        assert store.history() == []
        assert store.undoable() is None
        assert store.files(1) == []
        assert store.quarantined() == []
        assert store.notices() == ()
        assert list(root.iterdir()) == []

    def test_newest_first(self, root: Path) -> None:
        """
        Entries come with all that was said of them, the newest first, as many as asked.
        """
        clock = FakeClock(1000.0)
        store = store_in(root, clock)
        store.record("set", "project", "a", who="ada", changes=[{"path": "a", "new": Path("p")}])
        clock.advance(-500)
        store.record("set", "local", "b")

        assert store.history() == [
            Entry(2, 500.0, "", "set", "local", "b"),
            Entry(1, 1000.0, "ada", "set", "project", "a", ({"path": "a", "new": "p"},)),
        ]
        assert [entry.id for entry in store.history(1)] == [2]

    def test_exact_bytes_in_another_process(self, root: Path) -> None:
        """
        Former bytes come back exactly, NUL and broken UTF-8 included; none stays none.
        """
        changes = [
            FileChange(root / "oneiric.toml", b"\xef\xbb\xbfa\r\n\0\xff", b""),
            FileChange(root / "oneiric.local.toml", None, b"x"),
        ]
        number = store_in(root).record("set", "project", "", files=changes)

        assert changes == store_in(root).files(number)

    def test_a_copied_workspace_takes_back_its_own_files(self, root: Path) -> None:
        """
        Paths inside are kept from the root: a copy never points into the original.
        """
        outside = Path("/elsewhere/user.toml")
        store_in(root / "one").record(
            "set",
            "project",
            "",
            files=[
                FileChange(root / "one" / "sub" / "a.toml", b"1", b"2"),
                FileChange(outside, b"1", b"2"),
            ],
        )
        shutil.copytree(root / "one", root / "two")

        found = [change.path for change in store_in(root / "two").files(1)]

        assert [root / "two" / "sub" / "a.toml", outside] == found

    def test_text_that_is_no_utf_8(self, root: Path) -> None:
        """
        Free text is kept with `?` where it is no UTF-8; a file's name is refused as a fault.
        """
        store = store_in(root)
        store.record("set", "project", "a\udcff", who="\udcff", changes=[{"new": "\udcff"}])
        store.quarantine("a", "prints", "\udcff", "\udcff")

        with pytest.raises(StoreError) as caught:
            store.record("set", "file", "", files=[FileChange(root / "\udcff", b"", b"")])

        assert caught.value.code == "store"
        assert [(entry.who, entry.summary, entry.changes) for entry in store.history()] == [
            ("?", "a?", ({"new": "\udcff"},))
        ]
        assert [one.detail for one in store.quarantined()] == ["?"]

    def test_old_bytes_are_forgotten(self, root: Path) -> None:
        """
        Of the newest hundred changes the bytes are kept; the history keeps all of them.
        """
        store = store_in(root)
        change = FileChange(root / "a", b"1", b"2")
        numbers = [store.record("set", "project", "", files=[change]) for _ in range(101)]

        assert store.files(numbers[0]) == []
        assert store.files(numbers[1]) == [change]
        assert len(store.history(limit=200)) == 101


class TestUndoable:
    """Which change would be taken back."""

    def test_the_newest_that_wrote_and_stands(self, root: Path) -> None:
        """
        Entries without files, undone ones and undoing ones are passed over.
        """
        store = store_in(root)
        change = FileChange(root / "a", b"1", b"2")
        first = store.record("set", "project", "first", files=[change])
        second = store.record("set", "project", "second", files=[change])
        store.record("allow", "", "no file")
        undo = store.record("undo", "project", "", files=[change], undoes=second)

        found = store.undoable()

        assert found is not None
        assert first == found.id
        assert [undo] == [e.undone_by for e in store.history() if e.id == second]

    def test_only_once(self, root: Path) -> None:
        """
        Of two that take the same entry back, the second is refused and leaves no entry.
        """
        store = store_in(root)
        first = store.record("set", "project", "", files=[FileChange(root / "a", b"", b"")])
        store.record("undo", "project", "", undoes=first)

        with pytest.raises(StoreError) as caught:
            store.record("undo", "project", "", undoes=first)

        assert caught.value.code == "already-undone"
        assert len(store.history()) == 2


class TestPending:
    """Changes whose files are still to be written."""

    def test_done(self, root: Path) -> None:
        """
        Once it is said to be done it is an entry as any other.
        """
        store = store_in(root)
        assert store.pending() == []
        change = FileChange(root / "a", b"1", b"2")
        first, second = (
            store.record("set", "project", "", files=[change], pending=True) for _ in range(2)
        )
        assert store.pending() == [second, first]
        store.settle(first, done=True)

        assert store.pending() == [second]
        assert [entry.id for entry in store.history()] == [second, first]
        assert store.files(first) == [change]

    def test_not_done(self, root: Path) -> None:
        """
        What was not done never was: neither the entry nor what it took back.
        """
        store = store_in(root)
        change = FileChange(root / "a", b"1", b"2")
        first = store.record("set", "project", "", files=[change])
        undo = store.record("undo", "project", "", files=[change], undoes=first, pending=True)
        assert store.undoable() is None
        store.settle(undo, done=False)

        found = store.undoable()
        assert found is not None
        assert (found.id, found.undone_by) == (first, None)
        assert store.pending() == []
        assert store.files(undo) == []
        assert [entry.id for entry in store.history()] == [first]


class TestQuarantine:
    """What failed when it was tried."""

    def test_kept_replaced_released(self, root: Path) -> None:
        """
        A candidate is in quarantine with its last failure until it is released.
        """
        store = store_in(root)
        store.quarantine("b", "hang", "no answer in 5 s")
        store.quarantine("a", "import-error", "boto3", "Traceback …", when=5.0)
        store.quarantine("a", "import-error", "boto4", "Traceback …", when=6.0)

        assert store_in(root).quarantined() == [
            Quarantined("a", "import-error", "boto4", "Traceback …", 6.0),
            Quarantined("b", "hang", "no answer in 5 s", "", 1000.0),
        ]
        assert store.release("a")
        assert not store.release("a")
        assert [one.candidate for one in store.quarantined()] == ["b"]

    def test_release_of_nothing_writes_nothing(self, root: Path) -> None:
        """
        Releasing in a workspace that kept nothing makes no store.
        """
        assert not store_in(root).release("a")
        assert not (root / ".oneiric").exists()


class TestFile:
    """The file itself: private, migrated, refused, set aside."""

    def test_private_and_ignored(self, root: Path) -> None:
        """
        Former bytes are for their owner only, and version control passes them over.
        """
        store = store_in(root)
        store.record("set", "project", "")
        store.path.chmod(0o644)
        store.record("set", "project", "")

        modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (root / ".oneiric").iterdir()}

        assert modes["state.db"] == 0o600
        assert (root / ".oneiric" / ".gitignore").read_text() == "*\n"

    def test_older_version_is_read_then_migrated(self, root: Path) -> None:
        """
        A store of version 1 answers as it is; the next write brings it up, entries kept.
        """
        store = store_in(root)
        store.path.parent.mkdir()
        sql(
            store.path,
            *_database.MIGRATIONS[0].split(";"),
            "INSERT INTO entry VALUES (1, 5.0, 'ada', 'set', 'project', 'a', '[]', NULL)",
            "PRAGMA user_version = 1",
        )

        assert store.quarantined() == []
        assert [entry.id for entry in store.history()] == [1]
        store.quarantine("a", "hang", "")
        assert [one.candidate for one in store.quarantined()] == ["a"]
        assert [entry.who for entry in store.history()] == ["ada"]

    def test_newer_version_is_refused(self, root: Path) -> None:
        """
        A store that a newer program wrote is neither read nor written.
        """
        store = store_in(root)
        store.record("set", "project", "")
        sql(store.path, "PRAGMA user_version = 99")
        before = store.path.read_bytes()

        with pytest.raises(StoreError) as reading:
            store.history()
        with pytest.raises(StoreError) as writing:
            store.record("set", "project", "")

        assert "store-newer" == reading.value.code == writing.value.code
        assert str(reading.value) == (
            f"error: expected a store of version {_database.VERSION} or less, got 99\n"
            "  --> .oneiric/state.db\n"
            "  why: a newer Oneiric Lab wrote it\n"
            "  help: pip install --upgrade oneiric-lab"
        )
        assert before == store.path.read_bytes()
        assert [fault.code for fault in store.notices()] == ["store-newer"]

    def test_killed_while_it_was_made(self, root: Path) -> None:
        """
        An empty file, left by a process that was killed, is an empty store.
        """
        store = store_in(root)
        store.path.parent.mkdir()
        store.path.touch()

        assert store.history() == []
        assert store.record("set", "project", "") == 1

    @pytest.mark.parametrize("damage", ["no-database", "torn"])
    def test_damaged(self, root: Path, damage: str) -> None:
        """
        A reader says that it is damaged; the next writer sets it aside, and that is said.
        """
        store = store_in(root)
        for _ in range(40):
            store.record(
                "set", "project", "x" * 400, files=[FileChange(root / "a", b"y" * 5000, b"")]
            )
        whole = store.path.read_bytes()
        broken = b"hello" * 1000 if damage == "no-database" else whole[: len(whole) // 2]
        store.path.write_bytes(broken)

        assert [fault.code for fault in store.notices()] == ["store-damaged"]
        assert store.record("set", "project", "anew") == 1
        assert [entry.summary for entry in store.history()] == ["anew"]
        assert broken == (root / ".oneiric" / "state.db.damaged-1").read_bytes()
        (notice,) = store.notices()
        assert (notice.code, notice.severity) == ("store-set-aside", "warning")
        assert notice.fix == "look into it, then: rm .oneiric/state.db.damaged-1*"

    def test_damaged_to_a_reader(self, root: Path) -> None:
        """
        No answer is made up from a damaged store, and the reader leaves it in place.
        """
        store = store_in(root)
        store.path.parent.mkdir()
        store.path.write_bytes(b"hello" * 1000)

        with pytest.raises(StoreError) as caught:
            store.undoable()

        assert str(caught.value) == (
            "error: the workspace's history is damaged: file is not a database\n"
            "  --> .oneiric/state.db\n"
            "  help: the next save sets it aside and starts anew; values are not affected"
        )
        assert store.path.read_bytes() == b"hello" * 1000

    def test_damage_that_only_a_check_finds(self, root: Path) -> None:
        """
        A table that contradicts its index is damage too, though it opens and answers.
        """
        store = store_in(root)
        store.record("set", "project", "", files=[FileChange(root / "a", b"1", b"2")])
        sql(
            store.path,
            "PRAGMA writable_schema = ON",
            "UPDATE sqlite_schema SET rootpage = (SELECT rootpage FROM sqlite_schema"
            " WHERE name = 'quarantine') WHERE name = 'file_of_entry'",
        )

        assert [fault.code for fault in store.notices()] == ["store-damaged"]
        assert store.record("set", "project", "anew") == 1

    def test_damaged_again_and_again(self, root: Path) -> None:
        """
        Each damaged file gets a number of its own; none is lost.
        """
        store = store_in(root)
        names = [f"state.db.damaged-{n}" for n in range(1, 12)]
        store.path.parent.mkdir()
        for turn in range(11):
            store.path.write_bytes(b"broken%d" % turn * 100)
            store.record("set", "project", "")

        assert names == [path.name for path in _database.damaged_copies(store.path)]
        assert len(store.notices()) == 11
        assert (root / ".oneiric" / "state.db.damaged-11").read_bytes().startswith(b"broken10")

    def test_damaged_while_another_process_reads(self, root: Path) -> None:
        """
        The journal that another process holds open goes aside with the file it belongs to.
        """
        store = store_in(root)
        for _ in range(40):
            store.record("set", "project", "x" * 1000)
        with closing(sqlite3.connect(store.path)) as reader:
            reader.execute("SELECT count(*) FROM entry").fetchone()
            os.truncate(store.path, store.path.stat().st_size // 2 // 4096 * 4096)

            assert store.record("set", "project", "anew") == 1
            assert (root / ".oneiric" / "state.db.damaged-1-wal").exists()
        assert [entry.summary for entry in store.history()] == ["anew"]

    def test_a_directory_in_its_place(self, root: Path) -> None:
        """
        What sqlite cannot open is a fault, not a bare error of sqlite.
        """
        store = store_in(root)
        store.path.mkdir(parents=True)

        with pytest.raises(StoreError) as caught:
            store.record("set", "project", "")

        assert "unable to open database file" in str(caught.value)

    def test_damage_found_by_two_processes(self, root: Path) -> None:
        """
        Who comes second finds another file in place, and leaves the new one alone.
        """
        store = store_in(root)
        store.path.parent.mkdir()
        store.path.write_bytes(b"broken" * 100)
        seen = store.path.stat().st_ino
        store.path.rename(store.path.with_name("state.db.damaged-1"))
        store.record("set", "project", "of the first")

        _database._set_aside(store.path, seen)

        assert [entry.summary for entry in store.history()] == ["of the first"]

    def test_two_processes_writing_at_once(self, root: Path) -> None:
        """
        Two processes that make the store and write to it together lose no entry.
        """
        program = (
            "import sys; from pathlib import Path; from oneiric_lab.store import Store\n"
            "store = Store(Path(sys.argv[1]))\n"
            "for turn in range(40): store.record('set', 'project', sys.argv[2])"
        )
        writers = [run(program, root / ".oneiric", who) for who in "ab"]

        assert [writer.communicate(timeout=60)[1] for writer in writers] == ["", ""]
        assert (
            "".join(sorted(entry.summary for entry in store_in(root).history(100)))
            == "a" * 40 + "b" * 40
        )

    def test_readers_do_not_wait_for_a_writer(self, root: Path) -> None:
        """
        While somebody writes, others read what was before.
        """
        store = store_in(root)
        store.record("set", "project", "a")
        with _database.writing(store.path) as connection:
            connection.execute("DELETE FROM entry")

            assert len(store.history()) == 1
        assert store.history() == []

    def test_a_file_system_without_shared_memory(self, root: Path) -> None:
        """
        Where the memory that readers and writers share cannot be made, the store works
        without it, also one that was made elsewhere.
        """
        for name in ("new", "old"):
            store = store_in(root / name)
            if name == "old":
                store.record("set", "project", "a")
                _database._checked.clear()
            # What should be that memory is a folder.
            store.path.with_name("state.db-shm").mkdir(parents=True)
            store.record("set", "project", "b")
            store.record("set", "project", "c")

            assert [entry.summary for entry in store.history()][:2] == ["c", "b"]
            assert mode_of(store.path) == "delete"

    def test_on_a_network(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        On a network file system there is no WAL, which hosts cannot share.
        """
        mounts = root / "mountinfo"
        mounts.write_text("1 2 0:1 / / rw - nfs4 x rw\n")
        store = store_in(root)
        store.record("set", "project", "a")
        assert mode_of(store.path) == "wal"
        _database._checked.clear()
        monkeypatch.setattr(_place, "MOUNTINFO", mounts)
        store.record("set", "project", "b")

        assert mode_of(store.path) == "delete"
        assert [entry.summary for entry in store.history()] == ["b", "a"]

    def test_busy_at_the_first_write(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Who finds the store taken for too long says so, and leaves its mode as it is.
        """
        monkeypatch.setattr(_database, "_BUSY_SECONDS", 0.01)
        store = store_in(root)
        store.record("set", "project", "a")
        _database._checked.clear()
        with closing(sqlite3.connect(store.path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(StoreError, match="locked"):
                store.record("set", "project", "b")

        assert mode_of(store.path) == "wal"
        assert len(store.history()) == 1

    def test_checked_once_a_process(self, root: Path) -> None:
        """
        A file is checked at the first write of a process, again when it is another file,
        and again after damage was met.
        """
        program = (
            "import sqlite3, sys; from functools import partial; from pathlib import Path\n"
            "from oneiric_lab.store import Store\n"
            "class Loud(sqlite3.Connection):\n"
            "    def execute(self, statement, *values):\n"
            "        if 'quick_check' in statement: print('check', file=sys.stderr)\n"
            "        return super().execute(statement, *values)\n"
            "sqlite3.connect = partial(sqlite3.connect, factory=Loud)\n"
            "store = Store(Path(sys.argv[1]))\n"
            "def write(): store.record('set', 'project', ''); print('w', file=sys.stderr)\n"
            "write(); write()\n"
            "store.path.rename(store.path.with_name('gone')); write(); write()\n"
            "store.path.write_bytes(b'hello' * 1000)\n"
            "write(); write()\n"
        )
        _, said = run(program, root / ".oneiric").communicate(timeout=60)

        assert said.split() == ["check", "w", "w"] * 3

    def test_full_disk(self, root: Path) -> None:
        """
        Where an entry finds no room, nothing of it is kept, and the former ones are.
        """
        store_in(root).record("set", "project", "first")
        program = (
            "import resource, sys; from pathlib import Path\n"
            "from oneiric_lab.store import FileChange, Store\n"
            "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
            "change = FileChange(Path('a'), bytes(500_000), None)\n"
            "Store(Path(sys.argv[1])).record('set', 'project', 'big', files=[change])"
        )
        _, said = run(program, root / ".oneiric").communicate(timeout=60)

        assert "StoreError: error: the workspace's history cannot be used" in said
        assert [entry.summary for entry in store_in(root).history()] == ["first"]
        assert store_in(root).notices() == ()

    def test_read_only_workspace(
        self, root: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        A workspace that we may only read answers; a write says what would have to be granted.
        """
        store = store_in(root)
        store.record("set", "project", "a")
        store.path.chmod(0o644)
        store.path.parent.chmod(0o555)

        with unprivileged():
            found = store.history()
            with pytest.raises(StoreError) as caught:
                store.record("set", "project", "b")

        assert [entry.summary for entry in found] == ["a"]
        assert caught.value.code == "store"
        assert "make .oneiric/ writable" in str(caught.value)
        assert {".gitignore", "state.db"} == {p.name for p in store.path.parent.iterdir()}

    def test_read_only_with_a_journal_left_behind(
        self, root: Path, unprivileged: Callable[[], AbstractContextManager[None]]
    ) -> None:
        """
        Where the last entries stand in a journal that cannot be opened, no old answer is given.
        """
        store = store_in(root)
        store.record("set", "project", "a")
        store.path.with_name("state.db-wal").write_bytes(b"entries")
        store.path.chmod(0o644)
        store.path.parent.chmod(0o555)

        with unprivileged(), pytest.raises(StoreError) as caught:
            store.history()

        assert caught.value.code == "store"

    def test_folder_is_a_file(self, root: Path) -> None:
        """
        A file where the folder belongs answers with nothing, and refuses to be written to.
        """
        (root / ".oneiric").touch()

        assert store_in(root).history() == []
        with pytest.raises(StoreError):
            store_in(root).record("set", "project", "")

    def test_a_name_that_a_uri_would_change(self, root: Path) -> None:
        """
        A workspace's path may hold `?`, `#` and `%`.
        """
        store = store_in(root / "a?b#c%41")
        store.record("set", "project", "a")

        assert len(store.history()) == 1
        assert [path.name for path in root.iterdir()] == ["a?b#c%41"]


class TestTrust:
    """The document of what was trusted last."""

    def test_nothing_yet(self, root: Path) -> None:
        """
        Who asks a store that is not there makes none.
        """
        assert store_in(root).trusted() is None
        assert not (root / ".oneiric").exists()

    def test_the_last_one_is_kept(self, root: Path) -> None:
        """
        Each change is given what the former one left.
        """
        store = store_in(root)
        for number in (b"1", b"2"):
            store.trust(lambda before, n=number: (before or b"nothing") + n)  # type: ignore[misc]  # the default binds

        assert store_in(root).trusted() == b"nothing12"
        assert store.history() == []

    def test_what_it_raises_keeps_the_old_one(self, root: Path) -> None:
        """
        A change that fails changes neither document nor history.
        """
        store = store_in(root)
        store.trust(lambda _: b"1")

        def broken(_: bytes | None) -> bytes:
            raise LookupError

        with pytest.raises(LookupError):
            store.trust(broken, verb="reset")
        assert (store.trusted(), store.history()) == (b"1", [])

    def test_an_entry_of_the_history(self, root: Path) -> None:
        """
        With a verb, document and entry are kept together.
        """
        store = store_in(root)
        store.trust(lambda _: b"1", verb="reset", summary=lambda: "forgot", who="ada")

        assert store.history() == [Entry(1, 1000.0, "ada", "reset", "trust", "forgot")]

    def test_an_older_store(self, root: Path) -> None:
        """
        A store of version 4 has trusted nothing; the first document brings it up.
        """
        store = store_in(root)
        store.path.parent.mkdir()
        older = ";".join(_database.MIGRATIONS[:4]).split(";")
        entry = "INSERT INTO entry VALUES (1, 5.0, '', 'set', 'project', 'a.b', '[]', NULL)"
        sql(store.path, *older, entry, "PRAGMA user_version = 4")

        assert store_in(root).trusted() is None
        store_in(root).trust(lambda _: b"1")
        assert store_in(root).trusted() == b"1"
        assert [entry.summary for entry in store.history()] == ["a.b"]
