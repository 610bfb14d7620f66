"""The widgets of a lab, which a higher floor offers: `lab.ui.load(job)`.

A widget is displayed by a notebook and by nothing else, so this floor knows only names and
functions: who loads the extension registers them here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError, did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@dataclass(frozen=True, slots=True)
class Offer:
    """One kind of widget.

    Attributes:
        summary: What it shows, in one line.
        make: Called with the lab, or None where there is none, and with what the user gives;
            returns the widget.
    """

    summary: str
    make: Callable[..., Any]


_offers: dict[str, Offer] = {}


def offer_widgets(offers: Mapping[str, Offer]) -> None:
    """Offer these widgets, and no others."""
    _offers.clear()
    _offers.update(offers)


def widget(name: str) -> Offer:
    """Return what makes the widget called *name*.

    Raises:
        UsageError: No notebook offers widgets here, or none of this name.
    """
    if not _offers:
        raise UsageError(
            Fault(
                "no-widgets",
                f"the widget `{name}` is shown in a notebook, and none has loaded the extension",
                fix="%load_ext oneiric_lab  (oneiric-lab lab opens a notebook)",
            )
        )
    if name not in _offers:
        raise UsageError(
            Fault("no-widgets", f"no widget `{name}`", fix=did_you_mean(name, _offers, limit=8))
        )
    return _offers[name]


class Ui:
    """The widgets of a lab, each a function: `lab.ui.load(job)`.

    Args:
        lab: What they are about.
    """

    __slots__ = ("_lab",)

    def __init__(self, lab: object) -> None:
        self._lab = lab

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name.startswith("_"):
            raise AttributeError(name)
        offer = widget(name)

        def make(*args: Any, **options: Any) -> Any:
            return offer.make(self._lab, *args, **options)

        make.__name__, make.__doc__ = name, offer.make.__doc__ or offer.summary
        return make

    def __dir__(self) -> list[str]:
        return sorted(_offers)

    def __repr__(self) -> str:
        names = ", ".join(_offers) or "no widgets before %load_ext oneiric_lab"
        return f"<Ui: {names}>"
