"""The scenarios that come with us, each with what must hold besides its speed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.errors import Fault, UsageError, did_you_mean

from ._activity_contention import ActivityContention
from ._config_reload_storm import ConfigReloadStorm
from ._fault_mix import FaultMix
from ._http import Http
from ._pause_drain import PauseDrain
from ._resolve_storm import ResolveStorm
from ._swap_storm import SwapStorm
from ._swap_under_readers import SwapUnderReaders

if TYPE_CHECKING:
    from collections.abc import Mapping

    from oneiric_lab.loadlab._scenario import Scenario

BUILT_IN: Mapping[str, tuple[type[Scenario], Mapping[str, Any]]] = {
    "swap-1k": (SwapStorm, {"users": 1000}),
    "swap-10k": (SwapStorm, {"users": 10_000}),
    "swap-under-readers": (SwapUnderReaders, {"users": 1000}),
    "resolve-storm": (ResolveStorm, {"users": 50}),
    "pause-drain": (PauseDrain, {"users": 100}),
    "config-reload-storm": (ConfigReloadStorm, {"users": 50}),
    "activity-contention": (ActivityContention, {"users": 20}),
    "fault-mix": (FaultMix, {"users": 100}),
    "http": (Http, {"users": 50}),
}
"""Name to the class, and how many users drive it where nobody says."""


def scenario_named(name: str) -> tuple[type[Scenario], Mapping[str, Any]]:
    """Return a scenario that comes with us, and its usual load.

    Raises:
        UsageError: There is none of this name.
    """
    try:
        return BUILT_IN[name]
    except KeyError:
        raise UsageError(
            Fault("unknown-scenario", f"no scenario {name!r}", fix=did_you_mean(name, BUILT_IN))
        ) from None
