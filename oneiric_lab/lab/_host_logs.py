"""What a host logs of what it follows: one record each, the grave ones as such."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from oneiric_lab.errors import logger

from ._following import Fallen, Reloaded, Turned
from ._synced import SyncReport

if TYPE_CHECKING:
    from ._following import Moved

_WATCH: Final = "oneiric_lab.watch"
_SYNC: Final = "oneiric_lab.sync"


def log_followed(found: Reloaded | Moved | Turned | Fallen | SyncReport) -> None:
    """Log what a watch told; what was swapped is logged by the components themselves."""
    log = logger(_WATCH)
    if isinstance(found, SyncReport):
        log_sync(found)
    elif isinstance(found, Fallen):
        log.warning("watch only polls", extra={"reason": found.told})
    elif isinstance(found, Turned):
        for one in found.rotations:
            named = {"secret": one.name, "provider": one.provider, "version": one.new}
            log.info("secret rotated", extra=named)
    elif isinstance(found, Reloaded):
        files = ", ".join(found.files)
        if found.ok:
            facts = {"values": len(found.values), "components": len(found.components)}
            log.info("configuration loaded", extra={"files": files, **facts})
        else:
            error = " ".join(str(found.faults[0]).split())
            log.error("configuration refused", extra={"files": files, "error": error})


def log_sync(report: SyncReport) -> None:
    """Log what came of each source; that nothing changed is no news."""
    log = logger(_SYNC)
    for one in report.sources:
        facts = {"source": one.name, "outcome": one.outcome, "release": one.release}
        if one.faults:
            log.error("sync", extra={**facts, "error": one.faults[0].message})
        elif one.outcome == "unchanged":
            log.debug("sync", extra=facts)
        else:
            log.info("sync", extra=facts)
