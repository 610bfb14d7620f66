"""The facade `Lab`: one workspace, its parts put together."""

from typing import TYPE_CHECKING

from oneiric_lab._lazy import exporter

if TYPE_CHECKING:
    from ._acknowledged import READ as READ
    from ._acknowledged import Acknowledged as Acknowledged
    from ._acknowledged import acknowledge as acknowledge
    from ._acknowledged import acknowledged as acknowledged
    from ._acknowledged import words_of as words_of
    from ._actions import ActionRoom as ActionRoom
    from ._actions import Actions as Actions
    from ._actions import Invoked as Invoked
    from ._allow import allow as allow
    from ._allow import is_allowed as is_allowed
    from ._asked import asked_health as asked_health
    from ._asked import asked_metrics as asked_metrics
    from ._code import code_modules as code_modules
    from ._documents import PIN as PIN
    from ._documents import policy_in as policy_in
    from ._documents import policy_with as policy_with
    from ._documents import release_bytes as release_bytes
    from ._documents import revocations_in as revocations_in
    from ._documents import root_in as root_in
    from ._driving import drive as drive
    from ._event_results import DeadEvents as DeadEvents
    from ._event_results import Emitted as Emitted
    from ._event_results import Listeners as Listeners
    from ._event_results import Retried as Retried
    from ._events import EventRoom as EventRoom
    from ._flow_results import Flows as Flows
    from ._flow_results import Scheduled as Scheduled
    from ._flow_results import Triggered as Triggered
    from ._flows import Workflows as Workflows
    from ._following import Fallen as Fallen
    from ._following import Moved as Moved
    from ._following import Reloaded as Reloaded
    from ._following import Turned as Turned
    from ._following import followed as followed
    from ._host import WorkspaceHost as WorkspaceHost
    from ._host import found_host as found_host
    from ._host import store_folder as store_folder
    from ._lab import Lab as Lab
    from ._load import LoadJob as LoadJob
    from ._load import Loads as Loads
    from ._locking import LOCK as LOCK
    from ._locking import Frozen as Frozen
    from ._logging import follow_logs as follow_logs
    from ._logging import kept_logs as kept_logs
    from ._on_its_way import ReleaseOnItsWay as ReleaseOnItsWay
    from ._on_its_way import Verified as Verified
    from ._plan import Applied as Applied
    from ._plan import Plan as Plan
    from ._post_results import Posted as Posted
    from ._post_results import PostList as PostList
    from ._posting import PostOffice as PostOffice
    from ._quarantine import Probed as Probed
    from ._releases import Entered as Entered
    from ._reproposing import repropose_files as repropose_files
    from ._results import Check as Check
    from ._results import History as History
    from ._results import Status as Status
    from ._results import ValueDiff as ValueDiff
    from ._sample import copy_sample as copy_sample
    from ._sample import sample_source as sample_source
    from ._sample import tutorials as tutorials
    from ._scenarios import find_scenario as find_scenario
    from ._screen import Screen as Screen
    from ._secret_results import Rotated as Rotated
    from ._secret_results import SecretList as SecretList
    from ._secret_results import SecretStanding as SecretStanding
    from ._secret_results import SecretUse as SecretUse
    from ._secrets import Secrets as Secrets
    from ._sides import is_manifest as is_manifest
    from ._signed import Bundled as Bundled
    from ._signed import Proposed as Proposed
    from ._signed import Signed as Signed
    from ._signing import Ground as Ground
    from ._signing import assemble_files as assemble_files
    from ._signing import beside as beside
    from ._signing import bundle_file as bundle_file
    from ._signing import cosign_file as cosign_file
    from ._signing import propose_file as propose_file
    from ._signing import sign_file as sign_file
    from ._standing import Deed as Deed
    from ._standing import Deeds as Deeds
    from ._standing import Standing as Standing
    from ._standing import Wished as Wished
    from ._standing import still_good as still_good
    from ._synced import RemoteStatus as RemoteStatus
    from ._synced import SourceStanding as SourceStanding
    from ._synced import SourceSynced as SourceSynced
    from ._synced import SyncReport as SyncReport
    from ._trusted import Remembered as Remembered
    from ._trusted import forget_trusted as forget_trusted
    from ._trusted import trust_notices as trust_notices
    from ._trusted import trust_report as trust_report
    from ._trusted import trusted_state as trusted_state
    from ._ui import Offer as Offer
    from ._ui import Ui as Ui
    from ._ui import offer_widgets as offer_widgets
    from ._ui import widget as widget
    from ._unseen import ask_unseen as ask_unseen
