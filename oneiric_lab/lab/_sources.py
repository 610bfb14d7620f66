"""Where manifests come from, by the settings; a secret is read when its source is asked."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING

from oneiric_lab.config import secret_source
from oneiric_lab.errors import Fault, OneiricError, RemoteError, UsageError
from oneiric_lab.files import digest, read
from oneiric_lab.manifest import SUFFIX
from oneiric_lab.remote import Credentials, Rules, Source, origin_of, shown

from ._releases import policy_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from oneiric_lab.config import Snapshot

    from ._releases import Here

DEFAULT = "default"
"""Name of the source that `remote.manifest_url` is."""


class Sources:
    """What the settings say of the sources, as they are now.

    Args:
        lab: The workspace.
        snapshot: Gives its configuration.
    """

    def __init__(self, lab: Here, snapshot: Callable[[], Snapshot]) -> None:
        self._lab, self._snapshot = lab, snapshot

    @property
    def enabled(self) -> bool:
        """Whether what the sources have enters this workspace."""
        settings = self._lab.settings
        return settings.remote.enabled and settings.profile.remote_enabled

    def urls(self) -> dict[str, str]:
        """Return where the manifest of each source is, that of `remote.manifest_url` first."""
        remote = self._lab.settings.remote
        first = {} if remote.manifest_url is None else {DEFAULT: remote.manifest_url}
        return first | {name: said.url for name, said in remote.sources.items()}

    def intervals(self) -> dict[str, float]:
        """Return the seconds between two syncs, source by source."""
        remote = self._lab.settings.remote
        every = remote.refresh_interval or 300.0
        first = {} if remote.manifest_url is None else {DEFAULT: every}
        return first | {name: said.interval or every for name, said in remote.sources.items()}

    def source(self, name: str) -> Source:
        """Return the source of that name, with its credentials.

        Raises:
            UsageError: Two sources have this name.
            RemoteError: Its secret cannot be had.
            PolicyError: Its policy is none.
        """
        remote = self._lab.settings.remote
        said = remote.sources.get(name)
        if name == DEFAULT and remote.manifest_url is not None and said is not None:
            raise UsageError(
                Fault(
                    "remote-source",
                    f"remote.manifest_url is the source `{DEFAULT}`, and so is a table",
                    fix=f"rename remote.sources.{DEFAULT}",
                )
            )
        url, auth = self.urls()[name], remote.auth if said is None else said.auth
        found = Source(
            name,
            url,
            None if said is None else said.bundle_url,
            None if said is None else said.channel,
            self.intervals()[name],
            self._credentials(url, auth),
            remote.max_manifest_bytes,
            remote.max_artifact_bytes,
            remote.max_cache_bytes,
        )
        if found.bundle_url is not None or url.partition("?")[0].endswith(SUFFIX):
            return found
        # No bundle is named: it is of upstream's form, where what is trusted takes that.
        return replace(
            found, upstream=policy_of(self._lab, None, self.policy(name)).legacy is not None
        )

    def _credentials(self, url: str, auth: object) -> Credentials | None:
        secret_id, token = getattr(auth, "secret_id", None), getattr(auth, "token", None)
        value = None if token is None else token.reveal()
        if secret_id is not None:
            value = self._secret(secret_id, url)
        if value is None:
            return None
        return Credentials(origin_of(url), getattr(auth, "header_name", "Authorization"), value)

    def _secret(self, secret_id: str, url: str) -> str:
        inputs = self._snapshot().inputs
        said = self._lab.settings.secrets
        fix = "oneiric-lab doctor shows where secrets are looked for"
        try:
            value = secret_source(inputs, said.directory, said.file, said.provider).find(secret_id)
        except OneiricError:
            raise
        except Exception as error:  # noqa: BLE001 - a provider may raise anything
            # What it says may hold the secret, or a part of it: only its kind is told.
            what = f"a provider failed to give the secret {secret_id!r} for {shown(url)}"
            why = type(error).__name__
            raise RemoteError(Fault("remote-credentials", what, why=why, fix=fix)) from None
        if value is None:
            what = f"no provider has the secret {secret_id!r} for {shown(url)}"
            raise RemoteError(Fault("remote-credentials", what, fix=fix))
        return value

    def rules(self) -> Rules:
        """Return where the fetcher may go."""
        remote, root = self._lab.settings.remote, self._lab.root
        roots: tuple[Path, ...] = ()
        if remote.allow_file_uris:
            roots = tuple(root / one for one in remote.allowed_file_uri_roots)
        return Rules(
            allow_http=frozenset(one.lower() for one in remote.allow_http),
            roots=roots,
            deadline=remote.deadline,
            attempts=remote.max_retries + 1,
            base_delay=remote.retry_base_delay,
            max_delay=remote.retry_max_delay,
            jitter=remote.retry_jitter,
            verify_tls=remote.verify_tls,
            ca_file=None if remote.ca_file is None else root / remote.ca_file,
        )

    def policy(self, name: str) -> str | None:
        """Return the file of its own policy; None where that of the workspace holds."""
        said = self._lab.settings.remote.sources.get(name)
        return None if said is None else said.policy

    def trusts(self, name: str) -> str:
        """Return the digest of all that decides here what of a release enters, but its bytes."""
        settings = self._lab.settings
        file = self._lab.root / (self.policy(name) or settings.trust.policy)
        policy = read(file).digest if file.exists() else ""
        return digest(json.dumps([policy, list(settings.plugins.allow_factories)]).encode())
