"""`trust state`: what a workspace has trusted last, and the named way back."""

from __future__ import annotations

import datetime as dt
import json
import multiprocessing
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.commands import Interaction, run
from oneiric_lab.errors import DocumentRefusedError, UntrustedError, UsageError
from oneiric_lab.lab import (
    Lab,
    forget_trusted,
    trust_notices,
    trust_report,
    trusted_state,
)
from oneiric_lab.testing import ReleaseHouse, Workspace
from oneiric_lab.trust import RISKS, State, verify

if TYPE_CHECKING:
    from pathlib import Path

    from oneiric_lab.store import Store
    from oneiric_lab.trust import Report


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """Return the folder of a small workspace."""
    return Workspace(tmp_path).project("[server]\nport = 1\n").path


@pytest.fixture
def store(place: Path) -> Store:
    """Return its store."""
    return Lab.open(place).store


def ask(place: Path, *words: str) -> Any:
    """Run one verb in *place*, as a new process would."""
    return run(["-C", str(place), "trust", "state", *words], Interaction())


def report_of(
    house: ReleaseHouse, version: int | None = None, state: State | None = None
) -> Report:
    """Return the report of a new release."""
    release = house.release({"adapter:cache": "redis"}, version=version)
    return verify(
        release.bundle,
        release.manifest,
        policy=house.policy,
        state=state or State(),
        now=house.now,
    )


class TestShow:
    def test_nothing_yet(self, place: Path) -> None:
        """
        A workspace that verified nothing says so, and nothing is written for the answer.
        """
        found = ask(place)

        assert found.state == State()
        assert "nothing was trusted yet" in found.to_text()
        assert not (place / ".oneiric").exists()

    def test_what_was_trusted(self, place: Path, store: Store) -> None:
        """
        The verb alone and `show` say the same: channel, root, list and time.
        """
        house = ReleaseHouse()
        state = trust_report(store, report_of(house))

        found = ask(place)

        assert found.state == state == ask(place, "show").state
        assert found.as_dict()["state"] == json.loads(state.encode())
        text = found.to_text()
        assert "stable" in text
        assert "1.1" in text
        assert "number 1" in text

    def test_a_file_for_verify(self, place: Path, store: Store, tmp_path: Path) -> None:
        """
        What is kept can be written as the file that `manifest verify --state` reads.
        """
        state = trust_report(store, report_of(ReleaseHouse()))
        out = tmp_path / "state.json"

        ask(place, "show", "--out", str(out))

        assert State.parse(out.read_bytes()) == state
        assert out.stat().st_mode & 0o777 == 0o600

    def test_hostile_bytes_in_the_store(self, place: Path, store: Store) -> None:
        """
        A document that is no state is refused, and not taken for an empty one.
        """
        store.trust(lambda _: b'{"type": "nothing"}')

        with pytest.raises(DocumentRefusedError):
            ask(place)


class TestTrustReport:
    def test_a_failure_teaches_nothing(self, store: Store) -> None:
        """
        A report of a failure keeps what was there.
        """
        house = ReleaseHouse()
        trust_report(store, report_of(house))
        before = store.trusted()
        release = house.release({"adapter:cache": "redis"}, by=["alice"])
        bad = verify(
            release.bundle, release.manifest, policy=house.policy, state=State(), now=house.now
        )

        with pytest.raises(UntrustedError):
            trust_report(store, bad)
        assert store.trusted() == before

    def test_late_comers_do_not_sink_it(self, store: Store) -> None:
        """
        Whoever writes last, the higher release stays.
        """
        house = ReleaseHouse()
        low, high = report_of(house), report_of(house)

        trust_report(store, high)
        state = trust_report(store, low)

        assert state.channels["stable"].statement.version == 2

    def test_many_processes(self, place: Path, store: Store) -> None:
        """
        Four processes take it forward at once; the highest release is what is left.
        """
        context = multiprocessing.get_context("spawn")
        workers = [context.Process(target=hold, args=(place, n)) for n in (4, 1, 3, 2)]
        for worker in workers:
            worker.start()
        for worker in workers:
            worker.join()

        assert [worker.exitcode for worker in workers] == [0] * 4
        assert trusted_state(store).channels["stable"].statement.version == 4


def hold(place: Path, version: int) -> None:
    """Verify one release in a process of its own."""
    trust_report(Lab.open(place).store, report_of(ReleaseHouse(), version))


