"""The widgets of a lab, which a notebook offers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from oneiric_lab.errors import UsageError
from oneiric_lab.lab import Offer, Ui, offer_widgets, widget

if TYPE_CHECKING:
    from collections.abc import Iterator


def named(lab: Any, thing: str = "none") -> tuple[Any, str]:
    """Show a thing."""
    return lab, thing


@pytest.fixture
def offered() -> Iterator[None]:
    """Offer one widget."""
    offer_widgets({"thing": Offer("One thing.", named)})
    yield
    offer_widgets({})


class TestUi:
    def test_before_a_notebook_offers_any(self) -> None:
        """
        Who asks for one is told what to run.
        """
        offer_widgets({})
        with pytest.raises(UsageError, match="%load_ext oneiric_lab"):
            Ui(None).load  # noqa: B018 - the question is the point
        assert repr(Ui(None)) == "<Ui: no widgets before %load_ext oneiric_lab>"

    @pytest.mark.usefixtures("offered")
    def test_a_widget_gets_its_lab(self) -> None:
        """
        What is offered is a function of the lab, with its own help.
        """
        ui = Ui("my lab")

        assert ui.thing("x") == ("my lab", "x")
        assert ui.thing.__doc__ == "Show a thing."
        assert dir(ui) == ["thing"]
        assert repr(ui) == "<Ui: thing>"

    @pytest.mark.usefixtures("offered")
    def test_an_unknown_one(self) -> None:
        """
        The nearest name is told; what Python asks objects for is no widget.
        """
        with pytest.raises(UsageError, match="did you mean `thing`"):
            widget("thingy")
        assert not hasattr(Ui(None), "_repr_html_")
