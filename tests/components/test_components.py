"""The components that ship with us do what their descriptor says of them."""

from __future__ import annotations

import json
import sqlite3
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from importlib import import_module
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError

from oneiric_lab import components
from oneiric_lab.components import (
    Digest,
    DigestSettings,
    DirectorySecrets,
    DirectorySecretsSettings,
    EnvironmentSecrets,
    EnvironmentSecretsSettings,
    FileNotifier,
    FileNotifierSettings,
    Gzip,
    GzipSettings,
    LogNotifier,
    LogNotifierSettings,
    MemoryCache,
    MemoryCacheSettings,
    Rollout,
    RolloutSettings,
    SqliteCache,
    SqliteCacheSettings,
    Switch,
    SwitchSettings,
    Webhook,
    WebhookSettings,
)
from oneiric_lab.registry import load_factory
from oneiric_lab.testing import FakeClock, Workspace

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PACKAGE = '[plugins]\npackages = ["oneiric_lab.components"]\nauto_load = false\n'


class TestDescriptor:
    """The static facts, as a workspace reads them."""

    def test_a_workspace_takes_them_by_name(self, tmp_path: Path) -> None:
        """All candidates are there, sound, and decided by more than their names."""
        lab = Workspace(tmp_path).project(PACKAGE).open()

        assert lab.check().ok
        assert len(list(lab.registry.current.candidates())) == 11
        for target in lab.registry.current.keys():  # noqa: SIM118 - a method of its own
            assert not lab.registry.explain(*target.split(":")).ambiguous, target

    def test_a_workspace_that_does_not_ask_has_none(self, tmp_path: Path) -> None:
        """Nothing is there by magic."""
        lab = Workspace(tmp_path).project("[plugins]\nauto_load = false\n").open()

        assert list(lab.registry.current.candidates()) == []

    def test_every_fact_names_something_real(self, tmp_path: Path) -> None:
        """Factories can be imported, and each has its settings model."""
        lab = Workspace(tmp_path).project(PACKAGE).open()

        for candidate in lab.registry.current.candidates():
            assert load_factory(candidate).__name__ in components.__all__
            module, _, name = str(candidate.settings_model).partition(":")
            model = getattr(import_module(module), name)
            assert issubclass(model, BaseModel)
            assert model.model_config["extra"] == "forbid"

    def test_all_that_is_public_is_declared(self, tmp_path: Path) -> None:
        """No component is there that no candidate offers."""
        lab = Workspace(tmp_path).project(PACKAGE).open()
        offered = {load_factory(c).__name__ for c in lab.registry.current.candidates()}

        public = {n for n in components.__all__ if not n.endswith("Settings")}
        assert offered == public - {"verify_webhook"}


@pytest.fixture(params=["memory", "sqlite", "file"])
def cache(
    request: pytest.FixtureRequest, tmp_path: Path
) -> Iterator[tuple[MemoryCache | SqliteCache, FakeClock]]:
    """Return a cache of each kind, with the clock that it goes by."""
    clock = FakeClock()
    found: MemoryCache | SqliteCache
    if request.param == "memory":
        found = MemoryCache(clock=clock)
    elif request.param == "sqlite":
        found = SqliteCache(clock=clock)
    else:
        found = SqliteCache(SqliteCacheSettings(path=str(tmp_path / "a" / "c.db")), clock=clock)
    yield found, clock
    found.close()


