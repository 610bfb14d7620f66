"""What keeps a running system true to its configuration, and tells how it is.

`Telemetry` reads the numbers that rooms keep, `CATALOGUE` names all of them, and
`exposition` writes them as Prometheus reads them.

A `Watch` runs the parts that follow something and tells what they do; `Watching` is how that
stands.

Events go from who emits them to the handlers that take them; see `Events`.

A `Dag` says which node comes after which; an engine runs it. `MemoryEngine` forgets its runs
with its process and says so; the durable one, by DBOS, goes on with them after a crash.
`lab.workflows` puts both together for a workspace.
"""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from ._alone import Told as Told
    from ._alone import alone as alone
    from ._alone import running_host as running_host
    from ._alone import tell_host as tell_host
    from ._changed import Changed as Changed
    from ._counters import BOUNDS_NS as BOUNDS_NS
    from ._counters import FlowCounters as FlowCounters
    from ._dag import Dag as Dag
    from ._dag import Node as Node
    from ._dag import dag_of as dag_of
    from ._dag import lone as lone
    from ._delivery import Delivery as Delivery
    from ._durable_alive import Alive as Alive
    from ._durable_database import Database as Database
    from ._durable_engine import DurableEngine as DurableEngine
    from ._durable_lock import busy as busy
    from ._durable_lock import host_alive as host_alive
    from ._durable_lock import host_of as host_of
    from ._durable_records import Records as Records
    from ._durable_view import RecordedRuns as RecordedRuns
    from ._durable_view import fork_order as fork_order
    from ._engine import Engine as Engine
    from ._engine import Order as Order
    from ._event import Event as Event
    from ._event import completed as completed
    from ._events import Events as Events
    from ._exposition import CONTENT_TYPE as CONTENT_TYPE
    from ._exposition import Metrics as Metrics
    from ._exposition import Sample as Sample
    from ._exposition import Scrape as Scrape
    from ._exposition import Summary as Summary
    from ._exposition import exposition as exposition
    from ._filters import accepts as accepts
    from ._flow_call import Code as Code
    from ._flow_call import TaskContext as TaskContext
    from ._flow_call import Tasks as Tasks
    from ._flow_call import call_task as call_task
    from ._flow_errors import has_ended as has_ended
    from ._flow_errors import other_payload as other_payload
    from ._flow_errors import unknown_run as unknown_run
    from ._flow_hooks import FlowEvent as FlowEvent
    from ._flow_hooks import FlowHooks as FlowHooks
    from ._flow_plan import FlowPlan as FlowPlan
    from ._flow_run import FlowDiff as FlowDiff
    from ._flow_run import FlowRun as FlowRun
    from ._flow_run import FlowRuns as FlowRuns
    from ._flow_run import NodeRun as NodeRun
    from ._flow_run import TaskRun as TaskRun
    from ._flow_run import new_run_id as new_run_id
    from ._health import Health as Health
    from ._health import HealthCheck as HealthCheck
    from ._health import Standing as Standing
    from ._host import STATES as STATES
    from ._host import Ended as Ended
    from ._host import Host as Host
    from ._host import Part as Part
    from ._host import looping as looping
    from ._http import LOOPBACK as LOOPBACK
    from ._http import Answers as Answers
    from ._http import Door as Door
    from ._http import is_loopback as is_loopback
    from ._listener import EventOptions as EventOptions
    from ._listener import Listener as Listener
    from ._listener import listener_of as listener_of
    from ._listener import options_of as options_of
    from ._logs import LEVELS as LEVELS
    from ._logs import Logs as Logs
    from ._logs import Ring as Ring
    from ._logs import choose_logs as choose_logs
    from ._logs import logged as logged
    from ._logs import read_log_lines as read_log_lines
    from ._logs import ringed as ringed
    from ._memory import MemoryEngine as MemoryEngine
    from ._meters import bridge_metrics as bridge_metrics
    from ._metrics import CATALOGUE as CATALOGUE
    from ._metrics import REASONS as REASONS
    from ._metrics import ROOMS as ROOMS
    from ._metrics import Metric as Metric
    from ._notify import Notify as Notify
    from ._payload import MAX_BYTES as MAX_BYTES
    from ._payload import json_value as json_value
    from ._postman import Postman as Postman
    from ._reach import Calling as Calling
    from ._reach import Reach as Reach
    from ._reach import call as call
    from ._redact import Redactor as Redactor
    from ._retry import RetryPolicy as RetryPolicy
    from ._retry import retry_of as retry_of
    from ._secrets import Rotation as Rotation
    from ._secrets import SecretKeeper as SecretKeeper
    from ._secrets import SecretState as SecretState
    from ._secrets import Times as Times
    from ._secrets import pinned as pinned
    from ._secrets import references as references
    from ._sinks import RollingFile as RollingFile
    from ._sinks import handlers_of as handlers_of
    from ._sinks import json_lines as json_lines
    from ._spans import Span as Span
    from ._spans import is_tracing as is_tracing
    from ._spans import span as span
    from ._spans import trace_context as trace_context
    from ._spans import trace_spans as trace_spans
    from ._tallies import EVALUATED as EVALUATED
    from ._tallies import REPEATED as REPEATED
    from ._tallies import evaluated as evaluated
    from ._telemetry import Telemetry as Telemetry
    from ._telemetry import read_process as read_process
    from ._watch import Watch as Watch
    from ._watching import Watching as Watching
    from ._watching import follow_files as follow_files
    from ._within import being_handled as being_handled
    from ._within import emit as emit
    from ._within import emit_sync as emit_sync
