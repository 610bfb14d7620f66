"""Runs as folders: whole, equal when read back, and refused in every other state."""

from __future__ import annotations

import io
import json
import os
import pickle
import subprocess
import sys
import zipfile
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from oneiric_lab.errors import FileAccessError, OneiricError, ParseError, UsageError
from oneiric_lab.files import digest, seal
from oneiric_lab.loadlab import (
    About,
    Described,
    Plan,
    Run,
    Scenario,
    closed,
    constant,
    invariant,
    op,
    poisson,
    ramp,
    run_apart,
    stages,
    think,
)
from oneiric_lab.loadlab import _arrays as arrays
from oneiric_lab.loadlab._about import ID, revision_of
from oneiric_lab.loadlab._drive import Driven
from oneiric_lab.loadlab._machine import Used
from oneiric_lab.loadlab._objective_text import parse_objective
from oneiric_lab.loadlab._objectives import Judged, Window
from oneiric_lab.loadlab._parts import SECOND, STATUSES
from oneiric_lab.loadlab._recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from pathlib import Path

    from oneiric_lab.loadlab._recorded import Recorded

T0 = 7_000_000_000_000


class Mine(Scenario):
    """Two operations and something that holds."""

    defaults: ClassVar[Mapping[str, Any]] = {"hold": 0.0, "words": "", "pair": (1, 2), "rate": 5}

    @op()
    async def read(self, rng: object) -> None:
        """Read."""

    @op(rate="rate")
    async def swap(self, rng: object) -> None:
        """Swap."""

    @invariant
    def holds(self) -> bool:
        """Hold."""
        return True


Row = tuple[str, str, int, int, int, str]
rows = st.tuples(
    st.sampled_from(["read", "swap"]),
    st.sampled_from(STATUSES),
    st.integers(0, 3 * SECOND),
    st.integers(-5, SECOND),
    st.integers(0, 5000 * SECOND),
    st.text(max_size=8),
)


def recorded(done: Iterable[Row], raw_limit: int = 0, warm: int = 0) -> Recorded:
    """Return what a recorder makes of operations, the first ones as warm-up."""
    now = [T0]
    recorder = Recorder(clock=lambda: now[0], raw_limit=raw_limit, phase="warmup")
    for number, (name, status, intended, lag, service, text) in enumerate(done):
        if number == warm:
            recorder.enter("measured")
        if number == warm + 3:
            recorder.pause(T0 + number)
            recorder.resume(T0 + 2 * number)
        taker = recorder.op(name)
        start = T0 + intended + lag
        if status == "ok":
            taker.record((T0 + intended, start, start + service))
        elif status == "dropped":
            now[0] = max(start, T0)
            taker.drop(T0 + intended)
        elif status == "cancelled":
            taker.cancel(T0 + intended, start, start + service)
        else:
            error = type(f"E{text}" if text.isidentifier() else "Odd", (Exception,), {})
            taker.fail(T0 + intended, start, start + service, error(text))
    return recorder.result()


