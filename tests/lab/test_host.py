"""The host of a workspace, in this process: its parts, its health, its numbers, its logs."""

from __future__ import annotations

import asyncio
import datetime as dt
import http.client
import json
import logging
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.runtime import CATALOGUE
from oneiric_lab.store import Store
from oneiric_lab.testing import ReleaseHouse, Workspace

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from oneiric_lab.lab import Lab, Screen, WorkspaceHost

# Runs are durable in tests/cli/test_run.py, by processes; here that would only cost time.
PROJECT = """
[plugins]
auto_load = false
packages = ["oneiric_lab.components"]

[runtime_paths]
workflow_checkpoints_enabled = false

"""
TOKEN = "canary-token-of-the-host"


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    """A small workspace."""
    return Workspace(tmp_path).project(PROJECT)


def held(lab: Lab[Any], do: Callable[[WorkspaceHost], Awaitable[Any]], **options: Any) -> Any:
    """Return what *do* finds while the workspace is held up."""
    options.setdefault("port", 0)

    async def main() -> Any:
        host = lab.host(**options)
        up = asyncio.Event()
        task = asyncio.create_task(host.serve(lambda screen: up.set()))
        waiting = asyncio.create_task(up.wait())
        await asyncio.wait({task, waiting}, return_when=asyncio.FIRST_COMPLETED)
        waiting.cancel()
        if task.done():
            return await task
        try:
            return await do(host)
        finally:
            assert host.host is not None
            host.host.stop()
            await task

    return asyncio.run(main())


def ask(host: WorkspaceHost, path: str, method: str = "GET", **headers: str) -> tuple[int, str]:
    """Return status and body."""
    place = urlsplit(host.door.url)
    connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=10)
    connection.request(method, path, headers=headers)
    answer = connection.getresponse()
    found = answer.status, answer.read().decode()
    connection.close()
    return found


async def until(so: Callable[[], object]) -> None:
    """Wait until something is so, for at most ten seconds."""
    async with asyncio.timeout(10):
        while not so():  # noqa: ASYNC110 - it may be anything that has no event
            await asyncio.sleep(0.01)


class Sick:
    """A service that is never well."""

    def health(self) -> bool:
        """Say no."""
        return False