class TestCaches:
    """What both caches do alike."""

    def test_keep_and_forget(self, cache: tuple[MemoryCache | SqliteCache, FakeClock]) -> None:
        """A value is there until it is deleted, and the newer one replaces it."""
        store, _ = cache
        store.set("boat", b"paper")
        store.set("boat", b"wood")
        store.set("nothing", b"")

        assert tuple(map(store.get, ("boat", "nothing", "ship"))) == (b"wood", b"", None)
        assert len(store) == 2
        assert (store.delete("boat"), store.delete("boat")) == (True, False)
        assert store.health()

    def test_a_time_to_live_ends(self, cache: tuple[MemoryCache | SqliteCache, FakeClock]) -> None:
        """At its last moment an entry is gone, before it is not."""
        store, clock = cache
        store.set("boat", b"paper", ttl=10)
        store.set("ship", b"steel")
        clock.advance(9.9)
        assert store.get("boat") == b"paper"
        clock.advance(0.1)

        assert store.get("boat") is None
        assert store.get("ship") == b"steel"

    def test_many_threads_share_one(
        self, cache: tuple[MemoryCache | SqliteCache, FakeClock]
    ) -> None:
        """Writers at once lose nothing of each other's."""
        store, _ = cache

        def write(name: str) -> None:
            for i in range(50):
                store.set(f"{name}{i}", name.encode())

        threads = [threading.Thread(target=write, args=(name,)) for name in "abcd"]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

        assert len(store) == 200


class TestMemoryCache:
    """What only the one in memory does."""

    def test_drops_what_was_not_asked_for_the_longest(self) -> None:
        """A read keeps an entry from being the oldest."""
        store = MemoryCache(MemoryCacheSettings(max_entries=2))
        store.set("a", b"1")
        store.set("b", b"2")
        store.get("a")
        store.set("c", b"3")

        assert tuple(map(store.get, "abc")) == (b"1", None, b"3")

    def test_has_a_time_to_live_of_its_own(self) -> None:
        """The settings' time holds where `set` does not say one."""
        clock = FakeClock()
        store = MemoryCache(MemoryCacheSettings(ttl=5), clock=clock)
        store.set("short", b"1")
        store.set("long", b"2", ttl=50)
        clock.advance(6)

        assert (store.get("short"), store.get("long")) == (None, b"2")

    def test_is_empty_when_it_is_closed(self) -> None:
        """Nothing stays in memory."""
        store = MemoryCache()
        store.set("a", b"1")
        store.close()

        assert len(store) == 0


class TestSqliteCache:
    """What only the one in a file does."""

    def test_outlives_its_process(self, tmp_path: Path) -> None:
        """A second one on the same file reads what the first wrote, at the same time too."""
        settings = SqliteCacheSettings(path=str(tmp_path / "c.db"), ttl=60)
        first, second = SqliteCache(settings), SqliteCache(settings)
        first.set("boat", b"paper")

        assert second.get("boat") == b"paper"
        first.close()
        second.close()

    def test_sweeps_what_is_over(self) -> None:
        """Entries past their time take room until they are swept."""
        clock = FakeClock()
        store = SqliteCache(clock=clock)
        store.set("a", b"1", ttl=1)
        store.set("b", b"2")
        clock.advance(2)

        assert (len(store), store.sweep(), len(store)) == (2, 1, 1)
        store.close()

    def test_is_unhealthy_once_it_is_closed(self) -> None:
        """Health is that of this very one; closing twice does nothing."""
        store = SqliteCache()
        store.close()
        store.close()

        assert not store.health()
        with pytest.raises(sqlite3.ProgrammingError):
            store.get("a")


class TestFlags:
    """Flags that are asked at run time."""

    def test_a_switch_is_the_same_for_all(self) -> None:
        """Off by default, on where the settings say so."""
        assert not Switch().enabled("ada")
        assert Switch(SwitchSettings(on=True)).enabled()

    @given(st.text(), st.floats(0, 100), st.floats(0, 100))
    def test_who_has_it_keeps_it_at_a_larger_share(self, name: str, a: float, b: float) -> None:
        """A rollout that grows takes the flag from nobody."""
        small, large = sorted((a, b))
        flag = Rollout(RolloutSettings(percent=small, salt="x"))
        more = Rollout(RolloutSettings(percent=large, salt="x"))

        assert not flag.enabled(name) or more.enabled(name)

    def test_a_share_is_about_as_large_as_it_says(self) -> None:
        """Nobody at 0, everybody at 100, and a quarter at 25 %."""
        names = [f"user{i}" for i in range(4000)]

        def count(percent: float) -> int:
            flag = Rollout(RolloutSettings(percent=percent, salt="s"))
            return sum(map(flag.enabled, names))

        assert (count(0), count(100)) == (0, 4000)
        assert 900 < count(25) < 1100

    def test_salts_choose_different_users(self) -> None:
        """Two flags at the same share do not always meet the same people."""
        names = [f"user{i}" for i in range(200)]
        one, two = (Rollout(RolloutSettings(percent=50, salt=s)) for s in "ab")

        assert [one.enabled(n) for n in names] != [two.enabled(n) for n in names]

    def test_some_always_have_it(self) -> None:
        """Named subjects have it at any share; without settings nobody has."""
        flag = Rollout(RolloutSettings(percent=0, always=frozenset({"ada"})))

        assert (flag.enabled("ada"), flag.enabled("bob")) == (True, False)
        assert not Rollout().enabled("ada")