def sample(**changes: Any) -> Run:
    """Return a run of a hundred operations."""
    done = [
        ("read" if n % 3 else "swap", STATUSES[n % 5], n * SECOND // 40, n, n * n * 1000, f"t{n}")
        for n in range(100)
    ]
    objective = parse_objective("read.response.p99 < 20ms over 1s")
    run = Run(
        Plan(
            Mine,
            {"hold": 0.5, "words": "ü\n<b>"},
            stages(constant(10, 2), ramp(1, 9, 3), poisson(4, 5)),
            objectives=("read.response.p99 < 20ms over 1s", "read.error_rate == 0"),
            warmup=1,
            timeout=2,
            seed=9,
            raw_limit=1000,
        ),
        recorded(done, 1000, 30),
        Driven(100, 2.5, 0.25, 3, 333.25),
        "target",
        (
            Judged(objective, False, 0.1, "100 ms", Window(1, 2), "1 of 2 windows do not hold"),
            Judged(parse_objective("read.error_rate == 0"), None, None, "n/a", None, "too few"),
        ),
        (("holds", "two leak"),),
        {"python": "3.12.1", "cores": "2"},
        (Driven(60, used=Used(1, 2, 3, 4, 5, 6)), Driven(40, paused=0.5)),
        About.now(),
    )
    return replace(run, **changes)


class TestSave:
    def test_a_run_is_read_back_equal(self, tmp_path: Path) -> None:
        """
        Plan, counts, series, rows, verdict and what it was made with; only where it lies differs.
        """
        run = sample()
        folder = run.save(tmp_path / "runs")

        assert tmp_path / "runs" / run.id == folder
        assert sorted(p.name for p in folder.iterdir()) == ["run.json", "run.npz"]
        found = Run.open(folder)
        assert run == found
        assert found.path == folder
        assert run.recorded == found.recorded
        assert run.recorded.rows() == found.recorded.rows()
        assert str(run) == str(replace(found, path=None))
        assert f"kept in {folder}" in found.to_text(width=300)
        assert (found.exit_code, found.is_valid) == (4, True)
        assert found.about.started == run.about.started
        assert found.about.started.tzinfo is UTC
        assert found != sample()

    @pytest.mark.parametrize(
        "change",
        [
            {"limited_by": "none"},
            {"broken": ()},
            {"machine": {}},
            {"judged": ()},
            {"driven": Driven(99)},
            {"workers": ()},
            {"recorded": recorded([])},
            {"plan": Plan(Mine)},
        ],
    )
    def test_equal_is_equal_in_every_part(self, change: dict[str, Any]) -> None:
        """
        One part that differs makes another run.
        """
        run = sample()

        assert run == replace(run)
        assert run != replace(run, **change)
        assert run != "run"

    def test_the_file_tells_people_what_they_ask(self, tmp_path: Path) -> None:
        """
        What `--json` prints stands in it, with the versions, the start and the plan in full.
        """
        run = sample()
        kept = json.loads((run.save(tmp_path) / "run.json").read_text())

        shape = json.loads(run.to_json())
        del shape["saved"]
        assert shape.items() <= kept.items()
        assert kept["plan"]["seed"] == 9
        assert kept["plan"]["load"]["pieces"][2] == {"shape": "poisson", "rate": 4, "duration": 5}
        assert {"python", "numpy"} <= kept["versions"].keys()
        assert kept["invariants"] == [{"name": "holds", "wrong": "two leak"}]
        assert kept["exit_code"] == 4
        assert datetime.fromisoformat(kept["started"]).tzinfo is not None

    def test_saving_twice_gives_one_folder(self, tmp_path: Path) -> None:
        """
        The same run has the same name, and the same bytes.
        """
        run = sample()
        folder = run.save(tmp_path)
        before = {p.name: p.read_bytes() for p in folder.iterdir()}

        assert Run.open(folder).save(tmp_path) == folder
        assert before["run.npz"] == (folder / "run.npz").read_bytes()
        assert len(list(tmp_path.iterdir())) == 1

    def test_numpy_reads_the_counts(self, tmp_path: Path) -> None:
        """
        They are an ordinary `.npz`, without pickles.
        """
        run = sample()
        with np.load(run.save(tmp_path) / "run.npz", allow_pickle=False) as found:
            assert found["raw_service_ns"].tolist() == [
                *map(int, run.recorded.raw.columns["service_ns"])  # type: ignore[union-attr]  # rows were kept
            ]
            assert int(found["phase_statuses"].sum()) == 100

    def test_its_plan_brings_no_code(self, tmp_path: Path) -> None:
        """
        A run shows in a process that cannot import the scenario, and imports nothing of it.
        """
        module = tmp_path / "theirs_only.py"
        module.write_text(
            "from oneiric_lab.loadlab import Scenario, op\n"
            "class Theirs(Scenario):\n"
            "    @op()\n"
            "    async def read(self, rng): pass\n"
        )
        script = (
            "import sys; sys.path.insert(0, sys.argv[1])\n"
            "import asyncio, theirs_only\n"
            "from oneiric_lab.loadlab import Plan, run, closed\n"
            "plan = Plan(theirs_only.Theirs, load=closed(1, duration=0.1))\n"
            "print(asyncio.run(run(plan)).save(sys.argv[1]))\n"
        )
        done = subprocess.run(
            [sys.executable, "-c", script, str(tmp_path)],
            capture_output=True,
            text=True,
            check=True,
        )
        sys.path.insert(0, str(tmp_path))
        try:
            found = Run.open(done.stdout.strip())
        finally:
            sys.path.remove(str(tmp_path))

        assert "theirs_only" not in sys.modules
        assert found.plan.name == "Theirs"
        assert str(found).startswith("load Theirs: ")
        assert [o.name for o in found.plan.scenario.operations()] == ["read"]
        with pytest.raises(UsageError, match=r"plan\.but\(scenario=Mine\)"):
            run_apart(found.plan)
        with pytest.raises(UsageError, match="does not bring its scenario theirs_only:Theirs"):
            found.plan.make()

    def test_a_plan_goes_on_with_its_class(self, tmp_path: Path) -> None:
        """
        Given the scenario again, the plan of a saved run is the plan it was.
        """
        run = sample(plan=Plan(Mine, {"pair": (3, 4)}, closed(3, think=think.uniform(1, 2))))
        found = Run.open(run.save(tmp_path)).plan

        assert isinstance(found.scenario, Described)
        assert found.reference == run.plan.reference
        assert found.scenario.defaults == {**Mine.defaults, "pair": [1, 2]}
        again = found.but(scenario=Mine)
        assert again.make().p.pair == [3, 4]
        assert replace(again, params=run.plan.params) == run.plan
        assert run == Run.open(run.save(tmp_path))

    def test_text_that_is_no_unicode(self, tmp_path: Path) -> None:
        """
        A file name that is no UTF-8, in an error, does not make a run unreadable.
        """
        run = sample(broken=(("holds", "no \udcff file"),))
        assert dict(Run.open(run.save(tmp_path)).broken) == {"holds": "no ? file"}

    @settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(
        st.lists(rows, max_size=30),
        st.sampled_from([0, 5, 1000]),
        st.integers(0, 30),
    )
    def test_whatever_was_recorded(
        self, tmp_path: Path, done: list[Row], limit: int, warm: int
    ) -> None:
        """
        Every record of every recorder survives the journey.
        """
        run = sample(recorded=recorded(done, limit, warm))
        assert Run.open(run.save(tmp_path)).recorded == run.recorded

    def test_a_run_that_is_too_large(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        It is refused when it is saved, not when it is needed.
        """
        monkeypatch.setattr(arrays, "INFLATED_LIMIT", 1000)
        with pytest.raises(UsageError, match="raw_limit=0"):
            sample().save(tmp_path)
        assert list(tmp_path.iterdir()) == []

    def test_a_folder_that_cannot_be_made(self, tmp_path: Path) -> None:
        """
        Told as such.
        """
        (tmp_path / "runs").write_text("")
        with pytest.raises(FileAccessError, match="cannot make"):
            sample().save(tmp_path / "runs")


def rewritten(folder: Path, change: Callable[[dict[str, Any]], object]) -> Path:
    """Change what `run.json` says, and seal it anew: what a forger would do."""
    file = folder / "run.json"
    content = json.loads(file.read_bytes())
    del content["digest"]
    change(content)
    file.write_bytes(seal(content))
    return folder


def packed(folder: Path, data: bytes) -> Path:
    """Put other counts beside a run, with the digest they have."""
    (folder / "run.npz").write_bytes(data)
    return rewritten(folder, lambda c: c["data"].update(bytes=len(data), digest=digest(data)))


def members(data: bytes) -> dict[str, bytes]:
    """Return the members of an archive."""
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return {info.filename: archive.read(info) for info in archive.infolist()}


def archive(parts: Mapping[str, bytes]) -> bytes:
    """Return an archive of members."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as made:
        for name, data in parts.items():
            made.writestr(name, data)
    return out.getvalue()


def array(values: object, kind: str) -> bytes:
    """Return an array as a member."""
    out = io.BytesIO()
    np.save(out, np.asarray(values).astype(kind) if kind != "O" else np.array(values, object))
    return out.getvalue()


class TestOpen:
    def test_what_is_not_there(self, tmp_path: Path) -> None:
        """
        Named by its file.
        """
        with pytest.raises(FileAccessError, match=r"no such file: .*run\.json"):
            Run.open(tmp_path)
        folder = sample().save(tmp_path)
        (folder / "run.npz").unlink()
        with pytest.raises(FileAccessError, match=r"no such file: .*run\.npz"):
            Run.open(folder)

    def test_every_cut_and_every_changed_byte(self, tmp_path: Path) -> None:
        """
        A file that is a byte shorter, or has another one, is refused, wherever that is.
        """
        folder = sample(recorded=recorded([("read", "ok", 5, 1, 2, "")])).save(tmp_path)
        for name in ("run.json", "run.npz"):
            file = folder / name
            whole = file.read_bytes()
            step = max(len(whole) // 150, 1)
            for at in range(0, len(whole.rstrip()), step):
                for data in (whole[:at], whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :]):
                    file.write_bytes(data)
                    with pytest.raises(ParseError) as caught:
                        Run.open(folder)
                    assert caught.value.code in {"altered-run", "damaged-run", "other-run"}
                    assert name in str(caught.value)
            file.write_bytes(whole)
        assert Run.open(folder).recorded.ops.keys() == {"read"}

    @pytest.mark.parametrize(
        ("change", "words"),
        [
            (lambda c: c.update(schema=2), "is of schema 2"),
            (lambda c: c.update(schema="1"), "schema: Input should be a valid integer"),
            (lambda c: c.pop("plan"), "plan: Field required"),
            (lambda c: c.update(id="../../etc"), "id: String should match"),
            (lambda c: c.update(started="2026-01-01T00:00:00"), "started"),
            (lambda c: c.update(started="2026-01-01T00:00:00+02:00"), "a time in UTC"),
            (lambda c: c["data"].update(file="../other.npz"), "data.file"),
            (lambda c: c["data"].update(bytes=7), "its digest is not the one"),
            (lambda c: c["plan"].update(load={"shape": "square"}), "found 'square'"),
            (lambda c: c["plan"].update(load=[]), "expected the name of a load shape, found None"),
            (lambda c: c["plan"].update(seed=-1), "seed: expected a whole number"),
            (
                lambda c: c["plan"].update(operations=[{"name": 1}]),
                "a plan cannot be read: KeyError",
            ),
            (lambda c: c["plan"].update(objectives=["x.rate > 1/s"]), "no operation 'x'"),
            (lambda c: c["objectives"][0].update(objective="fast"), "expected a figure"),
            (lambda c: c["objectives"][0].update(measured=1e400), "measured"),
            (lambda c: c.update(limited_by="my <b>fault</b>"), "limited_by"),
            (lambda c: c["generators"][0].update(cpu="much"), "generators.0.cpu"),
            (lambda c: c["generators"].clear(), "generators: List should"),
            (lambda c: c["recorded"]["ops"].pop(), "2 operations, run.json names 1"),
            (lambda c: c["recorded"]["kinds"].clear(), "error_kind goes from 0"),
            (lambda c: c["recorded"].update(raw_limit=1), "raw rows are not those"),
            (lambda c: c["recorded"].update(raw_complete=False), "its raw rows are not those"),
            (lambda c: c["recorded"]["ops"][1].update(name="read"), "twice"),
        ],
    )
    def test_what_a_forger_says(
        self, tmp_path: Path, change: Callable[[dict[str, Any]], object], words: str
    ) -> None:
        """
        Sealed anew, it is still compared with what a run can be.
        """
        folder = rewritten(sample().save(tmp_path), change)
        with pytest.raises(ParseError, match="(?s)" + words.replace(".", r"\.")):
            Run.open(folder)

    @pytest.mark.parametrize(
        ("member", "values", "kind", "words"),
        [
            ("hist_count", [-1], "<i8", "slot or a count"),
            ("hist_count", [0], "<i8", "slot or a count"),
            ("hist_count", [1 << 62], "<i8", "more than can be counted"),
            ("hist_slot", [33_792], "<u2", "slot or a count"),
            ("hist_slot", [5], "<i8", "expected <u2"),
            ("hist_slot", [[5]], "<u2", "expected <u2"),
            ("hist_size", [2], "<i8", "longer or shorter"),
            ("hist_size", [-1], "<i8", "longer or shorter"),
            ("hist_op", [1], "<i2", "hist_op goes from 0 to 1"),
            ("hist_part", [9], "|u1", "hist_part goes from 4 to 9"),
            ("hist_at", [0, 0, 0, 9], "<i8", "a second that is not there"),
            ("hist_at", [1 << 40], "<i8", "hist_at goes from"),
            ("hist_clamped", [-2], "<i8", "hist_clamped goes from -2"),
            ("hist_op", [], "<i2", "differ in length"),
            ("second_counts", [[0, 0, 0, 0, 0, 0, -1]], "<i8", "second_counts goes from -1"),
            ("second_at", [-(1 << 40)], "<i8", "second_at goes from"),
            ("phase_statuses", [[[0] * 5] * 2] * 2, "<i8", "2 operations, run.json names 1"),
            ("phase_statuses", [[[-1] * 5] * 2], "<i8", "below 0"),
            ("raw_op", [3], "<i2", "raw_op goes from 3"),
            ("raw_status", [5], "|u1", "raw_status goes from 5"),
            ("raw_lag_ns", [], "<i8", "raw rows differ in length"),
            ("raw_lag_ns", [1], "O", "expected <i8"),
            ("raw_lag_ns", [1.0], "<f8", "expected <i8"),
        ],
    )
    def test_numbers_that_cannot_be(
        self, tmp_path: Path, member: str, values: object, kind: str, words: str
    ) -> None:
        """
        Every array is compared with its type, shape and range before a histogram is made.
        """
        folder = one(tmp_path)
        parts = members((folder / "run.npz").read_bytes())
        held = np.load(io.BytesIO(parts[f"{member}.npy"]))
        given = np.asarray(values)
        if len(given) and (kind, held.ndim, len(held) > len(given)) == (
            held.dtype.str,
            given.ndim,
            True,
        ):
            # The first ones only, so that nothing else is wrong.
            held[: len(given)] = given
            given = held
        parts[f"{member}.npy"] = array(given, kind)
        with pytest.raises(ParseError, match=words) as caught:
            Run.open(packed(folder, archive(parts)))
        assert caught.value.code == "damaged-run"

    def test_rows_that_are_there_twice(self, tmp_path: Path) -> None:
        """
        A histogram, a second or an error of its own is there once.
        """
        folder = sample().save(tmp_path)
        whole = (folder / "run.npz").read_bytes()
        for lead, words in (("hist", "twice"), ("second", "order"), ("error", "twice")):
            parts = members(whole)
            for name in [n for n in parts if n.startswith(f"{lead}_") and "hist_slot" not in n]:
                if name == "hist_count.npy":
                    continue
                held = np.load(io.BytesIO(parts[name]))
                held[1] = held[0]
                parts[name] = array(held, held.dtype.str)
            if lead == "hist":
                # As long as the first, so that only the name is wrong.
                size = np.load(io.BytesIO(members(whole)["hist_size.npy"]))
                size[2] += size[1] - size[0]
                size[1] = size[0]
                parts["hist_size.npy"] = array(size, "<i8")
            with pytest.raises(ParseError, match=f"{words}|do not rise"):
                Run.open(packed(folder, archive(parts)))

    def test_archives_that_are_no_run(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        Other members, names that lead elsewhere, pickles, bombs and noise.
        """
        folder = one(tmp_path)
        monkeypatch.setattr(arrays, "INFLATED_LIMIT", 1 << 24)
        parts = members((folder / "run.npz").read_bytes())
        lost = {name: data for name, data in parts.items() if name != "hist_op.npy"}
        pickled = np.lib.format.magic(1, 0) + b"v\x00" + b"{'descr': '|O', " + pickle.dumps(1)
        huge = b"\x93NUMPY\x01\x00v\x00" + (
            b"{'descr': '<i8', 'fortran_order': False, 'shape': (1152921504606846976,), }".ljust(
                117
            )
            + b"\n"
        )
        bomb = io.BytesIO()
        with zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as made:
            for name in parts:
                with made.open(name, "w", force_zip64=True) as out:
                    out.write(bytes(1 << 20))
        many = archive({f"{n}.npy": b"" for n in range(400)})
        for data, words in [
            (archive({**parts, "../../evil.npy": b""}), "not those of a run: '../../evil'"),
            (archive({**parts, "/etc/passwd": b""}), "not those of a run"),
            (archive(lost), "not those of a run: 'hist_op'"),
            (archive({}), "not those of a run"),
            (archive({**parts, "hist_op.npy": pickled}), "cannot be read"),
            (archive({**parts, "hist_at.npy": huge}), "needs 9,223,372,036,854,775,808 bytes"),
            (archive({**parts, "hist_at.npy": b"\x93NUMPY\x02\x00"}), "another format"),
            (archive({**parts, "hist_at.npy": b""}), "cannot be read"),
            (bomb.getvalue(), "bytes inflated"),
            (many, "more members than a run"),
            (b"PK\x05\x06" + bytes(18), "not those of a run"),
            (os.urandom(500), "cannot be read"),
            (b"", "cannot be read"),
        ]:
            with pytest.raises(ParseError, match="damaged") as caught:
                Run.open(packed(folder, data))
            assert words in str(caught.value)
        assert sorted(p.name for p in tmp_path.iterdir()) == [folder.name]

    @settings(max_examples=300, suppress_health_check=[HealthCheck.function_scoped_fixture])
    @given(st.data())
    def test_noise_in_the_archive(self, tmp_path: Path, data: st.DataObject) -> None:
        """
        Whatever bytes change, the answer is a run or one of our errors, never another one.
        """
        folder = tmp_path / "20260101-000000-000-aaaaaa"
        if not folder.exists():
            sample(about=replace(About.now(), id=folder.name)).save(tmp_path)
            (tmp_path / "kept").write_bytes((folder / "run.npz").read_bytes())
        noise = bytearray((tmp_path / "kept").read_bytes())
        for _ in range(data.draw(st.integers(1, 4))):
            noise[data.draw(st.integers(0, len(noise) - 1))] = data.draw(st.integers(0, 255))
        try:
            Run.open(packed(folder, bytes(noise)))
        except OneiricError as error:
            assert error.code == "damaged-run"  # noqa: PT017 - a run is as good an answer


def one(tmp_path: Path) -> Path:
    """Return a saved run of a single operation, its warm-up part empty."""
    return sample(
        plan=Plan(Mine), recorded=recorded([("read", "ok", 5, 0, 0, "")], 10), judged=()
    ).save(tmp_path)


class TestAbout:
    def test_names_sort_by_time(self) -> None:
        """
        The later one is the greater one, to the millisecond, and no two are alike.
        """
        found = [About.now() for _ in range(30)]

        assert all(ID.fullmatch(about.id) for about in found)
        assert len({about.id for about in found}) == 30
        stamps = [about.id.rpartition("-")[0] for about in found]
        assert stamps == sorted(stamps)

    def test_a_name_that_is_none(self) -> None:
        """
        A folder would be made of it.
        """
        with pytest.raises(UsageError, match="no name of a run"):
            About("../../x", datetime.now(UTC))

    def test_the_revision_of_a_folder(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        The commit it is at; none outside of a repository, before the first commit, without git.
        """
        monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
        assert revision_of(tmp_path) is None
        words = ("git", "-C", str(tmp_path), "-c", "user.name=a", "-c", "user.email=a@b.c")
        subprocess.run([*words, "init", "-q"], check=True)
        assert revision_of(tmp_path) is None
        subprocess.run([*words, "commit", "-q", "--allow-empty", "-m", "x"], check=True)
        found = revision_of(tmp_path)
        assert found is not None
        assert len(found) == 40
        assert About.now(tmp_path).revision == found
        assert revision_of(tmp_path / "gone") is None
        monkeypatch.setenv("PATH", "")
        assert revision_of(tmp_path) is None
