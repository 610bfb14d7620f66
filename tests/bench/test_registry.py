"""Resolving, explaining and publishing components, beside dictionaries and other registries.

What takes nanoseconds is asked a thousand times in a loop of one statement, so that a figure
holds no call but its own.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.registry import Candidate, Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

KEYS = 50
CALLS = range(1000)


def measure(benchmark: BenchmarkFixture, ask: Callable[[], None]) -> None:
    """Measure *ask*, which asks as often as `CALLS` says."""
    benchmark.extra_info["calls"] = len(CALLS)
    benchmark(ask)


def candidate(key: str, number: int) -> Candidate:
    """Return one of the candidates of *key*."""
    return Candidate(
        "adapter",
        key,
        f"p{number}",
        lambda: None,
        priority=number,
        capabilities=frozenset({"kv", "ttl"}),
    )


def filled(count: int, keys: int = KEYS) -> Registry:
    """Return a registry with *count* candidates for each of *keys* keys."""
    registry = Registry()
    with registry.batch():
        for key in range(keys):
            registry.add(*(candidate(f"k{key}", number) for number in range(count)))
    return registry


def spread(count: int) -> list[Candidate]:
    """Return *count* candidates, ten for each key."""
    return [candidate(f"k{number // 10}", number % 10) for number in range(count)]


@pytest.fixture(scope="module", params=[1, 10, 100, 1000])
def registry(request: pytest.FixtureRequest) -> tuple[int, Registry]:
    """Registries by the number of candidates for each key."""
    return request.param, filled(request.param, 10 if request.param == 1000 else KEYS)


class TestResolving:
    """The question that a program asks at every use."""

    def test_a_dictionary_with_tuples_as_keys(
        self, benchmark: BenchmarkFixture, registry: tuple[int, Registry]
    ) -> None:
        count, live = registry
        table = {("adapter", f"k{key}"): live.resolve("adapter", f"k{key}") for key in range(10)}
        benchmark.group = f"resolve {count}"
        benchmark.extra_info["row"] = "a dictionary, (domain, key) to candidate"

        def ask() -> None:
            for _ in CALLS:
                table["adapter", "k7"]

        measure(benchmark, ask)

    def test_resolve(self, benchmark: BenchmarkFixture, registry: tuple[int, Registry]) -> None:
        count, live = registry
        assert live.resolve("adapter", "k7").provider == f"p{count - 1}"
        benchmark.group = f"resolve {count}"
        benchmark.extra_info["row"] = "registry.resolve(domain, key)"

        def ask() -> None:
            for _ in CALLS:
                live.resolve("adapter", "k7")

        measure(benchmark, ask)

    def test_resolve_with_needs(
        self, benchmark: BenchmarkFixture, registry: tuple[int, Registry]
    ) -> None:
        count, live = registry
        need = {"kv", "ttl"}
        assert live.resolve("adapter", "k7", need).provider == f"p{count - 1}"
        benchmark.group = f"resolve {count}"
        benchmark.extra_info["row"] = "registry.resolve(domain, key, need)"

        def ask() -> None:
            for _ in CALLS:
                live.resolve("adapter", "k7", need)

        measure(benchmark, ask)

    def test_a_handle(self, benchmark: BenchmarkFixture, registry: tuple[int, Registry]) -> None:
        count, live = registry
        handle = live.handle("adapter", "k7")
        assert handle.candidate is live.resolve("adapter", "k7")
        benchmark.group = f"resolve {count}"
        benchmark.extra_info["row"] = "handle.candidate"

        def ask() -> None:
            for _ in CALLS:
                handle.candidate  # noqa: B018 - reading is what is measured

        measure(benchmark, ask)


# --- the peers: fifty things are known, one is asked for -----------------------------------


Peer = tuple["Callable[..., Any]", Any]
"""What provides a thing, and the name or class of the one that is asked for, None for no more."""


class Thing:
    """What the peers provide; each asks for a class of its own."""


def _classes() -> list[type[Thing]]:
    return [type(f"Thing{number}", (Thing,), {}) for number in range(KEYS)]


def _dishka() -> Peer:
    from dishka import Provider, Scope, make_container

    provider = Provider(scope=Scope.APP)
    classes = _classes()
    for cls in classes:
        provider.provide(cls)
    container = make_container(provider)
    return container.get, classes[7]


def _dependency_injector() -> Peer:
    from dependency_injector import containers, providers

    container = containers.DynamicContainer()
    for number, cls in enumerate(_classes()):
        setattr(container, f"k{number}", providers.Singleton(cls))
    return container.k7, None


def _svcs() -> Peer:
    import svcs

    registry = svcs.Registry()
    classes = _classes()
    for cls in classes:
        registry.register_value(cls, cls())
    container = svcs.Container(registry)
    return container.get, classes[7]


def _punq() -> Peer:
    import punq

    container = punq.Container()
    classes = _classes()
    for cls in classes:
        container.register(cls, scope=punq.Scope.singleton)
    return container.resolve, classes[7]


def _lagom() -> Peer:
    from lagom import Container, Singleton

    container = Container()
    classes = _classes()
    for cls in classes:
        container[cls] = Singleton(cls)
    return container.__getitem__, classes[7]


def _pluggy() -> Peer:
    import pluggy

    spec, impl = pluggy.HookspecMarker("bench"), pluggy.HookimplMarker("bench")

    class Spec:
        @spec(firstresult=True)  # type: ignore[untyped-decorator,unused-ignore]
        def provide(self, key: str) -> object:
            """Return what *key* names."""

    manager = pluggy.PluginManager("bench")
    manager.add_hookspecs(Spec)
    table = {f"k{number}": cls() for number, cls in enumerate(_classes())}

    class Plugin:
        @impl  # type: ignore[untyped-decorator,unused-ignore]
        def provide(self, key: str) -> object:
            return table.get(key)

    manager.register(Plugin())
    provide = manager.hook.provide
    return lambda name: provide(key=name), "k7"


PEERS = {
    "dishka": _dishka,
    "dependency-injector": _dependency_injector,
    "svcs": _svcs,
    "punq": _punq,
    "lagom": _lagom,
    "pluggy": _pluggy,
}


# svcs looks for the test client of Starlette where that is installed, which warns of its own.
@pytest.mark.filterwarnings("ignore:Using `httpx` with")
@pytest.mark.parametrize("peer", list(PEERS))
def test_a_singleton_of_a_peer(benchmark: BenchmarkFixture, peer: str) -> None:
    """Each is asked in its own idiom for one of fifty things."""
    provide, wanted = PEERS[peer]()
    given = () if wanted is None else (wanted,)
    assert isinstance(provide(*given), Thing)
    assert provide(*given) is provide(*given)
    benchmark.group = "resolve 1"
    benchmark.extra_info["row"] = peer

    def ask() -> None:
        for _ in CALLS:
            provide(wanted)

    def ask_for_nothing() -> None:
        for _ in CALLS:
            provide()

    measure(benchmark, ask if given else ask_for_nothing)


class TestExplaining:
    def test_a_hundred_candidates(self, benchmark: BenchmarkFixture) -> None:
        live = filled(100)
        assert len(live.explain("adapter", "k7").ranking) == 100
        benchmark.group = "explain"
        benchmark.extra_info["row"] = "registry.explain, 100 candidates"
        benchmark(lambda: live.explain("adapter", "k7"))


def publish(registry: Registry, candidates: list[Candidate]) -> None:
    """Publish *candidates* as one generation."""
    with registry.batch():
        registry.add(*candidates)


class TestPublishing:
    """Built candidates become one generation."""

    @pytest.mark.parametrize("count", [2500, 50_000, 100_000])
    def test_over_many_keys(self, benchmark: BenchmarkFixture, count: int) -> None:
        candidates = spread(count)
        benchmark.group = "publish"
        benchmark.extra_info["row"] = f"{count:,} candidates, ten a key"
        benchmark.pedantic(
            publish,
            setup=lambda: ((Registry(), candidates), {}),
            rounds=40 if count == 2500 else 5,
            warmup_rounds=1,
        )

    @pytest.mark.parametrize("count", [1000, 4000])
    def test_on_one_key(self, benchmark: BenchmarkFixture, count: int) -> None:
        candidates = [candidate("cache", number % 1000) for number in range(1000)]
        if count > 1000:
            candidates = [
                Candidate("adapter", "cache", f"p{number}", lambda: None, priority=number % 1000)
                for number in range(count)
            ]
        benchmark.group = "publish one key"
        benchmark.extra_info["row"] = f"{count:,} candidates of one key"
        benchmark.pedantic(
            publish, setup=lambda: ((Registry(), candidates), {}), rounds=20, warmup_rounds=1
        )


READS = 1_000_000


def test_a_million_reads_while_a_writer_publishes(benchmark: BenchmarkFixture) -> None:
    """Four threads read; every answer is one that some generation gave, and none goes back."""
    live = Registry()
    live.add(Candidate("adapter", "cache", "p", lambda: None, version="0"))
    wrong: list[object] = []
    stop = threading.Event()
    writes = 0

    def read() -> None:
        last = 0
        for _ in range(READS // 4):
            found = live.resolve("adapter", "cache").metadata.get("number", 0)
            if found < last:
                wrong.append((last, found))
            last = found

    def write() -> None:
        nonlocal writes
        while not stop.is_set():
            writes += 1
            live.add(Candidate("adapter", "cache", "p", lambda: None, metadata={"number": writes}))

    def run() -> None:
        readers = [threading.Thread(target=read) for _ in range(4)]
        writer = threading.Thread(target=write)
        for thread in (writer, *readers):
            thread.start()
        for thread in readers:
            thread.join()
        stop.set()
        writer.join()

    benchmark.group = "threads"
    benchmark.extra_info["row"] = "1,000,000 reads by four threads while one publishes"
    benchmark.pedantic(run, rounds=1)
    assert not wrong
    assert writes > 10
    benchmark.extra_info["note"] = (
        f"{writes:,} generations were published meanwhile; no wrong answer"
    )
