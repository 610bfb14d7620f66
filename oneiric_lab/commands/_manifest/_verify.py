"""`manifest verify MANIFEST`: whether a release holds, check by check."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from oneiric_lab.commands._types import FileType
from oneiric_lab.errors import CanonicalError, Fault, UsageError

if TYPE_CHECKING:
    from oneiric_lab.trust import Limits, Policy, Report, State


@click.command("verify")
@click.argument("manifest", type=FileType())
@click.option("--bundle", type=FileType(), metavar="FILE", help="What proves it.")
@click.option("--root", type=FileType(), metavar="FILE", help="The root that is trusted.")
@click.option("--policy", type=FileType(), metavar="FILE", help="A trust.toml.")
@click.option("--state", type=FileType(), metavar="FILE", help="What was trusted last.")
@click.option("--at", metavar="TIME", help="As of 2026-01-31T12:00:00Z instead of now.")
@click.option("--commit-state", is_flag=True, help="Write the state when everything passed.")
def command(
    manifest: str,
    *,
    bundle: str | None,
    root: str | None,
    policy: str | None,
    state: str | None,
    at: str | None,
    commit_state: bool,
) -> Report:
    """Verify MANIFEST by its bundle; exit 1 untrusted, 3 when all that is wrong is its age.

    The root is given, or pinned in the policy and in the bundle. A state file that is not there
    yet remembers nothing. Nothing is written but the state, and that only by --commit-state.
    """
    from oneiric_lab.files import read  # noqa: PLC0415 - `--help` needs none
    from oneiric_lab.trust import Limits, Policy, verify  # noqa: PLC0415 - see above

    if commit_state and state is None:
        raise UsageError(
            Fault(
                "usage",
                "--commit-state needs --state FILE",
                fix="--state trust-state.json --commit-state",
            )
        )
    limits = Limits()
    now = datetime.now(UTC) if at is None else _time(at)
    trusted = Policy()
    if policy is not None:
        trusted = Policy.parse(read(Path(policy), shown=policy).data, name=policy)
    if root is not None:
        trusted = _given(trusted, root, limits)
    # One byte more than is taken: the report says that it is too much, and of what.
    data = read(Path(manifest), shown=manifest, limit=limits.manifest_bytes + 1).data
    proof = None
    if bundle is not None:
        proof = read(Path(bundle), shown=bundle, limit=limits.bundle_bytes + 1).data
    known = _known(state, limits)
    report = verify(proof, data, policy=trusted, state=known, now=now, limits=limits)
    if commit_state and report.ok and state is not None:
        _commit(state, report, limits)
    return report


def _time(text: str) -> datetime:
    from oneiric_lab.canonical import utc_time  # noqa: PLC0415 - see above

    try:
        return utc_time(text)
    except CanonicalError as error:
        raise UsageError(
            Fault("usage", f"--at: {error.faults[0].message}", fix="--at 2026-01-31T12:00:00Z")
        ) from None


def _given(policy: Policy, path: str, limits: Limits) -> Policy:
    from oneiric_lab.files import read  # noqa: PLC0415 - see above
    from oneiric_lab.trust import Envelope, Root  # noqa: PLC0415 - see above

    data = read(Path(path), shown=path).data
    return policy.with_root(Root.parse(Envelope.parse(data, limits=limits), limits=limits))


def _known(path: str | None, limits: Limits) -> State:
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
        state = advance(_known(path, limits), report)
        write_atomic(target, state.encode(), mode=0o600, shown=path)
