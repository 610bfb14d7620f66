"""Components that the shop declares in code: those that change with its code every week.

The others stand as facts in `oneiric-plugin.toml`, which is read without running anything.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from oneiric_lab import component

from .checkout import Checkout, ExpressCheckout, Refund
from .database import Database
from .events import Audit, Confirmation, Restock
from .files import MemoryFiles
from .queue import MemoryQueue
from .recommend import Neighbours
from .shipping import Bike, Van

if TYPE_CHECKING:
    from oneiric_lab.components import Rollout, Switch


@component("adapter:database", provider="scratch", version="1.2.0", capabilities={"sql"})
def scratch_database() -> Database:
    """Return a database that is gone when it is closed, for trials."""
    return Database(":memory:")


@component("flag:gift-wrapping", provider="some", version="1.0.0", capabilities={"per-subject"})
def some_get_gifts() -> Rollout:
    """Return the flag as it is tried: every tenth customer is offered the ribbon."""
    from oneiric_lab.components import Rollout, RolloutSettings  # noqa: PLC0415 - 11 ms at activation, none at open

    return Rollout(RolloutSettings(percent=10, salt="gift-wrapping", always=frozenset({"ada"})))


@component("flag:gift-wrapping", provider="nobody", version="1.0.0", priority=1)
def nobody_gets_gifts() -> Switch:
    """Return the flag as it is when the ribbon has run out."""
    from oneiric_lab.components import Switch, SwitchSettings  # noqa: PLC0415 - see above

    return Switch(SwitchSettings(on=False))


component("adapter:files", provider="memory", version="1.0.0", priority=1)(MemoryFiles)
component("adapter:queue", provider="memory", version="1.0.0", capabilities={"fifo"})(MemoryQueue)
component("service:shipping", provider="bike", version="1.0.0", summary="Inside the town.")(Bike)
component("service:shipping", provider="van", version="1.0.0", summary="Everywhere.")(Van)
component("event:order-placed", provider="audit", version="1.0.0", priority=5)(Audit)
component(
    "event:order-placed",
    provider="confirmation",
    version="1.1.0",
    requires={"service:mail": ">=1"},
)(Confirmation)
component("event:stock-low", provider="log", version="1.0.0")(Restock)

_NEEDS = {"service:catalog", "adapter:database", "service:payment", "service:shipping"}
component("workflow:checkout", provider="classic", version="3.1.0", requires=_NEEDS)(Checkout)
component(
    "workflow:checkout",
    provider="express",
    version="1.0.0",
    priority=50,
    requires=_NEEDS,
    enabled_by="express_checkout",
    summary="One click for known customers; behind a flag.",
)(ExpressCheckout)
component(
    "workflow:refund",
    provider="goodwill",
    version="1.0.0",
    requires={"adapter:database": "", "service:payment": ">=1"},
)(Refund)
component(
    "action:recommend",
    provider="neighbours",
    version="0.3.0",
    requires={"service:catalog"},
    enabled_by="recommendations",
)(Neighbours)
