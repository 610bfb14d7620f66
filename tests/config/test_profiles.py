"""Profiles: who names them, how they stack, what they may not do."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel

if TYPE_CHECKING:
    from tests.config.conftest import House


class Model(BaseModel):
    """A user's model."""

    n: int = 0
    m: int = 0


class TestActivation:
    """Argument, then ONEIRIC_PROFILE, then `profile.name`."""

    def test_argument_beats_variable_beats_file(self, house: House) -> None:
        """The first who says anything says all."""
        text = '[profile]\nname = "c"\n[profiles]\na.n = 1\nb.n = 2\nc.n = 3'
        variable = {"ONEIRIC_PROFILE": " b , "}

        assert house.load(text, schema=Model, profiles=("a",), environ=variable).config.n == 1
        assert house.load(text, schema=Model, environ=variable).config.n == 2
        assert house.load(text, schema=Model).config.n == 3
        assert house.load(text, schema=Model, profiles=()).config.n == 0

    def test_default_is_no_profile(self, house: House) -> None:
        """Upstream's `default` names none."""
        assert house.load('[profile]\nname = "default"').profiles == ()

    def test_later_profile_wins(self, house: House) -> None:
        """Profiles stack in the order of activation; a file stands above its table."""
        house.write({"oneiric.a.toml": "n = 2"})
        text = "[profiles.a]\nn = 1\nm = 1\n[profiles.b]\nm = 5"
        snapshot = house.load(text, schema=Model, profiles=("a", "b"))

        assert (snapshot.config.n, snapshot.config.m) == (2, 5)
        assert snapshot.known_profiles == ("a", "b")
        assert str(snapshot.origin("n")) == "oneiric.a.toml:1:5"
        assert str(snapshot.origin("n").parent) == "--profile"


class TestRefusals:
    """What a profile may not be, or do."""

    def test_unknown_profile(self, house: House) -> None:
        """The known ones are listed, the nearest first."""
        report = house.report("[profiles]\nprod.n = 1\ndev.n = 1", profiles=("prdo",))

        assert report == (
            "error: unknown profile `prdo`\n"
            "  --> --profile\n"
            "  help: did you mean `prod`? known: dev, prod"
        )

    def test_unknown_profile_where_none_is_known(self, house: House) -> None:
        """The way to make one is told."""
        fault = house.faults("", environ={"ONEIRIC_PROFILE": "x"})[0]

        assert fault.fix == "write oneiric.x.toml"
        assert str(fault.origin) == "ONEIRIC_PROFILE"

    def test_activates_no_profile(self, house: House) -> None:
        """Neither by name nor by a table of profiles."""
        house.write({"oneiric.b.toml": "[profiles.c]\nn = 1"})
        faults = house.faults('[profiles.a]\nprofile.name = "b"', profiles=("a", "b"))

        assert [(fault.code, str(fault.origin)) for fault in faults] == [
            ("profile-activates-profile", "oneiric.toml:2:1"),
            ("profile-activates-profile", "oneiric.b.toml:1:1"),
        ]

    def test_profile_that_is_no_table(self, house: House) -> None:
        """A value where a profile's table belongs is a fault at its place."""
        fault = house.faults("[profiles]\nprod = 3")[0]
        whole = house.faults("profiles = 3")[0]

        assert fault.code == whole.code == "bad-profile"
        assert fault.message == "expected a table: profiles.prod"
        assert str(fault.origin) == "oneiric.toml:2:8"
        assert str(whole.origin) == "oneiric.toml:1:12"