class TestScreen:
    def test_it_says_what_would_run_and_what_not(self, workspace: Workspace) -> None:
        """
        Each part with its words, and why one is off; nothing is begun.
        """
        screen = workspace.open().host().screen()
        said = {name: (state, says) for name, state, says in screen.parts}

        assert said["sync"] == ("off", "remote.enabled is false")
        assert said["watch"][0] == said["http"][0] == said["events"][0] == "on"
        assert "no runtime_supervisor.http_token" in said["http"][1]
        assert screen.exit_code == 0
        assert "nothing was begun" in str(screen)
        assert not (workspace.path / ".oneiric").exists()

    @pytest.mark.parametrize(
        ("kind", "off"),
        [("default", {"sync"}), ("edge", {"sync"}), ("serverless", {"watch", "supervise", "sync"})],
    )
    def test_each_kind_has_its_parts(self, workspace: Workspace, kind: str, off: set[str]) -> None:
        """
        A process that sleeps between requests has no loops.
        """
        screen = workspace.open().host(kind=kind).screen()

        assert {name for name, state, _ in screen.parts if state == "off"} == off
        assert screen.as_dict()["kind"] == kind

    def test_switches_of_the_profile_are_obeyed(self, workspace: Workspace) -> None:
        """
        Upstream's own; without watchers files are looked at in turn.
        """
        workspace.local("[profile]\nwatchers_enabled = false\nsupervisor_enabled = false\n")
        lab = workspace.open()

        async def look(host: WorkspaceHost) -> Any:
            await until(lambda: lab.watching.mode)
            return lab.health(), {name: state for name, state, _ in host.screen().parts}

        health, said = held(lab, look)

        assert (said["watch"], said["supervise"]) == ("on", "off")
        says = {check.name: check.says for check in health.checks}
        assert says["watch"] == "looks by poll: profile.watchers_enabled is false"

    def test_where_it_listens(self, workspace: Workspace) -> None:
        """
        This machine only; everywhere where PORT says so; as told where told; the nearest wins.
        """
        assert workspace.open().host().screen().url == "http://127.0.0.1:8080"
        workspace.environ(PORT="9000")
        open_ = workspace.open().host().screen()
        assert open_.url == "http://0.0.0.0:9000"
        assert "others can read /metrics" in str(open_)
        workspace.local("[runtime_supervisor]\nhttp_host = '127.0.0.1'\nhttp_port = 9001\n")
        assert workspace.open().host().screen().url == "http://127.0.0.1:9001"
        told = workspace.open().host(address="::1", port=9002).screen()
        assert told.url in {"http://::1:9002", "http://[::1]:9002"}

    @pytest.mark.parametrize("port", ["http", "99999", "-1"])
    def test_a_port_that_is_none_is_refused(self, workspace: Workspace, port: str) -> None:
        """
        Not replaced by a default.
        """
        with pytest.raises(UsageError, match="PORT is no port"):
            workspace.environ(PORT=port).open().host()

    def test_orders_without_a_token_are_refused(self, workspace: Workspace) -> None:
        """
        It does not begin; with the place that asked for it.
        """
        workspace.local("[runtime_supervisor]\nhttp_trigger = true\n")
        with pytest.raises(UsageError, match=r"oneiric\.local\.toml:2"):
            workspace.open().host()

    def test_a_kind_that_is_none_is_refused(self, workspace: Workspace) -> None:
        """
        With those that are.
        """
        with pytest.raises(UsageError, match="serverless"):
            workspace.open().host(kind="lambda")

    def test_a_port_that_is_taken_is_a_problem(self, workspace: Workspace) -> None:
        """
        A dry run finds it, and exits with 1.
        """
        import socket

        with socket.socket() as other:
            other.bind(("127.0.0.1", 0))
            other.listen()
            screen = workspace.open().host(port=other.getsockname()[1]).screen()

        assert screen.exit_code == 1
        assert "would not run" in str(screen)


