"""The components that ship with us: caches, flags, secrets, notifiers, actions.

Their candidates stand in the static `oneiric-plugin.toml` beside this file. A workspace
takes them with `[plugins] packages = ["oneiric_lab.components"]`; nothing here is imported
before one of them is activated. Each factory takes its settings, an instance of its
settings model, and works with the model's defaults where it is given none.
"""

from ._actions import Digest, DigestSettings, Gzip, GzipSettings
from ._caches import MemoryCache, MemoryCacheSettings, SqliteCache, SqliteCacheSettings
from ._flags import Rollout, RolloutSettings, Switch, SwitchSettings
from ._notifiers import (
    FileNotifier,
    FileNotifierSettings,
    LogNotifier,
    LogNotifierSettings,
    Webhook,
    WebhookSettings,
    verify_webhook,
)
from ._secrets import (
    DirectorySecrets,
    DirectorySecretsSettings,
    EnvironmentSecrets,
    EnvironmentSecretsSettings,
)

__all__ = [
    "Digest",
    "DigestSettings",
    "DirectorySecrets",
    "DirectorySecretsSettings",
    "EnvironmentSecrets",
    "EnvironmentSecretsSettings",
    "FileNotifier",
    "FileNotifierSettings",
    "Gzip",
    "GzipSettings",
    "LogNotifier",
    "LogNotifierSettings",
    "MemoryCache",
    "MemoryCacheSettings",
    "Rollout",
    "RolloutSettings",
    "SqliteCache",
    "SqliteCacheSettings",
    "Switch",
    "SwitchSettings",
    "Webhook",
    "WebhookSettings",
    "verify_webhook",
]