else:
    # Who only runs workflows measures nothing, and who measures runs no host.
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "Alive": "._durable_alive",
            "Answers": "._http",
            "BOUNDS_NS": "._counters",
            "CATALOGUE": "._metrics",
            "CONTENT_TYPE": "._exposition",
            "Calling": "._reach",
            "EVALUATED": "._tallies",
            "REPEATED": "._tallies",
            "evaluated": "._tallies",
            "Changed": "._changed",
            "Code": "._flow_call",
            "Dag": "._dag",
            "Database": "._durable_database",
            "Delivery": "._delivery",
            "Door": "._http",
            "DurableEngine": "._durable_engine",
            "Ended": "._host",
            "Engine": "._engine",
            "Event": "._event",
            "EventOptions": "._listener",
            "Events": "._events",
            "FlowCounters": "._counters",
            "FlowDiff": "._flow_run",
            "FlowEvent": "._flow_hooks",
            "FlowHooks": "._flow_hooks",
            "FlowPlan": "._flow_plan",
            "FlowRun": "._flow_run",
            "FlowRuns": "._flow_run",
            "Health": "._health",
            "HealthCheck": "._health",
            "Host": "._host",
            "LEVELS": "._logs",
            "LOOPBACK": "._http",
            "Listener": "._listener",
            "Logs": "._logs",
            "MAX_BYTES": "._payload",
            "MemoryEngine": "._memory",
            "Metric": "._metrics",
            "Metrics": "._exposition",
            "Node": "._dag",
            "NodeRun": "._flow_run",
            "Notify": "._notify",
            "Order": "._engine",
            "Postman": "._postman",
            "Part": "._host",
            "REASONS": "._metrics",
            "ROOMS": "._metrics",
            "Reach": "._reach",
            "RecordedRuns": "._durable_view",
            "Records": "._durable_records",
            "Redactor": "._redact",
            "RetryPolicy": "._retry",
            "Ring": "._logs",
            "RollingFile": "._sinks",
            "Rotation": "._secrets",
            "STATES": "._host",
            "Sample": "._exposition",
            "Scrape": "._exposition",
            "SecretKeeper": "._secrets",
            "SecretState": "._secrets",
            "Span": "._spans",
            "Standing": "._health",
            "Summary": "._exposition",
            "TaskContext": "._flow_call",
            "TaskRun": "._flow_run",
            "Tasks": "._flow_call",
            "Telemetry": "._telemetry",
            "Times": "._secrets",
            "Told": "._alone",
            "Watch": "._watch",
            "Watching": "._watching",
            "accepts": "._filters",
            "alone": "._alone",
            "busy": "._durable_lock",
            "call": "._reach",
            "being_handled": "._within",
            "bridge_metrics": "._meters",
            "call_task": "._flow_call",
            "completed": "._event",
            "choose_logs": "._logs",
            "dag_of": "._dag",
            "emit": "._within",
            "emit_sync": "._within",
            "exposition": "._exposition",
            "follow_files": "._watching",
            "fork_order": "._durable_view",
            "handlers_of": "._sinks",
            "has_ended": "._flow_errors",
            "host_alive": "._durable_lock",
            "host_of": "._durable_lock",
            "is_loopback": "._http",
            "is_tracing": "._spans",
            "json_lines": "._sinks",
            "json_value": "._payload",
            "listener_of": "._listener",
            "logged": "._logs",
            "looping": "._host",
            "lone": "._dag",
            "new_run_id": "._flow_run",
            "options_of": "._listener",
            "other_payload": "._flow_errors",
            "pinned": "._secrets",
            "read_log_lines": "._logs",
            "read_process": "._telemetry",
            "references": "._secrets",
            "retry_of": "._retry",
            "ringed": "._logs",
            "running_host": "._alone",
            "span": "._spans",
            "tell_host": "._alone",
            "trace_context": "._spans",
            "trace_spans": "._spans",
            "unknown_run": "._flow_errors",
        },
    )