class TestReset:
    @pytest.fixture(autouse=True)
    def trusted(self, store: Store) -> None:
        """Have something to forget."""
        trust_report(store, report_of(ReleaseHouse()))

    def test_no_risk_no_reset(self, place: Path, store: Store) -> None:
        """
        Without a risk nothing is forgotten, and all of them are listed with what they mean.
        """
        before = store.trusted()
        with pytest.raises(UsageError) as caught:
            ask(place, "reset", "--why", "tidy")

        for name, text in RISKS.items():
            assert f"{name}: {text}" in str(caught.value)
        assert store.trusted() == before
        assert store.history() == []

    def test_no_reason_no_reset(self, place: Path, store: Store) -> None:
        """
        The history wants to know why.
        """
        with pytest.raises(UsageError, match="wants to know why"):
            ask(place, "reset", "--i-accept", "rollback", "--why", "  ")
        assert store.history() == []

    def test_the_history_keeps_it(self, place: Path, store: Store) -> None:
        """
        Who, when, which risk, what was lost and why stand in the history for good.
        """
        found = ask(
            place, "reset", "--i-accept", "rollback", "--i-accept", "clock", "--why", "disk lost"
        )

        assert found.state.channels == {}
        assert found.state.time is None
        assert found.state.revocations is not None
        (entry,) = store.history()
        assert (entry.verb, entry.layer) == ("trust state reset", "trust")
        assert entry.who
        assert entry.summary == (
            "accepted rollback, clock: forgot release 1.1 of stable, the last time; disk lost"
        )
        assert store.undoable() is None
        assert f"accepted: rollback: {RISKS['rollback']}" in found.to_text()

    def test_a_document_that_cannot_be_read(self, place: Path, store: Store) -> None:
        """
        Who cannot say what is lost must accept everything.
        """
        store.trust(lambda _: b"broken")

        with pytest.raises(DocumentRefusedError):
            ask(place, "reset", "--i-accept", "rollback", "--why", "broken")
        words = [word for risk in RISKS for word in ("--i-accept", risk)]
        assert ask(place, "reset", *words, "--why", "broken").state == State()

    def test_a_mistake_keeps_it(self, store: Store) -> None:
        """
        An unknown channel: nothing is forgotten, nothing stands in the history.
        """
        before = store.trusted()
        with pytest.raises(UsageError):
            forget_trusted(store, ["rollback"], channels=["x"], why="no")
        assert (store.trusted(), store.history()) == (before, [])

    def test_the_help_lists_the_risks(self, capsys: pytest.CaptureFixture[str]) -> None:
        """
        The help and the table of risks say the same.
        """
        from oneiric_lab.cli import main

        main(["trust", "state", "reset", "--help"])
        said = " ".join(capsys.readouterr().out.split())

        for name, text in RISKS.items():
            assert f"{name}: {text}" in said


class TestResetOfNothing:
    def test_there_is_no_need_to(self, place: Path) -> None:
        """
        What was never trusted cannot be forgotten, and no store is made.
        """
        with pytest.raises(UsageError, match="nothing was trusted"):
            ask(place, "reset", "--i-accept", "clock", "--why", "x")
        assert not (place / ".oneiric").exists()


class TestTrustNotices:
    def test_before_and_after(self, store: Store) -> None:
        """
        Nothing while all is fresh; list, release and root as they come of age.
        """
        house = ReleaseHouse()
        trust_report(store, report_of(house))

        def codes(days: float) -> list[str]:
            now = house.now + dt.timedelta(days=days)
            return [fault.code for fault in trust_notices(store, now=now)]

        assert codes(1) == []
        assert codes(25) == ["revocations-age"]
        assert codes(340) == ["root-expiry", "revocations-age", "expiry"]

    def test_what_cannot_be_read(self, store: Store) -> None:
        """
        A broken document is told, not raised.
        """
        store.trust(lambda _: b"broken")

        assert [fault.severity for fault in trust_notices(store)] == ["error"]

    def test_doctor_tells(self, place: Path, store: Store) -> None:
        """
        `doctor` has them among what is to be said of the workspace.
        """
        house = ReleaseHouse(now=dt.datetime.now(dt.UTC) - dt.timedelta(days=340))
        trust_report(store, report_of(house))

        told: Any = run(["-C", str(place), "doctor"], Interaction())

        assert any("root 1 of shop expires in" in text for ok, text in told.workspace if not ok)
