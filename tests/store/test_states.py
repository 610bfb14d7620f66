"""Desired and actual: wishes, heartbeats, what processes, crashes and clocks do to them."""

from __future__ import annotations

import itertools
import sqlite3
import subprocess
import sys
from contextlib import closing
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import StoreError, UsageError
from oneiric_lab.store import Desired, ProcessState, Store, _database
from oneiric_lab.store._store import PROCESSES_KEPT
from oneiric_lab.testing import FakeClock

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.store import DesiredState

PROJECT = Path(__file__).parents[2]
HEAD = "import sys; from pathlib import Path; from oneiric_lab.store import *\n"
CACHE, QUEUE = "adapter:cache", "service:queue"


def store_in(root: Path) -> Store:
    """Return the store of the workspace *root*."""
    return Store(root / ".oneiric", clock=FakeClock(1000.0))


def run(program: str, *arguments: object) -> subprocess.Popen[str]:
    """Start *program* in a process of its own, with pipes."""
    return subprocess.Popen(
        [sys.executable, "-c", HEAD + program, *map(str, arguments)],
        cwd=PROJECT,
        text=True,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def say(process: subprocess.Popen[str], line: str) -> str:
    """Send a line and return the answer."""
    assert process.stdin is not None
    assert process.stdout is not None
    process.stdin.write(line + "\n")
    process.stdin.flush()
    return process.stdout.readline().strip()


def process(name: str, started: float = 900.0, **state: Any) -> ProcessState:
    """Return what a process says of itself."""
    return ProcessState(name, 7, "host", started, state)


class TestDesired:
    """What people want."""

    def test_nothing_was_kept(self, root: Path) -> None:
        """
        Where nobody wants anything nothing is known, and asking makes no file.
        """
        store = store_in(root)

        assert store.desired() == {}
        assert store.desires() == []
        assert store.processes(1e9) == []
        assert store.activity() == []
        assert not store.leave("a")
        assert list(root.iterdir()) == []

    def test_the_last_wish_is_in_force(self, root: Path) -> None:
        """
        One wish a component is in force; the history keeps all, numbered in their order.
        """
        store = store_in(root)
        numbers = [
            store.desire(CACHE, "paused", who="ada", why="migration"),
            store.desire(QUEUE, "draining", who="bob", why=""),
            store.desire(CACHE, "running", who="bob", why="done"),
        ]

        paused, queue, running = (
            Desired(CACHE, "paused", "ada", 1000.0, "migration", 1),
            Desired(QUEUE, "draining", "bob", 1000.0, "", 2),
            Desired(CACHE, "running", "bob", 1000.0, "done", 3),
        )
        assert numbers == [1, 2, 3]
        assert store_in(root).desired() == {CACHE: running, QUEUE: queue}
        assert store_in(root).desires() == [paused, queue, running]
        assert store.desires(since=2) == [running]
        assert store.desires(since=3) == []

    def test_a_number_of_a_store_that_was_set_aside(self, root: Path) -> None:
        """
        Who asks with a number that this store never gave hears everything.
        """
        store = store_in(root)
        store.desire(CACHE, "paused", who="", why="")

        assert [one.number for one in store.desires(since=99)] == [1]

    def test_text_that_is_no_utf_8(self, root: Path) -> None:
        """
        Who and why are kept with `?` where they are no UTF-8.
        """
        store = store_in(root)
        store.desire(CACHE, "paused", who="\udcff", why="a\udcff")

        (found,) = store.desires()
        assert (found.who, found.why) == ("?", "a?")

    @pytest.mark.parametrize("target", ["", "cache", "adapter:", ":cache"])
    def test_a_target_that_is_none(self, root: Path, target: str) -> None:
        """
        A name that is no domain:key is refused before anything is written.
        """
        with pytest.raises(UsageError) as caught:
            store_in(root).desire(target, "paused", who="", why="")

        assert caught.value.code == "target"
        assert list(root.iterdir()) == []

    def test_a_state_that_is_none(self, root: Path) -> None:
        """
        A state that nobody can want is refused, with those that are known.
        """
        state: Any = "pause"
        with pytest.raises(UsageError) as caught:
            store_in(root).desire(CACHE, state, who="", why="")

        assert str(caught.value) == (
            "error: expected a desired state, got 'pause'\n"
            "  help: did you mean `paused`? known: draining, paused, running"
        )


class TestProcesses:
    """What is so, and who says it."""

    def test_the_last_word_of_each(self, root: Path) -> None:
        """
        A process is known by its last beat, the oldest process first, until it leaves.
        """
        store = store_in(root)
        store.beat(process("b", 901.0))
        store.beat(process("a", state="active"))
        store.beat(process("b", 901.0, leases=3))

        assert store_in(root).processes(5.0) == [
            ProcessState("a", 7, "host", 900.0, {"state": "active"}, 1000.0, 2),
            ProcessState("b", 7, "host", 901.0, {"leases": 3}, 1000.0, 3),
        ]
        assert store.leave("a")
        assert not store.leave("a")
        assert [one.id for one in store.processes(5.0)] == ["b"]

    def test_numbers_are_given_once(self, root: Path) -> None:
        """
        A process that left and came back has a number that nobody had.
        """
        store = store_in(root)
        first = store.beat(process("a"))
        store.leave("a")

        assert store.beat(process("a")) == first + 1

    def test_the_newest_are_remembered(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Of killed processes no more rows stay than the store keeps, the latest beats last.
        """
        monkeypatch.setattr("oneiric_lab.store._store.PROCESSES_KEPT", 3)
        store = store_in(root)
        for name in "abcad":
            store.beat(process(name))

        assert PROCESSES_KEPT == 256
        assert [one.id for one in store.processes(5.0)] == ["a", "c", "d"]


class TestAlive:
    """Who counts as alive, whatever the clocks do."""

    def pair(self, root: Path) -> tuple[Store, FakeClock, Store, FakeClock, FakeClock]:
        """Return a writer with its clock, and a reader with its clock and its stopwatch."""
        writes, reads, elapsed = FakeClock(1000.0), FakeClock(1000.0), FakeClock(50.0)
        folder = root / ".oneiric"
        return (
            Store(folder, clock=writes),
            writes,
            Store(folder, clock=reads, elapsed=elapsed),
            reads,
            elapsed,
        )

    def test_a_beat_grows_old(self, root: Path) -> None:
        """
        A process is alive up to the given age of its beat, and not beyond.
        """
        writer, _, reader, reads, elapsed = self.pair(root)
        writer.beat(process("a"))
        found = []
        for _ in range(4):
            found.append(len(reader.processes(2.0)))
            reads.advance(1.0)
            elapsed.advance(1.0)

        assert found == [1, 1, 1, 0]

    @pytest.mark.parametrize("skew", [-3600.0, 3600.0])
    def test_clocks_that_differ(self, root: Path, skew: float) -> None:
        """
        A live process with another clock is seen at the second look, and from then on.
        """
        writer, writes, reader, reads, elapsed = self.pair(root)
        writes.advance(skew)
        found = []
        for _ in range(5):
            writer.beat(process("a"))
            found.append(len(reader.processes(2.0)))
            for clock in (writes, reads, elapsed):
                clock.advance(1.0)

        assert found == [0, 1, 1, 1, 1]

    @pytest.mark.parametrize("jump", [-3600.0, 3600.0])
    def test_a_clock_that_jumps(self, root: Path, jump: float) -> None:
        """
        A jump of everybody's clock hides a live process from nobody who knew it, and from
        others until its next beat; one that stopped is gone for all after the same time.
        """
        writer, writes, reader, reads, elapsed = self.pair(root)
        writer.beat(process("a"))
        assert len(reader.processes(2.0)) == 1
        writes.advance(jump)
        reads.advance(jump)
        stranger = partial(Store, root / ".oneiric", clock=reads, elapsed=elapsed)

        assert len(reader.processes(2.0)) == 1
        assert stranger().processes(2.0) == []
        writer.beat(process("a"))
        assert len(reader.processes(2.0)) == len(stranger().processes(2.0)) == 1
        for clock in (writes, reads, elapsed):
            clock.advance(2.5)
        assert reader.processes(2.0) == stranger().processes(2.0) == []

    def test_a_long_time_between_two_looks(self, root: Path) -> None:
        """
        One beat between two looks far apart is as old as the clocks say, not as new as the look.
        """
        writer, writes, reader, reads, elapsed = self.pair(root)
        writer.beat(process("a"))
        reader.processes(2.0)
        writes.advance(10.0)
        writer.beat(process("a"))
        reads.advance(600.0)
        elapsed.advance(600.0)

        assert reader.processes(2.0) == []
        assert [one.id for one in reader.processes(590.0)] == ["a"]

    def test_every_short_history(self, root: Path) -> None:
        """
        After any two jumps of either clock a beat between two looks shows the live process,
        and a look after quiet time does not.
        """
        writer, writes, reader, reads, elapsed = self.pair(root)
        moves = list(itertools.product([-5000.0, 0.0, 5000.0], repeat=2))
        for history in itertools.product(moves, repeat=2):
            for write, read in history:
                writes.advance(write)
                reads.advance(read)
                reader.processes(2.0)
                elapsed.advance(1.0)
                writer.beat(process("a"))
                assert [one.id for one in reader.processes(2.0)] == ["a"], history
            elapsed.advance(3.0)
            assert reader.processes(2.0) == [], history


class TestManyProcesses:
    """Processes that share one store."""

    def test_nothing_is_lost(self, root: Path) -> None:
        """
        Processes that wish, beat and journal at once lose nothing, and share no number.
        """
        program = (
            "store, who = Store(Path(sys.argv[1])), sys.argv[2]\n"
            "journal = Journal(store)\n"
            "for turn in range(20):\n"
            "    store.desire('adapter:cache', 'paused', who=who, why=str(turn))\n"
            "    store.beat(ProcessState(who, 1, '', 0.0, {'turn': turn}))\n"
            "    journal.add('adapter:cache', 'swap', turn, who)\n"
            "    journal.flush()\n"
        )
        writers = [run(program, root / ".oneiric", who) for who in "ab"]
        assert [writer.communicate(timeout=60)[1] for writer in writers] == ["", ""]

        store = store_in(root)
        wishes = store.desires()
        rows = store.activity(limit=100)
        assert [wish.number for wish in wishes] == list(range(1, 41))
        assert store.desired() == {CACHE: wishes[-1]}
        for who in "ab":
            mine = [wish.why for wish in wishes if wish.who == who]
            assert mine == [str(turn) for turn in range(20)]
            turns = [row.incarnation for row in reversed(rows) if row.provider == who]
            assert turns == list(range(20))
        assert [one.state for one in store.processes(1e12)] == [{"turn": 19}] * 2

    def test_seen_at_once(self, root: Path) -> None:
        """
        A process that opened the store before sees a wish as soon as it was kept.
        """
        program = (
            "store = Store(Path(sys.argv[1]))\n"
            "for line in sys.stdin:\n"
            "    wishes = store.desired().values()\n"
            "    print(','.join(wish.state for wish in wishes), flush=True)\n"
        )
        store = store_in(root)
        states: list[DesiredState] = ["paused", "draining", "running"]
        with run(program, root / ".oneiric") as other:
            assert say(other, "") == ""
            for state in states:
                store.desire(CACHE, state, who="", why="")
                assert say(other, "") == state
            other.communicate(timeout=60)


STEPPED = """
import sqlite3
from functools import partial

class Stepped(sqlite3.Connection):
    # Asks before every statement whether it may go on.
    def execute(self, statement, *values):
        print(*statement.split()[:4], flush=True)  # in one line: the parent counts them
        sys.stdin.readline()
        return super().execute(statement, *values)

store = Store(Path(sys.argv[1]))
sqlite3.connect = partial(sqlite3.connect, factory=Stepped)
store.desire("adapter:cache", "paused", who="killed", why="")
print("done", flush=True)
sys.stdin.readline()
"""


class TestCrash:
    """What a crash and a full disk leave."""

    @pytest.mark.parametrize("exists", [False, True])
    def test_killed_before_every_statement(self, root: Path, *, exists: bool) -> None:
        """
        kill -9 before any statement leaves the old wish or the new one, wish and history
        agreeing, and the next writer goes on.
        """
        outcomes = []
        for steps in itertools.count():
            store = store_in(root / str(steps))
            if exists:
                store.desire(CACHE, "draining", who="before", why="")
            with run(STEPPED, root / str(steps) / ".oneiric") as writer:
                assert writer.stdout is not None
                reached = writer.stdout.readline()
                for _ in range(steps):
                    reached = say(writer, "")
                writer.kill()

            wishes = store.desires()
            assert store.notices() == ()
            assert list(store.desired().values()) == wishes[-1:]
            assert [wish.who for wish in wishes][:exists] == ["before"] * exists
            outcomes.append(len(wishes) - exists)
            store.desire(CACHE, "running", who="after", why="")
            assert store.desired()[CACHE].who == "after"
            if reached == "done":
                break

        kept = outcomes.index(1)
        assert outcomes == [0] * kept + [1] * (len(outcomes) - kept)
        assert len(outcomes) > 5

    def test_full_disk(self, root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        Where a wish finds no room the former one stands, and with room it is kept.
        """

        class Full(sqlite3.Connection):
            def __init__(self, *given: Any, **named: Any) -> None:
                super().__init__(*given, **named)
                self.execute("PRAGMA max_page_count = 1")  # no page more than there are

        store = store_in(root)
        store.desire(CACHE, "paused", who="ada", why="")
        writes: list[Callable[[], object]] = [
            lambda: store.desire(CACHE, "running", who="bob", why="x" * 100_000),
            lambda: store.beat(process("a", text="x" * 100_000)),
        ]
        with monkeypatch.context() as patch:
            patch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=Full))
            for write in writes:
                with pytest.raises(StoreError, match="full") as caught:
                    write()
                assert caught.value.code == "store"

        assert [wish.who for wish in store.desires()] == ["ada"]
        assert store.desired()[CACHE].state == "paused"
        assert store.processes(1e9) == []
        assert store.notices() == ()
        assert store.desire(CACHE, "running", who="bob", why="x" * 100_000) == 2