class TestHeld:
    def test_it_answers_and_tells_what_it_did(self, workspace: Workspace) -> None:
        """
        Probes, health and numbers by HTTP; the same from Python.
        """
        lab = workspace.open()

        async def look(host: WorkspaceHost) -> Any:
            answers = {
                p: await asyncio.to_thread(ask, host, p)
                for p in ("/livez", "/readyz", "/startupz", "/health", "/metrics/json")
            }
            return answers, lab.health(), lab.metrics(), lab.is_hosted, host.screen(began=True)

        answers, health, metrics, hosted, screen = held(lab, look)

        assert [status for status, _ in answers.values()] == [200] * 5
        assert json.loads(answers["/health"][1])["ready"] is True
        assert health.standing == "good"
        assert metrics.value("oneiric_lab_host_state", state="ready") == 1
        assert metrics.value("oneiric_lab_http_requests_total", route="livez", code="2xx") == 1
        assert hosted
        assert not lab.is_hosted
        assert "Ctrl-C stops it" in str(screen)

    def test_services_are_brought_into_force_and_ended(self, workspace: Workspace) -> None:
        """
        One that is not well is told, and does not keep the others away.
        """
        ended: list[str] = []

        class Well:
            def close(self) -> None:
                ended.append("well")

        lab = workspace.open()
        lab.component("service:well", provider="a")(Well)
        lab.component("service:sick", provider="a")(Sick)
        lab.component("adapter:lazy", provider="a")(dict)

        async def look(host: WorkspaceHost) -> Any:
            return lab.health(), lab.is_running("service:well"), lab.is_running("adapter:lazy")

        health, well, lazy = held(lab, look)
        bad = [check for check in health.checks if check.standing == "bad"]

        assert (well, lazy, ended) == (True, False, ["well"])
        assert [check.name for check in bad] == ["service:sick"]
        assert health.ready

    def test_an_edit_is_loaded_and_a_bad_one_is_told(self, workspace: Workspace) -> None:
        """
        The last good configuration stays; health, numbers and logs say so.
        """
        lab = workspace.open()

        async def look(host: WorkspaceHost) -> Any:
            workspace.project(PROJECT + "[app]\nname = 'new'\n")
            await until(lambda: lab.settings.app.name == "new")
            workspace.project("[")
            await until(lambda: lab.watching.faults and lab.logs(level="error").rows)
            return lab.health(), lab.metrics(), lab.logs(level="error")

        health, metrics, logs = held(lab, look)
        found = {check.name: check for check in health.checks}

        assert found["configuration"].standing == "degraded"
        assert health.ready
        assert metrics.value("oneiric_lab_watch_reloads_total", outcome="refused") == 1
        assert metrics.value("oneiric_lab_watch_reloads_total", outcome="applied") == 1
        assert [row["event"] for row in logs.rows] == ["configuration refused"]

    def test_what_the_clock_asks_for_follows_the_files(self, workspace: Workspace) -> None:
        """
        A schedule that is said wrongly is told, and taken once it is mended.
        """
        pytest.importorskip("dbos", reason="needs pip install 'oneiric-lab[durable]'")
        durable = PROJECT.replace("enabled = false", "enabled = true")
        clock = '[workflows.schedules.nightly]\nworkflow = "ship"\ncron = "{}"\n'
        lab = workspace.project(durable).open()
        engines = lab.workflows.engines

        def known() -> list[str]:
            with engines.reading() as read:
                assert read is not None
                return list(read[0].clock._known())

        async def look(host: WorkspaceHost) -> Any:
            workspace.project(durable + clock.format("at night"))
            await until(lambda: lab.logs(level="error").rows)
            workspace.project(durable + clock.format("0 3 * * *"))
            await until(known)
            workspace.project(durable)
            await until(lambda: not known())
            return lab.logs(level="error").rows

        (row,) = held(lab, look, http=False)

        assert row["event"] == "schedules not taken"
        assert "workflows.schedules.nightly is no schedule" in row["error"]

    def test_a_rotated_secret_is_hidden_before_anybody_has_it(self, workspace: Workspace) -> None:
        """
        Who is built with it may log it at once.
        """
        workspace.secret("db", "first-of-the-db").local(
            {"adapters": {"settings": {"index": {"key": "${secret:db}"}}}}
        )
        lab = workspace.open()

        async def look(host: WorkspaceHost) -> Any:
            workspace.secret("db", "second-of-the-db")
            ref = lab.snapshot.tree["adapters"]["settings"]["index"]["key"]
            await until(lambda: ref.find() == "second-of-the-db")
            logging.getLogger("oneiric_lab.test").warning("built with %s", ref.find())
            return lab.logs(match="built with")

        assert [row["event"] for row in held(lab, look).rows] == ["built with ***"]

    def test_a_reload_that_is_asked_for_reads_the_files(self, workspace: Workspace) -> None:
        """
        What SIGHUP does, without watchers too.
        """
        workspace.local("[profile]\nwatchers_enabled = false\n")
        lab = workspace.open()

        async def look(host: WorkspaceHost) -> Any:
            workspace.project(PROJECT + "[app]\nname = 'new'\n")
            assert host.host is not None
            host.host.ask_reload()
            await until(lambda: lab.settings.app.name == "new")
            workspace.project("[")
            host.host.ask_reload()
            await until(lambda: lab.watching.faults)
            return host.host.is_up

        assert held(lab, look)

    def test_what_it_reads_once_is_told_when_it_changes(self, workspace: Workspace) -> None:
        """
        A port that was edited holds from the next start on; health says so.
        """
        lab = workspace.open()

        async def look(host: WorkspaceHost) -> Any:
            workspace.project(PROJECT + "[runtime_supervisor]\nhttp_port = 9999\n")
            await until(lambda: lab.settings.runtime_supervisor.http_port == 9999)
            return lab.health()

        found = {check.name: check for check in held(lab, look).checks}

        assert found["restart"].says == "changed since it began: runtime_supervisor.http_port"

    def test_a_second_host_is_told_who_runs(self, workspace: Workspace) -> None:
        """
        In the same process or another one, and a dry run knows as well.
        """
        lab = workspace.open()

        async def look(host: WorkspaceHost) -> Any:
            other = workspace.open().host(port=0)
            screen = other.screen()
            with pytest.raises(UsageError, match="a host of this workspace runs already"):
                await other.serve()
            return screen

        screen: Screen = held(lab, look)

        assert screen.exit_code == 1
        assert "runs already" in str(screen)

    def test_a_workspace_that_cannot_be_written_is_held_up_too(self, workspace: Workspace) -> None:
        """
        Serverless, as on a read-only disk: it runs, and says what that means.
        """
        lab = workspace.file("blocked", "").open()
        lab.store = Store(workspace.path / "blocked" / "store")

        async def look(host: WorkspaceHost) -> Any:
            return lab.health(), lab.logs()

        health, logs = held(lab, look, kind="serverless")
        found = {check.name: check for check in health.checks}

        assert found["store"].standing == "degraded"
        assert health.ready
        assert any("keeps a second host out" in row["event"] for row in logs.rows)

    def test_the_logs_of_a_program_stay_its_own(self, workspace: Workspace) -> None:
        """
        A host that is held by a program adds no handler but a ring, and takes it away.
        """
        before = list(logging.getLogger().handlers)

        async def look(host: WorkspaceHost) -> Any:
            return list(logging.getLogger().handlers)

        ours = logging.getLogger("oneiric_lab")
        assert held(workspace.open(), look) == before
        assert "Ring" not in str(ours.handlers)
        assert (ours.level, ours.propagate) == (logging.NOTSET, True)

    def test_a_program_hears_what_it_asked_for(
        self, workspace: Workspace, caplog: pytest.LogCaptureFixture
    ) -> None:
        """
        Warnings by default, though the ring keeps more.
        """
        lab = workspace.open()
        lab.component("service:sick", provider="a")(Sick)

        async def look(host: WorkspaceHost) -> Any:
            return lab.logs()

        kept = {row["event"] for row in held(lab, look).rows}

        assert {"ready", "component not activated"} <= kept
        assert "component not activated" in caplog.messages
        assert "ready" not in caplog.messages