__all__ = [
    "BOUNDS_NS",
    "CATALOGUE",
    "CONTENT_TYPE",
    "EVALUATED",
    "LEVELS",
    "LOOPBACK",
    "MAX_BYTES",
    "REASONS",
    "REPEATED",
    "ROOMS",
    "STATES",
    "Alive",
    "Answers",
    "Calling",
    "Changed",
    "Code",
    "Dag",
    "Database",
    "Delivery",
    "Door",
    "DurableEngine",
    "Ended",
    "Engine",
    "Event",
    "EventOptions",
    "Events",
    "FlowCounters",
    "FlowDiff",
    "FlowEvent",
    "FlowHooks",
    "FlowPlan",
    "FlowRun",
    "FlowRuns",
    "Health",
    "HealthCheck",
    "Host",
    "Listener",
    "Logs",
    "MemoryEngine",
    "Metric",
    "Metrics",
    "Node",
    "NodeRun",
    "Notify",
    "Order",
    "Part",
    "Postman",
    "Reach",
    "RecordedRuns",
    "Records",
    "Redactor",
    "RetryPolicy",
    "Ring",
    "RollingFile",
    "Rotation",
    "Sample",
    "Scrape",
    "SecretKeeper",
    "SecretState",
    "Span",
    "Standing",
    "Summary",
    "TaskContext",
    "TaskRun",
    "Tasks",
    "Telemetry",
    "Times",
    "Told",
    "Watch",
    "Watching",
    "accepts",
    "alone",
    "being_handled",
    "bridge_metrics",
    "busy",
    "call",
    "call_task",
    "choose_logs",
    "completed",
    "dag_of",
    "emit",
    "emit_sync",
    "evaluated",
    "exposition",
    "follow_files",
    "fork_order",
    "handlers_of",
    "has_ended",
    "host_alive",
    "host_of",
    "is_loopback",
    "is_tracing",
    "json_lines",
    "json_value",
    "listener_of",
    "logged",
    "lone",
    "looping",
    "new_run_id",
    "options_of",
    "other_payload",
    "pinned",
    "read_log_lines",
    "read_process",
    "references",
    "retry_of",
    "ringed",
    "running_host",
    "span",
    "tell_host",
    "trace_context",
    "trace_spans",
    "unknown_run",
]
