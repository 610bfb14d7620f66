"""The two keys of the public project that stand outside every table."""

from __future__ import annotations

import pytest
from pydantic import BaseModel

from oneiric_lab.testing import Workspace


class Empty(BaseModel):
    """A model without fields."""


class Own(BaseModel):
    """A model with a field of that name."""

    config_dir: str = "conf"


class TestBareKeys:
    """`config_dir` and `cache_dir`."""

    @pytest.mark.parametrize("schema", [None, Empty])
    def test_have_a_value_and_a_place_though_nobody_says_them(
        self, schema: type[BaseModel] | None
    ) -> None:
        """
        They are ours, with a schema of the user's and without.
        """
        with Workspace() as workspace:
            lab = workspace.project("[app]\nname = 'shop'").open(schema=schema)

            assert lab.value("config_dir") is None
            assert str(lab.origin("cache_dir")) == "schema default"
            assert lab.explain("config_dir").as_dict()["value"] is None

    def test_what_a_file_says_of_them_is_no_value_of_the_user(self) -> None:
        """
        Upstream's file loads, and the user's namespace holds none of it.
        """
        with Workspace() as workspace:
            lab = workspace.project('config_dir = "x"\nown = 1').open()

            assert lab.value("config_dir") == "x"
            assert vars(lab.config) == {"own": 1}

    def test_are_the_users_where_the_model_has_them(self) -> None:
        """
        A field of that name belongs to the model.
        """
        with Workspace() as workspace:
            lab = workspace.project('config_dir = "mine"').schema(Own).open()

            assert lab.config.config_dir == "mine"
            assert lab.value("config_dir") == "mine"
            assert str(lab.origin("config_dir")) == "oneiric.toml:1:14"