else:
    # A kernel offers widgets before it opens a workspace, and who opens one drives no load.
    __getattr__, __dir__ = exporter(
        __name__,
        {
            "ActionRoom": "._actions",
            "Actions": "._actions",
            "Applied": "._plan",
            "Bundled": "._signed",
            "Check": "._results",
            "DeadEvents": "._event_results",
            "Deed": "._standing",
            "Deeds": "._standing",
            "Emitted": "._event_results",
            "Entered": "._releases",
            "EventRoom": "._events",
            "Fallen": "._following",
            "Flows": "._flow_results",
            "Frozen": "._locking",
            "Ground": "._signing",
            "History": "._results",
            "Invoked": "._actions",
            "LOCK": "._locking",
            "Lab": "._lab",
            "Listeners": "._event_results",
            "LoadJob": "._load",
            "Loads": "._load",
            "LoneTasks": "._lone_tasks",
            "Moved": "._following",
            "Offer": "._ui",
            "PIN": "._documents",
            "Plan": "._plan",
            "PostList": "._post_results",
            "PostOffice": "._posting",
            "Posted": "._post_results",
            "Probed": "._quarantine",
            "Proposed": "._signed",
            "Acknowledged": "._acknowledged",
            "READ": "._acknowledged",
            "acknowledge": "._acknowledged",
            "acknowledged": "._acknowledged",
            "words_of": "._acknowledged",
            "ReleaseOnItsWay": "._on_its_way",
            "Reloaded": "._following",
            "Remembered": "._trusted",
            "RemoteStatus": "._synced",
            "Retried": "._event_results",
            "Rotated": "._secret_results",
            "Screen": "._screen",
            "SecretList": "._secret_results",
            "SecretStanding": "._secret_results",
            "SecretUse": "._secret_results",
            "Secrets": "._secrets",
            "Signed": "._signed",
            "SourceStanding": "._synced",
            "SourceSynced": "._synced",
            "Standing": "._standing",
            "Status": "._results",
            "SyncReport": "._synced",
            "Triggered": "._flow_results",
            "Turned": "._following",
            "Ui": "._ui",
            "ValueDiff": "._results",
            "Verified": "._on_its_way",
            "Wished": "._standing",
            "Workflows": "._flows",
            "WorkspaceHost": "._host",
            "allow": "._allow",
            "ask_unseen": "._unseen",
            "asked_health": "._asked",
            "asked_metrics": "._asked",
            "assemble_files": "._signing",
            "beside": "._signing",
            "bundle_file": "._signing",
            "code_modules": "._code",
            "copy_sample": "._sample",
            "cosign_file": "._signing",
            "drive": "._driving",
            "find_scenario": "._scenarios",
            "follow_logs": "._logging",
            "followed": "._following",
            "forget_trusted": "._trusted",
            "found_host": "._host",
            "is_allowed": "._allow",
            "is_manifest": "._sides",
            "kept_logs": "._logging",
            "offer_widgets": "._ui",
            "policy_in": "._documents",
            "policy_with": "._documents",
            "propose_file": "._signing",
            "release_bytes": "._documents",
            "repropose_files": "._reproposing",
            "revocations_in": "._documents",
            "root_in": "._documents",
            "sample_source": "._sample",
            "sign_file": "._signing",
            "still_good": "._standing",
            "store_folder": "._host",
            "trust_notices": "._trusted",
            "trust_report": "._trusted",
            "trusted_state": "._trusted",
            "tutorials": "._sample",
            "widget": "._ui",
        },
    )

__all__ = [
    "LOCK",
    "PIN",
    "READ",
    "Acknowledged",
    "ActionRoom",
    "Actions",
    "Applied",
    "Bundled",
    "Check",
    "DeadEvents",
    "Deed",
    "Deeds",
    "Emitted",
    "Entered",
    "EventRoom",
    "Fallen",
    "Flows",
    "Frozen",
    "Ground",
    "History",
    "Invoked",
    "Lab",
    "Listeners",
    "LoadJob",
    "Loads",
    "LoneTasks",
    "Moved",
    "Offer",
    "Plan",
    "PostList",
    "PostOffice",
    "Posted",
    "Probed",
    "Proposed",
    "ReleaseOnItsWay",
    "Reloaded",
    "Remembered",
    "RemoteStatus",
    "Retried",
    "Rotated",
    "Screen",
    "SecretList",
    "SecretStanding",
    "SecretUse",
    "Secrets",
    "Signed",
    "SourceStanding",
    "SourceSynced",
    "Standing",
    "Status",
    "SyncReport",
    "Triggered",
    "Turned",
    "Ui",
    "ValueDiff",
    "Verified",
    "Wished",
    "Workflows",
    "WorkspaceHost",
    "acknowledge",
    "acknowledged",
    "allow",
    "ask_unseen",
    "asked_health",
    "asked_metrics",
    "assemble_files",
    "beside",
    "bundle_file",
    "code_modules",
    "copy_sample",
    "cosign_file",
    "drive",
    "find_scenario",
    "follow_logs",
    "followed",
    "forget_trusted",
    "found_host",
    "is_allowed",
    "is_manifest",
    "kept_logs",
    "offer_widgets",
    "policy_in",
    "policy_with",
    "propose_file",
    "release_bytes",
    "repropose_files",
    "revocations_in",
    "root_in",
    "sample_source",
    "sign_file",
    "still_good",
    "store_folder",
    "trust_notices",
    "trust_report",
    "trusted_state",
    "tutorials",
    "widget",
    "words_of",
]
