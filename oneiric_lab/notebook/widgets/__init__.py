"""Widgets of a notebook: each a Python class and one ES module, no framework and no bundler.

`%load_ext oneiric_lab` offers them as `lab.ui.NAME(...)`; what one needs is imported when it
is asked for. `tokens.css` holds the colours and `kit.mjs` what all modules share; both stand in
the JupyterLab extension, which draws with them, too.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from oneiric_lab.commands._ui import VERBS
from oneiric_lab.lab import Offer

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from ._configuration import Configuration
    from ._diff import Diff
    from ._drive import LoadBench
    from ._explanation import Explanation
    from ._explorer import Explorer
    from ._load import LoadChart
    from ._release import Release
    from ._status import StatusBoard


def load(
    lab: Any, what: Any = None, *, metric: str | None = None, operation: str | None = None
) -> LoadBench | LoadChart:
    """Show a load run while it goes on, and what became of it; or a form that starts one.

    Args:
        lab: Whose runs; its newest one stands below the form.
        what: A job, which `lab.load.run(...)` returned, alone; or what the form drives: a
            plan, a scenario, or the name of one that comes with us, which can be chosen anew.
        metric: Whose quantiles are drawn: `response`, `service` or `lag`.
        operation: Of which operation; by default the first one that the load drives.

    Raises:
        UsageError: There is no lab, *what* cannot be driven, or there is no such metric or
            operation.
        MissingExtraError: Without anywidget.
    """
    from ._drive import bench  # noqa: PLC0415 - brings anywidget

    return bench(lab, what, metric=metric, operation=operation)


def explorer(lab: Any, text: str = "", /, *, sort: str | None = None, **columns: Any) -> Explorer:
    """Show all candidates as a grid; a row opens its explanation, with a what-if.

    Args:
        lab: Whose candidates.
        text: Words that a row must hold, as `Listing.where` takes them.
        sort: The column to sort by, `-priority` for the greatest first.
        columns: Column to what is wanted of it, as `Listing.where` takes it.

    Raises:
        UsageError: There is no such column, or no lab.
        MissingExtraError: Without anywidget.
    """
    from ._explorer import explorer as make  # noqa: PLC0415 - brings anywidget

    return make(lab, text, sort=sort, **columns)


def explanation(lab: Any, target: str) -> Explanation:
    """Show why a component is provided by whom, with a what-if; nothing is applied.

    Args:
        lab: Whose component.
        target: `domain:key`.

    Raises:
        NoCandidateError: There is no such component.
        MissingExtraError: Without anywidget.
    """
    from ._explanation import Explanation  # noqa: PLC0415 - brings anywidget

    return Explanation(lab, target)


def configuration(lab: Any, *, profiles: Sequence[str] | None = None) -> Configuration:
    """Show the effective values as a tree: why each is what it is, and what a change would do.

    Args:
        lab: Whose values.
        profiles: Under which they are shown; by default those in force.

    Raises:
        UnknownProfileError: There is no such profile.
        MissingExtraError: Without anywidget.
    """
    from ._configuration import configuration as make  # noqa: PLC0415 - brings anywidget

    return make(lab, profiles=profiles)


def diff(lab: Any, left: Any, right: Any = None) -> Diff:
    """Show what differs between two manifests or releases, the gravest first.

    Args:
        lab: Where they are compared: it also tells what changes for its workspace.
        left: As `lab.diff` takes a manifest; or what it returned, alone.
        right: The other one.

    Raises:
        UsageError: A side is no manifest.
        ManifestError: A manifest has faults.
        MissingExtraError: Without anywidget.
    """
    from ._diff import diff as make  # noqa: PLC0415 - brings anywidget

    return make(lab, left, right)


def status(lab: Any, *, read_only: bool = False) -> StatusBoard:
    """Show health, sync, activity, and what is wanted of components beside what is so.

    Args:
        lab: Whose components.
        read_only: Without the buttons, as on a page that others see.

    Raises:
        UsageError: There is no lab.
        MissingExtraError: Without anywidget.
    """
    from ._status import status as make  # noqa: PLC0415 - brings anywidget

    return make(lab, read_only=read_only)


def release(lab: Any, manifest: Any = None, **files: Any) -> Release:
    """Show the steps of a release: risks, policy, signatures, verification, bundle.

    Args:
        lab: Where it is made.
        manifest: A `*.oneiric.json`, or what `lab.release` returned; none to choose it there.
        files: `roots=`, `previous=`, `revocations=` and `now=`, as `lab.release` takes them.

    Raises:
        MissingExtraError: Without anywidget.
    """
    from ._release import release as make  # noqa: PLC0415 - brings anywidget

    return make(lab, manifest, **files)


OFFERS: Mapping[str, Offer] = {
    "explorer": Offer(VERBS["explorer"], explorer),
    "explanation": Offer(VERBS["explanation"], explanation),
    "configuration": Offer(VERBS["configuration"], configuration),
    "diff": Offer(VERBS["diff"], diff),
    "load": Offer(VERBS["load"], load),
    "release": Offer(VERBS["release"], release),
    "status": Offer(VERBS["status"], status),
}
"""Name to what `lab.ui` offers."""
