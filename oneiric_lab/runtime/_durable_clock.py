"""What is asked for by the clock: schedules as DBOS keeps them, and moments that were missed."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

from oneiric_lab.errors import Fault, WorkflowError

from ._dbos import TICK, load, load_croniter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    Schedules = Mapping[str, Mapping[str, Any]]
    """Name to `workflow`, `cron`, `timezone`, `payload` and `catch_up`."""


def _now() -> datetime:
    return datetime.now(UTC)


class Clock:
    """The schedules of an application.

    A moment has one name, whoever asks for its run, and so is one run.

    Args:
        client: DBOS, for this application.
        now: The time.
    """

    def __init__(self, client: Any, now: Callable[[], datetime] = _now) -> None:
        self._client, self._now = client, now

    def set(self, schedules: Schedules) -> None:
        """Have runs asked for by the clock, and forget schedules that nobody says any more.

        Of the moments since a schedule was last looked after, at which no host was there, the
        last one is made up for.

        Raises:
            WorkflowError: One is said wrongly; those before it are in force.
        """
        known = self._known()
        for name in known.keys() - schedules.keys():
            self._client.delete_schedule(name)
        for name, said in schedules.items():
            self._apply(name, said)
            old = known.get(name)
            if old is None or not old["last_fired_at"] or not _is_alike(old, said):
                # From here on its moments count.
                since = self._now().isoformat()
                self._client._sys_db.update_last_fired_at(name, since)  # noqa: SLF001 - no other way
        self.make_up(schedules)

    def make_up(self, schedules: Schedules, grace: timedelta = timedelta(0)) -> None:
        """Ask for the run of the last moment of each schedule, where nobody did.

        Args:
            schedules: Those that are in force.
            grace: How long ago it must be: who asks in time may be some seconds late.
        """
        if not schedules:
            return
        known = self._known()
        for name, said in schedules.items():
            if not said.get("catch_up", True) or name not in known:
                continue
            last = self._last(said, self._now() - grace)
            if datetime.fromisoformat(known[name]["last_fired_at"]) < last:
                instant = timedelta(milliseconds=1)
                self._client.backfill_schedule(name, last - instant, last + instant)
                self._client._sys_db.update_last_fired_at(name, last.isoformat())  # noqa: SLF001 - see above

    def _known(self) -> dict[str, Any]:
        found = self._client.list_schedules(workflow_name=TICK)
        return {one["schedule_name"]: one for one in found}

    def _apply(self, name: str, said: Mapping[str, Any]) -> None:
        entry = {
            "schedule_name": name,
            "workflow_name": TICK,
            "schedule": said["cron"],
            "cron_timezone": said.get("timezone"),
            "context": {"name": name, "workflow": said["workflow"], "payload": said["payload"]},
        }
        try:
            self._client.apply_schedules([entry])
        except load().error.DBOSException as error:
            raise WorkflowError(
                Fault(
                    "bad-schedule",
                    f"workflows.schedules.{name} is no schedule: {error}",
                    fix='write cron = "0 3 * * *", and timezone = "Europe/Berlin"',
                )
            ) from error

    @staticmethod
    def _last(said: Mapping[str, Any], before: datetime) -> datetime:
        """Return the last moment of a schedule before another one."""
        zone = said.get("timezone")
        base = before.astimezone(ZoneInfo(zone) if zone else UTC)
        moments = load_croniter()(said["cron"], base, second_at_beginning=True)
        found: datetime = moments.get_prev(datetime)
        return found


def _is_alike(old: Mapping[str, Any], said: Mapping[str, Any]) -> bool:
    """Tell whether a schedule has the moments that it had."""
    return (old["schedule"], old["cron_timezone"]) == (said["cron"], said.get("timezone"))