class TestSecrets:
    """Where an application finds secrets."""

    def test_a_directory_holds_one_file_each(self, tmp_path: Path) -> None:
        """The text comes without its last line end, and a rotated one is seen."""
        (tmp_path / "key").write_bytes(b"one\r\n")
        (tmp_path / "..data").write_text("machinery")
        find = DirectorySecrets(DirectorySecretsSettings(path=str(tmp_path)))
        assert find("key") == "one"
        (tmp_path / "key").write_text("two")

        assert (find("key"), find("other")) == ("two", None)
        assert find.names() == ["key"]
        assert find.health()
        assert repr(find) == "<DirectorySecrets: 1 secrets>"

    @pytest.mark.parametrize("name", ["", ".", "..", "../key", "a/b", "a\\b", "a\0b"])
    def test_a_name_leads_nowhere_else(self, tmp_path: Path, name: str) -> None:
        """Only a plain file name is a secret's name."""
        (tmp_path / "key").write_text("x")
        inner = tmp_path / "inner"
        inner.mkdir()

        assert DirectorySecrets(DirectorySecretsSettings(path=str(inner)))(name) is None

    def test_what_is_no_text_is_no_secret(self, tmp_path: Path) -> None:
        """Bytes that are no UTF-8, and files of megabytes, are accidents."""
        (tmp_path / "bytes").write_bytes(b"\xff\xfe")
        (tmp_path / "huge").write_bytes(b"x" * (1 << 20) + b"y")
        find = DirectorySecrets(DirectorySecretsSettings(path=str(tmp_path)))

        assert (find("bytes"), find("huge")) == (None, None)

    def test_a_directory_that_is_not_there_has_none(self, tmp_path: Path) -> None:
        """It is unhealthy and empty, and raises nothing."""
        find = DirectorySecrets(DirectorySecretsSettings(path=str(tmp_path / "no")))

        assert (find("key"), find.names(), find.health()) == (None, [], False)

    def test_the_environment_holds_one_variable_each(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """In capitals behind the prefix; the process's own where none is given."""
        monkeypatch.setenv("SHOP_API_KEY", "x")
        find = EnvironmentSecrets(EnvironmentSecretsSettings(prefix="SHOP_"))

        assert (find("api-key"), find("other")) == ("x", None)
        assert repr(find) == "<EnvironmentSecrets: SHOP_*>"

    def test_they_serve_a_workspace(self, tmp_path: Path) -> None:
        """A provider can be handed to the configuration as it is."""
        from oneiric_lab.config import Inputs, load

        (tmp_path / "oneiric.toml").write_text('[remote.auth]\ntoken = "${secret:token}"\n')
        find = EnvironmentSecrets(environ={"ONEIRIC_SECRET_TOKEN": "x"})
        snapshot = load(Inputs(tmp_path, secret_providers=(find,)))

        token = snapshot.settings.remote.auth.token
        assert token is not None
        assert token.reveal() == "x"


class TestNotifiers:
    """Telling others that something happened."""

    def test_a_log_has_message_and_facts(self, caplog: pytest.LogCaptureFixture) -> None:
        """The level and the logger are those of the settings."""
        notify = LogNotifier(LogNotifierSettings(logger="shop", level="WARNING"))
        assert notify("sold out", sku="boat")
        (record,) = caplog.records

        assert (record.name, record.levelname, record.message) == ("shop", "WARNING", "sold out")
        assert record.__dict__["facts"] == {"sku": "boat"}
        assert LogNotifier()("quiet")

    def test_a_file_has_a_line_each(self, tmp_path: Path) -> None:
        """What JSON lacks is written by its text; the folder is made."""
        path = tmp_path / "a" / "notices.jsonl"
        notify = FileNotifier(FileNotifierSettings(path=str(path)), clock=FakeClock(5.0))
        notify("Größe", size={1})
        notify("two\nlines")
        first, second = map(json.loads, path.read_text(encoding="utf-8").splitlines())

        assert first == {"at": 5.0, "message": "Größe", "facts": {"size": "{1}"}}
        assert second["message"] == "two\nlines"

    @pytest.mark.parametrize(
        ("status", "taken"), [(200, True), (204, True), (302, False), (500, False)]
    )
    def test_a_webhook_is_taken_or_not(self, status: int, taken: bool) -> None:
        """Only success is success."""
        sent: list[tuple[str, Any, float]] = []

        def post(url: str, body: bytes, headers: object, timeout: float) -> int:
            sent.append((url, json.loads(body), timeout))
            return status

        notify = Webhook(WebhookSettings(url="https://x.example/", timeout=2), post=post)
        assert taken is notify("sold out", sku="boat")
        assert sent == [
            ("https://x.example/", {"message": "sold out", "facts": {"sku": "boat"}}, 2)
        ]

    def test_a_webhook_posts_for_real(self) -> None:
        """A server gets JSON; one that is gone, or refuses, is a no."""
        got: list[bytes] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                got.append(self.rfile.read(int(self.headers["Content-Length"])))
                self.send_response(202 if self.path == "/" else 403)
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Say nothing."""

        server = HTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}/"
        taken = Webhook(WebhookSettings(url=url))("sold out")
        refused = Webhook(WebhookSettings(url=url + "no"))("sold out")
        server.shutdown()
        server.server_close()
        thread.join()
        gone = Webhook(WebhookSettings(url=url, timeout=1))("sold out")

        assert (taken, refused, gone) == (True, False, False)
        assert json.loads(got[0]) == {"message": "sold out", "facts": {}}

    def test_a_webhook_takes_no_other_scheme(self) -> None:
        """A file is no place to post to."""
        with pytest.raises(ValidationError):
            WebhookSettings(url="file:///etc/passwd")


class TestActions:
    """What is done to bytes."""

    @given(st.binary(max_size=2000), st.integers(1, 9))
    def test_packing_loses_nothing(self, data: bytes, level: int) -> None:
        """Unpacked is what was packed, and packing twice is the same."""
        pack = Gzip(GzipSettings(level=level))

        assert data == pack.unpack(pack(data))
        assert pack(data) == pack(data)

    def test_a_bomb_is_refused(self) -> None:
        """A few bytes that would fill the memory are told, not unpacked."""
        bomb = Gzip()(bytes(100_000))
        with pytest.raises(ValueError, match="more than 1000 bytes"):
            Gzip(GzipSettings(max_bytes=1000)).unpack(bomb)

        assert bytes(100_000) == Gzip(GzipSettings(max_bytes=100_000)).unpack(bomb)

    def test_what_is_not_packed_is_refused(self) -> None:
        """Other bytes, torn ones and damaged ones are one clear error."""
        packed = Gzip()(b"boat" * 100)
        damaged = packed[:12] + b"\xff\xff\xff" + packed[15:]
        for data in (b"boat", packed[:-9], damaged):
            with pytest.raises(ValueError, match="packed by gzip"):
                Gzip().unpack(data)

    @pytest.mark.parametrize(("name", "size"), [("sha256", 64), ("sha512", 128), ("blake2b", 128)])
    def test_a_digest_names_its_algorithm(self, name: Any, size: int) -> None:
        """So that it can be told from another one."""
        algorithm, _, digest = Digest(DigestSettings(algorithm=name))(b"boat").partition(":")

        assert (name, size) == (algorithm, len(digest))
