"""Recorded runs: any process may read them, ask for one, and end one."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ._dbos import FLOW, FORM, TICK, as_json, load
from ._durable_clock import Clock

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from ._durable_database import Database


@dataclass(frozen=True, slots=True)
class Row:
    """A run as it is recorded.

    Attributes:
        id: Of the run.
        status: As DBOS calls it.
        executor: Who began it last.
        queue: The queue that it waits in, or waited in.
        order: What was asked for, where it was loaded.
        why: Why it failed.
        created_ms: When it was asked for.
        ended_ms: When it ended.
        due_ms: Until when it is put off.
        attributes: What it is found by.
    """

    id: str
    status: str
    executor: str
    queue: str | None
    order: Mapping[str, Any] | None
    why: str
    created_ms: int
    ended_ms: int | None
    due_ms: int | None
    attributes: Mapping[str, Any]


class Records:
    """Runs as they are recorded, for any process: to look, to ask for one, to end one.

    Args:
        database: Where they are.
        application: Whose; several may share a database.

    Attributes:
        clock: What is asked for by the clock.
    """

    def __init__(self, database: Database, application: str) -> None:
        dbos = load()
        serializer = dbos.DBOSPortableJSONSerializer()
        self._engine = database.engine(5)
        try:
            self._client = dbos.DBOSClient(
                system_database_url=database.url,
                system_database_engine=self._engine,
                serializer=serializer,
                application_name=application,
                retry_connection_errors=False,
            )
        except Exception as error:
            self._dispose()
            raise database.unusable(error) from error
        self._database, self._application = database, application
        self.clock = Clock(self._client)

    def close(self) -> None:
        """Close the connections."""
        self._client.destroy()
        self._dispose()

    def _dispose(self) -> None:
        # DBOS leaves the connections that it was given to whoever gave them.
        if self._engine is not None:
            self._engine.dispose()

    def rows(self, *, name: str = FLOW, with_order: bool = False, **options: Any) -> list[Row]:
        """Return runs, the newest first; options as DBOS's `list_workflows` takes them."""
        with as_json(), self._database.usable():
            found = self._client.list_workflows(
                name=name,
                application_name=self._application,
                sort_desc=True,
                load_input=with_order,
                load_output=False,
                **options,
            )
        return [_row(one) for one in found]

    def row(self, run_id: str) -> Row | None:
        """Return one run with its order, or None."""
        found = self.rows(workflow_ids=[run_id], with_order=True)
        return found[0] if found else None

    def nodes(self, run_id: str) -> dict[str, dict[str, Any]]:
        """Return what is recorded of the nodes of a run."""
        with as_json(), self._database.usable():
            steps = self._client.list_workflow_steps(run_id)
        return {one["function_name"]: one["output"] for one in steps if one["output"] is not None}

    def enqueue(
        self, run_id: str, order: Mapping[str, Any], queue: str, *, delay: float = 0
    ) -> None:
        """Have a run begun by the host as soon as it may; one of that name stays as it is.

        It is on the disk when this returns.

        Args:
            run_id: Its name.
            order: What to run.
            queue: The host's.
            delay: Seconds from now until it may begin.
        """
        options: dict[str, Any] = {
            "workflow_name": FLOW,
            "queue_name": queue,
            "workflow_id": run_id,
            "app_version": f"{self._application}-{FORM}",
            "attributes": attributes_of(order),
        }
        if delay > 0:
            options["delay_seconds"] = delay
        with self._database.usable():
            self._client.enqueue(options, order)

    def begin_due(self) -> None:
        """Let runs begin that were put off until now, before DBOS finds them: once a second."""
        with self._database.usable():
            self._client._sys_db.transition_delayed_workflows()  # noqa: SLF001 - no other way

    def ticks(self) -> list[Row]:
        """Return moments of schedules that somebody began and did not end."""
        return self.rows(name=TICK, status=["PENDING"])

    def cancel(self, run_id: str) -> None:
        """Record that a run is cancelled; its host ends what it does within a second."""
        with self._database.usable():
            self._client.cancel_workflow(run_id)

    def resume(self, run_id: str, queue: str) -> None:
        """Have a run begun again; what is recorded of it is not run again."""
        with self._database.usable():
            self._client.resume_workflow(run_id, queue_name=queue)

    def cancelled(self, run_ids: Iterable[str]) -> set[str]:
        """Return which of these runs somebody cancelled."""
        return {row.id for row in self.rows(workflow_ids=list(run_ids), status=["CANCELLED"])}

    def open_queue(self, queue: str, *, at_a_time: int, every: float) -> None:
        """Make a queue that a host takes runs from, or change it.

        Args:
            queue: Its name.
            at_a_time: Runs from it that go on at a time in one process.
            every: Seconds between two looks into it.
        """
        with self._database.usable():
            self._client.register_queue(
                queue, worker_concurrency=at_a_time, polling_interval_sec=every
            )

    def forget_queue(self, queue: str) -> None:
        """Forget a queue that nobody listens to any more."""
        self._client.delete_queue(queue)


def attributes_of(order: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a run is found by."""
    return {"workflow": order["workflow"], "forked": order["forked"]}


def _row(one: Any) -> Row:
    order = None
    if one.input is not None and one.input["args"]:
        order = one.input["args"][0]
    error = one.error
    return Row(
        one.workflow_id,
        one.status,
        one.executor_id or "",
        one.queue_name,
        order,
        "" if error is None else str(error),
        one.created_at or 0,
        one.completed_at,
        one.delay_until_epoch_ms,
        one.attributes or {},
    )