class TestProcess:
    def test_a_process_of_its_own_has_its_logs_spans_and_meters(
        self, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """
        All loggers write to the sinks and beside the store, and give everything back.
        """
        from opentelemetry import metrics
        from opentelemetry.sdk.metrics import MeterProvider
        from opentelemetry.sdk.metrics.export import InMemoryMetricReader

        from oneiric_lab.runtime import is_tracing, trace_spans

        reader = InMemoryMetricReader()
        provider = MeterProvider([reader])
        get = metrics.get_meter
        monkeypatch.setattr(
            metrics, "get_meter", lambda name, meter_provider: get(name, meter_provider=provider)
        )
        told: list[bool] = []

        workspace.environ(OTEL_SERVICE_NAME="shop").local(
            {"logging": {"sinks": [{"target": "file", "path": "out.jsonl"}], "release": "1.0"}}
        )
        before = list(logging.getLogger().handlers)

        async def main() -> bool:
            host = workspace.open().host(http=False)

            def up(screen: Screen) -> None:
                logging.getLogger("shop").info("sold", extra={"order": 7})
                told.append("oneiric_lab.host.state" in str(reader.get_metrics_data()))
                assert host.host is not None
                host.host.stop()

            await host.serve(up, signals=True)
            return is_tracing()

        try:
            assert asyncio.run(main())
        finally:
            trace_spans(on=False)

        told.append(reader.get_metrics_data() is None)
        assert told == [True, True]
        assert list(logging.getLogger().handlers) == before
        for file in ("out.jsonl", ".oneiric/host.jsonl"):
            rows = [json.loads(line) for line in (workspace.path / file).read_text().splitlines()]
            sold = next(row for row in rows if row["event"] == "sold")
            assert (sold["order"], sold["release"]) == (7, "1.0")


class TestOrders:
    @pytest.fixture
    def lab(self, workspace: Workspace) -> Lab[Any]:
        """A workspace with a workflow of one task, and a token."""
        workspace.secret("host-token", TOKEN).local(
            {
                "runtime_supervisor": {"http_token": "${secret:host-token}"},
                "workflows": {"dags": {"nightly": {"nodes": [{"id": "a", "task": "nap"}]}}},
            }
        )
        lab = workspace.open()

        class Nap:
            async def run(self, payload: Any, context: Any) -> Any:
                await asyncio.sleep(0)
                return context.input

        lab.component("task:nap", provider="bed", version="1.0")(Nap)
        return lab

    def test_a_run_is_begun_and_counted(self, lab: Lab[Any]) -> None:
        """
        By who has the token; the same key is the same run.
        """

        async def look(host: WorkspaceHost) -> Any:
            headers = {"Authorization": f"Bearer {TOKEN}", "Idempotency-Key": "one"}
            path = "/workflows/nightly/runs"
            first = await asyncio.to_thread(ask, host, path, "POST", **headers)
            again = await asyncio.to_thread(ask, host, path, "POST", **headers)
            run = json.loads(first[1])["run"]
            await until(lambda: lab.workflows.show(run).state == "done")
            shown = await asyncio.to_thread(ask, host, f"{path}/{run}", **headers)
            other = await asyncio.to_thread(ask, host, f"/workflows/other/runs/{run}", **headers)
            return first, again, shown, other, lab.metrics()

        first, again, shown, other, metrics = held(lab, look)

        assert (first[0], again[0], shown[0], other[0]) == (202, 202, 200, 404)
        assert json.loads(first[1])["run"] == json.loads(again[1])["run"]
        assert json.loads(again[1])["new"] is False
        done = {"workflow": "nightly", "outcome": "done"}
        assert metrics.value("oneiric_lab_run_completed_total", **done) == 1

    def test_serverless_answers_when_the_run_has_ended(self, lab: Lab[Any]) -> None:
        """
        Nothing of it goes on behind the request.
        """

        async def look(host: WorkspaceHost) -> Any:
            headers = {"Authorization": f"Bearer {TOKEN}"}
            return await asyncio.to_thread(ask, host, "/workflows/nightly/runs", "POST", **headers)

        status, body = held(lab, look, kind="serverless")

        assert (status, json.loads(body)["state"]) == (202, "done")

    def test_a_token_that_is_gone_opens_nothing(self, lab: Lab[Any]) -> None:
        """
        And a rotated one counts from then on.
        """
        path = "/workflows/nightly/runs"

        async def look(host: WorkspaceHost) -> Any:
            out = []
            file = lab.root / "secrets" / "host-token"
            for text in ("another-token", None):
                if text is None:
                    file.unlink()
                else:
                    file.write_text(text)
                for token in (TOKEN, "another-token"):
                    auth = {"Authorization": f"Bearer {token}"}
                    out.append((await asyncio.to_thread(ask, host, path, "POST", **auth))[0])
            return out

        assert held(lab, look) == [401, 202, 401, 401]

    def test_no_trigger_means_none(self, lab: Lab[Any]) -> None:
        """
        Switched off, the token opens nothing.
        """
        lab.plan({"runtime_supervisor.http_trigger": False}).apply()

        async def look(host: WorkspaceHost) -> Any:
            auth = {"Authorization": f"Bearer {TOKEN}"}
            return (await asyncio.to_thread(ask, host, "/workflows/nightly/runs", "POST", **auth))[
                0
            ]

        assert held(lab, look) == 401


class TestSources:
    @pytest.fixture
    def lab(self, workspace: Workspace) -> Lab[Any]:
        """A workspace that follows a folder in which a release lies."""
        house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        release = house.release({"adapter:cache": "redis"})
        workspace.file("server/shop.oneiric.json", release.manifest)
        workspace.file("server/shop.oneiric-bundle.json", release.bundle.encode())
        workspace.file("trust.toml", f'root = "sha256:{house.root.sha256}"\n')
        url = (workspace.path / "server" / "shop.oneiric.json").as_uri()
        workspace.local(
            {
                "remote": {
                    "enabled": True,
                    "manifest_url": url,
                    "allow_file_uris": True,
                    "allowed_file_uri_roots": ["server"],
                }
            }
        )
        return workspace.open()

    def test_the_first_sync_is_over_when_it_is_up(self, lab: Lab[Any]) -> None:
        """
        What the source has is in force from the first request on, and counted.
        """

        async def look(host: WorkspaceHost) -> Any:
            return lab.health(), lab.metrics()

        health, metrics = held(lab, look)
        entered = {"source": "default", "outcome": "entered"}

        assert {c.name: c.standing for c in health.checks}["source default"] == "good"
        assert metrics.value("oneiric_lab_sync_attempts_total", **entered) == 1
        assert metrics.value("oneiric_lab_sync_interval_seconds", source="default") == 300
        seen = metrics.value("oneiric_lab_sync_last_success_timestamp_seconds", source="default")
        assert seen is not None
        assert metrics.value("oneiric_lab_artifact_store_size_bytes") is not None

    def test_a_source_that_was_never_there_keeps_work_away_but_at_the_edge(
        self, workspace: Workspace, lab: Lab[Any]
    ) -> None:
        """
        `/readyz` is 503 with why; at the edge it begins offline.
        """
        (workspace.path / "server" / "shop.oneiric.json").unlink()

        async def look(host: WorkspaceHost) -> Any:
            found = await asyncio.to_thread(ask, host, "/readyz")
            return found, lab.health(), lab.metrics()

        (status, why), health, metrics = held(lab, look)
        assert status == 503
        assert "source default" in why
        assert not health.ready
        refused = {"source": "default", "outcome": "unreachable"}
        assert metrics.value("oneiric_lab_sync_attempts_total", **refused) == 1
        assert held(workspace.open(), look, kind="edge")[0][0] == 200

    def test_serverless_syncs_when_it_is_told(self, workspace: Workspace, lab: Lab[Any]) -> None:
        """
        By a push of who has the token.
        """
        workspace.secret("host-token", TOKEN)
        lab.plan({"runtime_supervisor.http_token": "${secret:host-token}"}).apply()

        async def look(host: WorkspaceHost) -> Any:
            before = lab.health().ready
            auth = {"Authorization": f"Bearer {TOKEN}"}
            found = await asyncio.to_thread(ask, host, "/sync", "POST", **auth)
            return before, found, lab.health().ready

        before, (status, body), after = held(lab, look, kind="serverless")

        assert (before, status, after) == (False, 200, True)
        assert json.loads(body)["sources"][0]["outcome"] == "entered"


class TestEverything:
    def test_every_metric_of_the_catalogue_is_seen(self, workspace: Workspace) -> None:
        """
        In a workspace that did all there is: upstream's alerts named metrics that nobody made.
        """
        house = ReleaseHouse(now=dt.datetime.now(dt.UTC).replace(microsecond=0))
        release = house.release({"adapter:cache": "redis"})
        workspace.file("server/shop.oneiric.json", release.manifest)
        workspace.file("server/shop.oneiric-bundle.json", release.bundle.encode())
        workspace.file("trust.toml", f'root = "sha256:{house.root.sha256}"\n')
        workspace.local(
            {
                "runtime_supervisor": {"count_resolves": True},
                "remote": {
                    "enabled": True,
                    "manifest_url": (workspace.path / "server/shop.oneiric.json").as_uri(),
                    "allow_file_uris": True,
                    "allowed_file_uri_roots": ["server"],
                },
                "workflows": {"dags": {"nightly": {"nodes": [{"id": "a", "task": "nap"}]}}},
            }
        )
        lab = workspace.open()
        lab.component("task:nap", provider="bed", version="1.0")(dict)
        workspace.secret("mail-key", "one1")
        lab.component("service:mail", provider="a", requires_secrets=["mail-key"])(dict)
        lab.events.on("stock-seen", lambda event: None, name="counter")

        async def look(host: WorkspaceHost) -> Any:
            await lab.events.emit("stock-seen", {})
            lab.registry.resolve("service", "mail")
            lab.secrets.list()
            workspace.secret("mail-key", "two2")
            lab.secrets.rotate("mail-key")
            return lab.metrics()

        metrics = held(lab, look)
        seen = {sample.metric.name for sample in metrics.samples}

        assert set(CATALOGUE) - seen == set()
