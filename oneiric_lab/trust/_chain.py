"""From a root that is trusted to the newest one, step by step.

Each step is signed by the threshold of the root before it, which says that the old signers
agree, and by its own, which says that the new keys are in the hands of those named.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from oneiric_lab.errors import Fault, OneiricError, UntrustedError

from ._dsse import good_signers, judge
from ._evidence import Equivocation
from ._limits import Limits
from ._root import Root, version_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import NoReturn

    from ._dsse import Envelope

_LIMITS = Limits()
_AGAIN = "get the bundle anew from the project; if it says the same, ask its signers"


@dataclass(frozen=True, slots=True)
class Chain:
    """Where a chain has led.

    Attributes:
        root: The newest root.
        steps: How many roots were accepted behind the first.
        equivocation: Two signed roots of one version, if there were any.
    """

    root: Root
    steps: int = 0
    equivocation: Equivocation | None = None


def check_signed(root: Root, by: Root) -> None:
    """Return when *root* is signed by the threshold of the role `root` in *by*.

    Raises:
        UntrustedError: It is not; the fault says who has signed.
    """
    _check_envelope(root.envelope, by, root.version)


def _check_envelope(envelope: Envelope, by: Root, version: int) -> None:
    role = by.roles["root"]
    signers = good_signers(judge(envelope, by.keys("root")))
    if len(signers) < role.threshold:
        who = ", ".join(signers) or "nobody"
        _refuse(
            f"root {version} is signed by {who} of the signers that root {by.version} names; "
            f"{role.threshold} are needed",
            "have the missing signers sign it, those of the root before and those of the new one",
        )


def extend(trusted: Root, envelopes: Sequence[Envelope], *, limits: Limits = _LIMITS) -> Chain:
    """Return the newest root to which *envelopes* lead from *trusted*.

    Roots below the trusted one are passed over: a bundle may carry the whole chain.

    Args:
        trusted: The root where it begins.
        envelopes: By rising version.
        limits: How long a chain may be.

    Raises:
        UntrustedError: There is a gap, a way back, or a step without its signatures.
    """
    if len(envelopes) > limits.roots:
        _refuse(f"a chain of {len(envelopes):,} roots; at most {limits.roots} are followed", _AGAIN)
    current, steps = trusted, 0
    for envelope in envelopes:
        try:
            version = version_of(envelope, limits=limits)
            if version < trusted.version:
                continue
            if version == trusted.version and current is trusted:
                if envelope.sha256 != trusted.sha256:
                    return Chain(current, steps, _two_stories(trusted, envelope))
                continue
            _check_next(version, current)
            # TUF §5.3.4: signed by the old threshold, then by the new one.
            _check_envelope(envelope, current, version)
            root = Root.parse(envelope, limits=limits)
        except UntrustedError:
            raise
        except OneiricError as error:
            _refuse(error.faults[0].message, _AGAIN)
        check_follows(root, current)
        check_signed(root, root)
        current, steps = root, steps + 1
    return Chain(current, steps)


def check_follows(root: Root, before: Root) -> None:
    """Return when *root* can be the one behind *before*, whoever has signed it.

    Raises:
        UntrustedError: It is of another project, not one more, or goes back.
    """
    if root.project != before.project:
        _refuse(f"root {root.version} is of {root.project}, not of {before.project}", _AGAIN)
    _check_next(root.version, before)
    if root.epoch < before.epoch:
        _refuse(f"root {root.version} goes back from epoch {before.epoch} to {root.epoch}", _AGAIN)
    if root.epoch == before.epoch and root.min_schema < before.min_schema:
        _refuse(
            f"root {root.version} takes schema {root.min_schema} again, below {before.min_schema}",
            "begin a new epoch, if older schemas must return",
        )


def _check_next(version: int, before: Root) -> None:
    if version != before.version + 1:
        _refuse(
            f"root {version} stands behind root {before.version}: each is one more",
            "give all roots, none twice, in their order",
        )


def _two_stories(trusted: Root, envelope: Envelope) -> Equivocation:
    try:
        _check_envelope(envelope, trusted, trusted.version)
    except UntrustedError:
        _refuse(
            f"root {trusted.version} in the bundle is another one than the root that is trusted",
            "get the root and the bundle from one place, and compare the root's digest",
        )
    return Equivocation("root", f"{trusted.project} {trusted.version}", trusted.envelope, envelope)


def _refuse(message: str, fix: str) -> NoReturn:
    raise UntrustedError(Fault("root-chain", message, fix=fix))
