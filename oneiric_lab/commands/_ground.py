"""What is trusted where a verb runs: options that all verbs about releases share."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from functools import wraps
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from oneiric_lab.errors import (
    CanonicalError,
    DocumentRefusedError,
    Fault,
    KeyRefusedError,
    OneiricError,
    UsageError,
)

from ._types import Amount, FileType

if TYPE_CHECKING:
    from collections.abc import Callable

    from oneiric_lab.commands._context import Context
    from oneiric_lab.lab import Ground
    from oneiric_lab.store import Store
    from oneiric_lab.trust import Limits, Policy, Report, Revocations, Root, State

    Verb = Callable[..., Any]

ROOT = click.option(
    "--root", type=FileType(), metavar="FILE", help="The root that is trusted, or sha256:DIGEST."
)
POLICY = click.option("--policy", type=FileType(), metavar="FILE", help="A trust.toml.")
STATE = click.option(
    "--state",
    type=FileType(),
    metavar="FILE",
    help="What was trusted last; a workspace's own by default.",
)
AT = click.option("--at", metavar="TIME", help="As of 2026-01-31T12:00:00Z instead of now.")
COMMIT = click.option(
    "--commit-state", is_flag=True, help="Write the state when everything passed."
)
REVOCATIONS = click.option(
    "--revocations", type=FileType(), metavar="FILE", help="The newest revocation list."
)
KEY = click.option(
    "--key", type=FileType(), metavar="FILE", required=True, help="Your private key, in PEM."
)
MANIFEST = click.option(
    "--manifest", type=FileType(), metavar="FILE", help="The manifest; beside it by default."
)
PREVIOUS = click.option(
    "--previous",
    type=FileType(),
    metavar="FILE",
    help="Manifest of the release before: shows what changes.",
)
DAYS = click.option(
    "--days",
    type=Amount(0, 36_500, min_open=True),
    metavar="N",
    help="How long it holds; as long as the root allows, else 90.",
)
ENDLESS = click.option("--no-expiry", is_flag=True, help="Let it never expire.")
DRY_RUN = click.option("--dry-run", is_flag=True, help="Check and show; write nothing.")


def out(what: str) -> Callable[[Verb], Verb]:
    """Return the option that says where *what* is written."""
    text = f"Where the {what} goes; beside by default."
    return click.option("--out", type=FileType(), metavar="FILE", help=text)


def all_of(*options: Callable[[Verb], Verb]) -> Callable[[Verb], Verb]:
    """Return what gives a verb *options*, in their order."""

    def give(verb: Verb) -> Verb:
        for option in reversed(options):
            verb = option(verb)
        return verb

    return give


def trusting(verb: Verb) -> Verb:
    """Give a step of the ceremony the options that say what is trusted, as its `known`."""
    return _asking(verb, lambda _root, _known: {})


def signing(verb: Verb) -> Verb:
    """Give it the same, and the root under which is signed, as its `root`."""
    return _asking(verb, lambda root, known: {"root": signing_root(root, known)})


def _asking(verb: Verb, more: Callable[[str | None, Ground], dict[str, Any]]) -> Verb:
    from ._root import parts  # noqa: PLC0415 - which lists the verbs that are made here

    @all_of(ROOT, POLICY, STATE, REVOCATIONS, AT)
    @wraps(verb)
    def asked(
        *given: Any,
        root: str | None,
        policy: str | None,
        state: str | None,
        revocations: str | None,
        at: str | None,
        **options: Any,
    ) -> Any:
        context = parts(click.get_current_context())
        known = ground(
            context, root=root, policy=policy, state=state, revocations=revocations, at=at
        )
        return verb(*given, known=known, **more(root, known), **options)

    return asked


def ground(
    context: Context,
    *,
    root: str | None,
    policy: str | None,
    state: str | None,
    revocations: str | None,
    at: str | None,
) -> Ground:
    """Return what the options of `trusting` say; without a state, what the workspace remembers."""
    from oneiric_lab.lab import Ground, trusted_state  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import Limits  # noqa: PLC0415 - see above

    limits = Limits()
    trusted = None if root is None and policy is None else policy_of(root, policy, limits)
    store = _store(context) if state is None else None
    known = state_in(state, limits) if store is None else trusted_state(store)
    return Ground(time_of(at), trusted, known, list_in(revocations, limits), limits)


def verified(
    context: Context,
    manifest: str,
    bundle: str | None,
    *,
    root: str | None,
    policy: str | None,
    state: str | None,
    at: str | None,
    commit_state: bool,
) -> Report:
    """Return the report of a release in files; the state goes forward where that is asked."""
    from oneiric_lab.lab import (  # noqa: PLC0415 - see above
        release_bytes,
        trust_report,
        trusted_state,
    )
    from oneiric_lab.trust import Limits, verify  # noqa: PLC0415 - see above

    store = _store(context) if state is None else None
    if commit_state and state is None and store is None:
        raise UsageError(
            Fault(
                "usage",
                "--commit-state needs --state FILE where there is no workspace",
                fix="--state trust-state.json --commit-state",
            )
        )
    limits = Limits()
    now = time_of(at)
    refused: OneiricError | None = None
    try:
        trusted = policy_of(root, policy, limits)
    except (DocumentRefusedError, KeyRefusedError) as error:
        # A root that must not be trusted is an answer; a file that is none was named by mistake.
        if root is None or not _says_it_is_a_root(root, limits):
            raise
        trusted, refused = policy_of(None, policy, limits), error
    data = release_bytes(Path(manifest), limits.manifest_bytes, shown=manifest)
    proof = None
    if bundle is not None:
        proof = release_bytes(Path(bundle), limits.bundle_bytes, shown=bundle)
    known = state_in(state, limits) if store is None else trusted_state(store)
    report = verify(proof, data, policy=trusted, state=known, now=now, limits=limits)
    if refused is not None:
        return _without_root(report, refused)
    if commit_state and report.ok:
        if state is not None:
            _commit(state, report, limits)
        elif store is not None:
            trust_report(store, report)
    return report


def _says_it_is_a_root(path: str, limits: Limits) -> bool:
    from oneiric_lab.files import read  # noqa: PLC0415 - see above
    from oneiric_lab.trust import ROOT_TYPE, Envelope  # noqa: PLC0415 - see above

    found = Envelope.parse(read(Path(path), shown=path).data, limits=limits)
    return found.payload_type == ROOT_TYPE


def _without_root(report: Report, error: OneiricError) -> Report:
    """Return *report* as one in which the given root was refused, whatever else was found."""
    from dataclasses import replace  # noqa: PLC0415 - see above

    from oneiric_lab.trust import Check  # noqa: PLC0415 - see above

    fault = error.faults[0]
    why = Check("root-anchor", "failed", f"the given root: {fault.message}", fault.fix)
    checks = tuple(why if check.code == why.code else check for check in report.checks)
    return replace(report, checks=checks)


def _store(context: Context) -> Store | None:
    """Return the store of the workspace, whose configuration need not be sound for it."""
    from oneiric_lab.store import Store, place  # noqa: PLC0415 - see above

    if not context.is_workspace():
        return None
    folder = context.folder()
    return Store(place(folder, os.environ), root=folder)


def time_of(text: str | None, name: str = "--at") -> datetime:
    """Return the time that *text* says, or this moment."""
    from oneiric_lab.canonical import utc_time  # noqa: PLC0415 - see above

    if text is None:
        return datetime.now(UTC)
    try:
        return utc_time(text)
    except CanonicalError as error:
        raise UsageError(
            Fault("usage", f"{name}: {error.faults[0].message}", fix=f"{name} 2026-01-31T12:00:00Z")
        ) from None


def policy_of(root: str | None, policy: str | None, limits: Limits) -> Policy:
    """Return the policy in the file *policy*, with the root that is given beside it."""
    from oneiric_lab.lab import policy_in, policy_with  # noqa: PLC0415 - see above
    from oneiric_lab.trust import Policy  # noqa: PLC0415 - see above

    trusted = Policy() if policy is None else policy_in(Path(policy), shown=policy)
    if root is None:
        return trusted

    def find(path: str) -> Root:
        return root_in(path, limits)

    return policy_with(trusted, root, find, said="--root", name=policy or "the policy")


def root_in(path: str, limits: Limits) -> Root:
    """Return the root in the file *path*."""
    from oneiric_lab.lab import root_in  # noqa: PLC0415 - see above

    return root_in(Path(path), shown=path, limits=limits)


def signing_root(root: str | None, ground: Ground) -> Root:
    """Return the root under which is signed: the one given, or the one that is remembered."""
    from oneiric_lab.lab import PIN  # noqa: PLC0415 - see above

    if root is not None and not root.startswith(PIN):
        return root_in(root, ground.limits)
    if root is None and ground.state.root is not None:
        return ground.state.root
    raise UsageError(
        Fault(
            "usage",
            "nothing says who may sign: the document of the root is needed",
            fix="--root root.1.json  (the newest one)",
        )
    )


def list_in(path: str | None, limits: Limits) -> Revocations | None:
    """Return the revocation list in the file *path*."""
    from oneiric_lab.lab import revocations_in  # noqa: PLC0415 - see above

    return None if path is None else revocations_in(Path(path), shown=path, limits=limits)


def state_in(path: str | None, limits: Limits) -> State:
    """Return the state in the file *path*; one that is not there yet remembers nothing."""
    from oneiric_lab.files import read  # noqa: PLC0415 - see above
    from oneiric_lab.trust import State  # noqa: PLC0415 - see above

    if path is None or not Path(path).exists():
        return State()
    return State.parse(read(Path(path), shown=path, limit=limits.bundle_bytes).data, limits=limits)


def _commit(path: str, report: Report, limits: Limits) -> None:
    """Take the state in *path* forward; what another process wrote meanwhile is kept."""
    from oneiric_lab.files import lock, write_atomic  # noqa: PLC0415 - see above
    from oneiric_lab.trust import advance  # noqa: PLC0415 - see above

    target = Path(path)
    with lock(target.with_name(f".{target.name}.lock")):
        state = advance(state_in(path, limits), report)
        write_atomic(target, state.encode(), mode=0o600, shown=path)


def signer_in(context: Context, path: str) -> Any:
    """Return the signer whose key is in the file *path*; the door asks for its passphrase."""
    from oneiric_lab.trust import FileSigner  # noqa: PLC0415 - see above

    return FileSigner.load(Path(path), passphrase=context.interaction.passphrase, shown=path)