class TestVersions:
    """Stores of other versions."""

    def test_version_2_is_read_then_migrated(self, root: Path) -> None:
        """
        A store of version 2 wants nothing; the next wish brings it up and keeps what was.
        """
        store = store_in(root)
        store.path.parent.mkdir()
        with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
            for statement in ";".join(_database.MIGRATIONS[:2]).split(";"):
                connection.execute(statement)
            connection.execute(
                "INSERT INTO entry VALUES (1, 5.0, 'ada', 'set', '', '', '[]', NULL)"
            )
            connection.execute("INSERT INTO quarantine VALUES ('a', 'hang', '', '', 5.0)")
            connection.execute("PRAGMA user_version = 2")

        assert store.desired() == {}
        assert store.desires() == []
        assert store.processes(1e9) == []
        assert store.activity() == []
        assert not store.leave("a")
        assert store.desire(CACHE, "paused", who="", why="") == 1
        assert [entry.who for entry in store.history()] == ["ada"]
        assert [one.candidate for one in store.quarantined()] == ["a"]

    def test_a_newer_version_is_refused(self, root: Path) -> None:
        """
        Neither a wish nor a beat goes into a store that a newer program wrote.
        """
        store = store_in(root)
        store.desire(CACHE, "paused", who="", why="")
        with closing(sqlite3.connect(store.path, isolation_level=None)) as connection:
            connection.execute(f"PRAGMA user_version = {_database.VERSION + 1}")
        before = store.path.read_bytes()

        for ask in (
            store.desired,
            lambda: store.desire(CACHE, "running", who="", why=""),
            lambda: store.beat(process("a")),
        ):
            with pytest.raises(StoreError) as caught:
                ask()
            assert caught.value.code == "store-newer"
        assert before == store.path.read_bytes()
