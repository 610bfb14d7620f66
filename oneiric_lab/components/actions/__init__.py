"""Actions that ship with us: each takes a payload of JSON data and returns JSON data.

Their candidates stand in the static `oneiric-plugin.toml` beside this file. A workspace takes
them with `[plugins] packages = ["oneiric_lab.components.actions"]`; none is imported before it
is invoked. What an action needs of the program that it runs in comes as a `Reach`.
"""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from oneiric_lab.components import LogNotifier as LogNotifier
    from oneiric_lab.components import LogNotifierSettings as LogNotifierSettings
    from oneiric_lab.components import Webhook as Webhook
    from oneiric_lab.components import WebhookSettings as WebhookSettings

    from ._bytes import Compression as Compression
    from ._bytes import CompressionSettings as CompressionSettings
    from ._bytes import Hash as Hash
    from ._bytes import HashSettings as HashSettings
    from ._console import Console as Console
    from ._console import ConsoleSettings as ConsoleSettings
    from ._data import Sanitize as Sanitize
    from ._data import SanitizeSettings as SanitizeSettings
    from ._data import Transform as Transform
    from ._data import TransformSettings as TransformSettings
    from ._fetch import Fetch as Fetch
    from ._fetch import FetchSettings as FetchSettings
    from ._notify import Notify as Notify
    from ._notify import NotifySettings as NotifySettings
    from ._reaching import Dispatch as Dispatch
    from ._reaching import DispatchSettings as DispatchSettings
    from ._reaching import Schedule as Schedule
    from ._reaching import ScheduleSettings as ScheduleSettings
    from ._schema import Schema as Schema
    from ._schema import SchemaSettings as SchemaSettings
    from ._serialization import Serialization as Serialization
    from ._serialization import SerializationSettings as SerializationSettings
else:
    # Who hashes fetches nothing.
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "Compression": "._bytes",
            "CompressionSettings": "._bytes",
            "Console": "._console",
            "ConsoleSettings": "._console",
            "Dispatch": "._reaching",
            "DispatchSettings": "._reaching",
            "Fetch": "._fetch",
            "FetchSettings": "._fetch",
            "Hash": "._bytes",
            "HashSettings": "._bytes",
            "LogNotifier": "oneiric_lab.components",
            "LogNotifierSettings": "oneiric_lab.components",
            "Notify": "._notify",
            "NotifySettings": "._notify",
            "Sanitize": "._data",
            "SanitizeSettings": "._data",
            "Schedule": "._reaching",
            "ScheduleSettings": "._reaching",
            "Schema": "._schema",
            "SchemaSettings": "._schema",
            "Serialization": "._serialization",
            "SerializationSettings": "._serialization",
            "Transform": "._data",
            "TransformSettings": "._data",
            "Webhook": "oneiric_lab.components",
            "WebhookSettings": "oneiric_lab.components",
        },
    )

__all__ = [
    "Compression",
    "CompressionSettings",
    "Console",
    "ConsoleSettings",
    "Dispatch",
    "DispatchSettings",
    "Fetch",
    "FetchSettings",
    "Hash",
    "HashSettings",
    "LogNotifier",
    "LogNotifierSettings",
    "Notify",
    "NotifySettings",
    "Sanitize",
    "SanitizeSettings",
    "Schedule",
    "ScheduleSettings",
    "Schema",
    "SchemaSettings",
    "Serialization",
    "SerializationSettings",
    "Transform",
    "TransformSettings",
    "Webhook",
    "WebhookSettings",
]
