"""Loading, reloading and reading configuration, beside other loaders.

All read the same layers, and each is asked once whether it came to the same values. Where
a peer reads no TOML it reads the same layers as YAML.
"""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
import yaml

from oneiric_lab import Lab
from oneiric_lab.config import freeze, load, thaw

if TYPE_CHECKING:
    from collections.abc import Callable

    from pytest_benchmark.fixture import BenchmarkFixture

    from .conftest import Layers

    Loader = Callable[[], Any]

# --- the peers ------------------------------------------------------------------------


def _pydantic_settings(given: Layers) -> tuple[Loader, Callable[[Any], dict[str, Any]]]:
    from pydantic_settings import BaseSettings, SettingsConfigDict, TomlConfigSettingsSource

    class Peer(given.schema, BaseSettings):  # type: ignore[misc, name-defined, unused-ignore]
        model_config = SettingsConfigDict(
            extra="ignore",
            env_prefix="BENCH_",
            env_nested_delimiter="__",
            toml_file=given.paths,
        )

        @classmethod
        def settings_customise_sources(cls, settings_cls: Any, **sources: Any) -> tuple[Any, ...]:
            return sources["env_settings"], TomlConfigSettingsSource(settings_cls, deep_merge=True)

    return Peer, lambda peer: peer.model_dump()


def _dynaconf(given: Layers) -> tuple[Loader, Callable[[Any], dict[str, Any]]]:
    from dynaconf import Dynaconf

    def read() -> Any:
        peer = Dynaconf(
            settings_files=[str(path) for path in given.paths],
            core_loaders=["TOML"],
            envvar_prefix="BENCH",
            merge_enabled=True,
        )
        peer.get("S0")  # it reads nothing before the first question
        return peer

    def tables(peer: Any) -> dict[str, Any]:
        return {
            name.lower(): {key.lower(): value for key, value in table.items()}
            for name, table in peer.as_dict().items()
        }

    return read, tables


def _omegaconf(given: Layers) -> tuple[Loader, Callable[[Any], dict[str, Any]]]:
    from omegaconf import OmegaConf

    def read() -> Any:
        layers = [tomllib.loads(path.read_text()) for path in given.paths]
        return OmegaConf.merge(*map(OmegaConf.create, (*layers, given.said)))

    return read, lambda peer: dict(OmegaConf.to_container(peer))


def _yaml_files(given: Layers) -> list[Any]:
    folder = given.root / "yaml"
    folder.mkdir(exist_ok=True)
    out = []
    for number, tree in enumerate(given.trees):
        path = folder / f"layer{number}.yaml"
        path.write_text("# @package _global_\n" + yaml.safe_dump(tree))
        out.append(path)
    return out


def _hydra(given: Layers) -> tuple[Loader, Callable[[Any], dict[str, Any]]]:
    from hydra import compose, initialize_config_dir
    from hydra.core.global_hydra import GlobalHydra
    from omegaconf import OmegaConf

    files = _yaml_files(given)
    named = "".join(f"  - {path.stem}\n" for path in files)
    (files[0].parent / "config.yaml").write_text(f"defaults:\n{named}  - _self_\n")
    overrides = [
        f"{name}.{key}={value}"
        for name, table in given.said.items()
        for key, value in table.items()
    ]

    def read() -> Any:
        GlobalHydra.instance().clear()
        with initialize_config_dir(version_base=None, config_dir=str(files[0].parent)):
            return compose("config", overrides=overrides)

    return read, lambda peer: dict(OmegaConf.to_container(peer))


def _confuse(given: Layers) -> tuple[Loader, Callable[[Any], dict[str, Any]]]:
    import confuse

    files = _yaml_files(given)

    def read() -> Any:
        peer = confuse.Configuration("bench", read=False)
        for path in files:
            peer.set_file(str(path))
        peer.set_env("BENCH_")
        return peer.flatten()

    return read, dict


def _ours(given: Layers) -> tuple[Loader, Callable[[Any], dict[str, Any]]]:
    inputs = given.inputs()
    return lambda: load(inputs), lambda snapshot: snapshot.config.model_dump()


SYSTEMS = {
    "oneiric-lab": _ours,
    "pydantic-settings": _pydantic_settings,
    "dynaconf": _dynaconf,
    "OmegaConf": _omegaconf,
    "Hydra": _hydra,
    "confuse": _confuse,
}


def _same(merged: dict[str, Any], got: dict[str, Any], *, lists: bool) -> bool:
    """Tell whether every value that some layer said came out; peers know no schema's defaults."""
    return all(
        got[name][key] == value or str(got[name][key]) == str(value)
        for name, table in merged.items()
        for key, value in table.items()
        if lists or not isinstance(value, list)
    )


