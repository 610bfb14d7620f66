"""The scenario `http`: outcomes, and what must hold of every server."""

from __future__ import annotations

import asyncio
import socket
import sys
from typing import Any

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.loadlab import Plan, Run, closed, constant, run, run_apart, scenario_named
from oneiric_lab.testing import Answer, LoopbackServer

HTTP = scenario_named("http")[0]


def drive(answer: Answer | str, load: Any = None, timeout: float = 0, **params: Any) -> Run:
    """Drive `http` against a server that says *answer*, or against a URL."""
    load = load or closed(8, duration=0.2)
    if isinstance(answer, str):
        return asyncio.run(run(Plan(HTTP, {"url": answer, **params}, load, timeout=timeout)))
    with LoopbackServer({"/": answer}) as server:
        return drive(server.url, load, timeout, **params)


class TestHttp:
    @pytest.mark.parametrize("load", [closed(8, duration=0.2), constant(500, 0.2)])
    def test_calls(self, load: Any) -> None:
        """
        Users and arrivals both get their answers, and everything holds.
        """
        found = drive(Answer(body=b"hello", chunks=2), load)

        assert found.broken == ()
        assert found.recorded.ops["call"].measured.statuses["ok"] > 50
        assert not found.recorded.ops["call"].measured.errors

    @pytest.mark.parametrize(
        ("answer", "params", "kinds"),
        [
            (Answer(503), {}, {"Status503"}),
            (Answer(302), {}, set()),
            (Answer(keep=False), {}, set()),
            (Answer(404), {"expect": 404}, set()),
            (Answer(), {"expect": 204}, {"Status200"}),
            (Answer(cut=3), {}, {"EndedEarlyError"}),
            (Answer(body=b"x" * 9999), {"max_bytes": 1000}, {"TooLargeError"}),
            (Answer(body=b"x" * 400_000, cut=300_000, reset=True), {}, {"ConnectionResetError"}),
        ],
    )
    def test_outcomes_by_kind(self, answer: Answer, params: Any, kinds: set[str]) -> None:
        """
        Each status that was not wanted is a kind, and so is each way to fail.
        """
        found = drive(answer, **params)

        assert set(found.recorded.ops["call"].measured.errors) == kinds
        assert found.broken == ()

    def test_nobody_listens(self) -> None:
        """
        A refused connection is an error of its kind.
        """
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            found = drive(f"http://127.0.0.1:{taken.getsockname()[1]}/")

        part = found.recorded.ops["call"].measured
        assert part.errors == {"ConnectionRefusedError": part.ended}

    def test_calls_that_take_too_long(self) -> None:
        """
        They are given up with their connections, and no late answer is anybody's.
        """
        found = drive(Answer(delay=2), closed(4, duration=0.4), timeout=0.03)

        assert set(found.recorded.ops["call"].whole.statuses) == {"timeout"}
        assert found.broken == ()

    @pytest.mark.parametrize(
        "wrong",
        [{}, {"url": "https://127.0.0.1/"}, {"connections": -1}, {"max_bytes": 0}, {"body": b"x"}],
    )
    def test_is_refused_before_it_is_driven(self, wrong: dict[str, Any]) -> None:
        """
        What cannot be driven is no plan.
        """
        given = wrong if "url" in wrong or not wrong else {"url": "http://127.0.0.1/", **wrong}
        with pytest.raises(UsageError):
            Plan(HTTP, given)

    def test_a_worker_drives_it_on_uvloop(self) -> None:
        """
        Where uvloop is installed the worker's loop is one of it; elsewhere asyncio's own.
        """
        pytest.importorskip("uvloop", reason="only on systems that uvloop knows")
        with LoopbackServer() as server:
            found = run_apart(Plan(HTTP, {"url": server.url}, closed(4, duration=0.2)))
        assert found.exit_code == 0
        loop = HTTP.new_loop()
        loop.close()
        assert type(loop).__module__ == "uvloop"

    def test_without_uvloop(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """
        The loop is asyncio's own.
        """
        monkeypatch.setitem(sys.modules, "uvloop", None)
        loop = HTTP.new_loop()
        loop.close()
        assert type(loop).__module__.startswith("asyncio")