@pytest.mark.parametrize("keys", [100, 2000])
class TestLoading:
    """Three files and a hundredth of the keys as variables, merged and validated."""

    @pytest.mark.parametrize("system", list(SYSTEMS))
    def test_with_tomllib(
        self,
        benchmark: BenchmarkFixture,
        monkeypatch: pytest.MonkeyPatch,
        layers: Callable[[int], Layers],
        tomllib_only: None,
        keys: int,
        system: str,
    ) -> None:
        given = layers(keys)
        for name, value in given.variables.items():
            monkeypatch.setenv(name, value)
        read, tables = SYSTEMS[system](given)
        # Where dynaconf merges tables, it joins lists as well.
        assert _same(given.said_by_layers(), tables(read()), lists=system != "dynaconf")
        benchmark.group = f"load {keys}"
        benchmark.extra_info["row"] = f"{system}, tomllib" if system == "oneiric-lab" else system
        slow = system in {"Hydra", "dynaconf", "confuse"}
        benchmark.pedantic(read, rounds=5 if slow else 60, warmup_rounds=1)

    def test_with_toml_rs(
        self, benchmark: BenchmarkFixture, layers: Callable[[int], Layers], keys: int
    ) -> None:
        given = layers(keys)
        read, tables = _ours(given)
        assert tables(read()) == given.merged
        benchmark.group = f"load {keys}"
        benchmark.extra_info["row"] = "oneiric-lab, toml-rs"
        benchmark.pedantic(read, rounds=100, warmup_rounds=3)

    def test_parsing_alone(
        self, benchmark: BenchmarkFixture, layers: Callable[[int], Layers], keys: int
    ) -> None:
        texts = [path.read_text() for path in layers(keys).paths]
        benchmark.group = f"load {keys}"
        benchmark.extra_info["row"] = "tomllib, parsing alone"
        benchmark.pedantic(lambda: [tomllib.loads(text) for text in texts], rounds=60)

    def test_from_a_lock_file(
        self, benchmark: BenchmarkFixture, layers: Callable[[int], Layers], keys: int
    ) -> None:
        given = layers(keys)
        data, inputs = freeze(given.load(), {}), given.inputs()
        assert thaw(data, inputs, name="lock").snapshot.config.model_dump() == given.merged
        benchmark.group = f"load {keys}"
        benchmark.extra_info["row"] = "oneiric-lab, lock file"
        benchmark.pedantic(lambda: thaw(data, inputs, name="lock"), rounds=100, warmup_rounds=3)


class TestReloading:
    """One profile's file changed; the others have the bytes that they had."""

    @pytest.mark.parametrize("how", ["full load", "reload"])
    def test_after_a_profile_changed(
        self,
        benchmark: BenchmarkFixture,
        layers: Callable[[int], Layers],
        tomllib_only: None,
        how: str,
    ) -> None:
        given = layers(2000)
        inputs, profile = given.inputs(), given.paths[1]
        text = profile.read_text()
        before = load(inputs)
        number = 0

        def change() -> None:
            nonlocal number
            number += 1
            profile.write_text(
                f"{text}\n[s1]\nk0 = {number}\n"
                if "[s1]" not in text
                else text.replace("[s1]\n", f"[s1]\nk1 = 'c{number}'\n", 1)
            )

        benchmark.group = "reload 2000"
        benchmark.extra_info["row"] = how
        previous = before if how == "reload" else None
        try:
            benchmark.pedantic(
                lambda: load(inputs, previous=previous), setup=change, rounds=60, warmup_rounds=3
            )
        finally:
            profile.write_text(text)


class TestReading:
    """What a program does a million times, and what a person does now and then."""

    def test_an_attribute_of_the_lab(
        self, benchmark: BenchmarkFixture, layers: Callable[[int], Layers]
    ) -> None:
        given = layers(2000)
        with Lab.open(
            given.root, schema=given.schema, profiles=["prod"], environ=given.environ
        ) as lab:
            assert lab.config.s7.k3 == given.merged["s7"]["k3"]
            benchmark.group = "attribute"
            benchmark.extra_info["row"] = "lab.config.s7.k3"

            def read() -> None:
                for _ in range(1000):
                    lab.config.s7.k3  # noqa: B018 - reading is what is measured

            benchmark.extra_info["calls"] = 1000
            benchmark(read)

    def test_an_attribute_of_a_bare_model(
        self, benchmark: BenchmarkFixture, layers: Callable[[int], Layers]
    ) -> None:
        class Holder:
            __slots__ = ("config",)

        model = Holder()
        model.config = layers(2000).load().config  # type: ignore[attr-defined]  # a slot
        benchmark.group = "attribute"
        benchmark.extra_info["row"] = "holder.config.s7.k3, a bare pydantic model"

        def read() -> None:
            for _ in range(1000):
                model.config.s7.k3  # type: ignore[attr-defined]  # a slot  # noqa: B018

        benchmark.extra_info["calls"] = 1000
        benchmark(read)

    def test_the_first_question_for_an_origin(
        self, benchmark: BenchmarkFixture, layers: Callable[[int], Layers]
    ) -> None:
        given = layers(2000)
        benchmark.group = "origin"
        benchmark.extra_info["row"] = "first question"
        benchmark.pedantic(
            lambda snapshot: snapshot.origin("s7.k3"),
            setup=lambda: ((given.load(),), {}),
            rounds=40,
        )

    def test_later_questions_for_an_origin(
        self, benchmark: BenchmarkFixture, layers: Callable[[int], Layers]
    ) -> None:
        snapshot = layers(2000).load()
        assert snapshot.origin("s7.k3").file == "oneiric.toml"
        benchmark.group = "origin"
        benchmark.extra_info["row"] = "later questions"
        benchmark(lambda: snapshot.origin("s7.k3"))
