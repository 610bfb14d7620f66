"""Every error that Oneiric Lab raises on purpose.

    OneiricError
    ├── UsageError                a function or a verb was called wrongly
    ├── ConfigError               something about layers and values
    │   ├── ParseError            a file is not what its format demands
    │   ├── InvalidConfigError    values that the schema does not take
    │   ├── UnknownPathError      no such value (also a LookupError)
    │   ├── UnknownProfileError   no such profile
    │   ├── LockedValueError      policy holds this value
    │   ├── InterpolationError    a `${...}` that cannot be resolved
    │   ├── SecretError           a secret is missing or not what its field takes
    │   ├── StaleFileError        the file changed since it was read
    │   ├── NotAllowedError       the workspace's code was not allowed to run
    │   └── LockMismatchError     the lock file tells another story
    ├── RegistryError             something about components
    │   ├── NoCandidateError      nothing can provide it (also a LookupError)
    │   ├── AmbiguousError        only names decided, and that is forbidden
    │   ├── SelectionError        a selection that cannot be followed
    │   ├── RequirementError      requirements that cannot be met, or that form a cycle
    │   ├── InvalidCandidateError a candidate that contradicts itself (also a ValueError)
    │   └── FactoryRefusedError   a factory that may not run
    ├── LifecycleError            something about components that run
    │   ├── NotActiveError        it was not activated yet (also a LookupError)
    │   ├── PausedError           nobody may begin a lease now
    │   └── ActivationError       it could not be built, or is not healthy
    ├── TrustError                something about keys, roots, policies and signatures
    │   ├── KeyRefusedError       a key that must not be trusted or used (also a ValueError)
    │   ├── PassphraseError       a private key that could not be opened or locked
    │   ├── DocumentRefusedError  a signed document that is not what its format demands
    │   ├── PolicyError           a policy that contradicts its root, or loosens it
    │   └── UntrustedError        a release that was not verified
    │       ├── InvalidSignatureError a signature that is not by its key
    │       ├── UnknownKeyError   a signature by a key that nobody named
    │       ├── ThresholdError    too few distinct signers
    │       ├── RevokedKeyError   a signature that a revocation took back
    │       └── StaleError        nothing wrong but its age
    ├── RemoteError               something about manifests from elsewhere
    │   └── FetchError            what could not be fetched, or must not be
    ├── ActionError               an action that could not do what it was asked
    ├── LoadError                 a load test that could not be driven
    ├── WorkflowError             something about tasks, workflows and their runs
    │   ├── TaskFailedError       a task raised, took too long, or gave what cannot be kept
    │   └── CodeChangedError      a run would go on with other code than it began with
    ├── CanonicalError            bytes or values that are not what is signed (also a ValueError)
    ├── ManifestError             a manifest that is not what its schema demands
    ├── PluginError               an installed plugin that does not do what it should
    │   └── DescriptorError       a descriptor that cannot be read
    ├── FileAccessError           a file that cannot be read or written (also an OSError)
    ├── StoreError                the workspace's store cannot be used
    ├── JobCancelledError         long work that was cancelled
    └── MissingExtraError         an optional dependency is not installed (also an ImportError)

An error carries one or more faults; all that were found are in one report.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from ._fault import Fault, render_faults

if TYPE_CHECKING:
    from collections.abc import Iterable

    from oneiric_lab.views import View


class OneiricError(Exception):
    """Base of all: one or more faults, each with what, where, why and fix."""

    default_code: ClassVar[str] = "error"
    exit_code: ClassVar[int] = 2
    """What a shell gets: 1 the answer is no, 2 usage or configuration fault."""

    faults: tuple[Fault, ...]

    def __init__(self, faults: Fault | Iterable[Fault] | str, *, fix: str | None = None) -> None:
        """Take the faults; a plain text becomes one fault with the class's own code."""
        if isinstance(faults, str):
            faults = Fault(self.default_code, faults, fix=fix)
        self.faults = (faults,) if isinstance(faults, Fault) else tuple(faults)
        if not self.faults:
            raise ValueError(f"{type(self).__name__} needs at least one fault")
        super().__init__(*self.faults)

    def __str__(self) -> str:
        """Render all faults as people read them."""
        return render_faults(self.faults)

    def __reduce__(self) -> tuple[object, ...]:
        """Pickle by the faults, so that a worker process can hand the error over."""
        return type(self), (self.faults,)

    @property
    def code(self) -> str:
        """Code of the first fault."""
        return self.faults[0].code

    def as_dict(self) -> dict[str, object]:
        """Return `{"error": {...}}` with the first fault and, under `faults`, all of them."""
        shapes = [fault.as_dict() for fault in self.faults]
        where = [
            place for fault in self.faults if fault.origin for place in [fault.origin.as_dict()]
        ]
        return {"error": {**shapes[0], "where": where, "faults": shapes}}

    def view(self) -> View:
        """Return the report as a view, for displays that are richer than text."""
        from ._view import faults_view  # noqa: PLC0415 - only a display pays for views

        return faults_view(self.faults)

    def _render_traceback_(self) -> list[str]:
        # IPython shows this in place of a traceback: the reader's mistake is not in our frames.
        return str(self).splitlines()


class UsageError(OneiricError):
    """A function or a verb was called in a way it does not understand."""

    default_code = "usage"


class ConfigError(OneiricError):
    """Something about layers and values."""

    default_code = "config"


class ParseError(ConfigError):
    """A file is not what its format demands."""

    default_code = "syntax"


class InvalidConfigError(ConfigError):
    """Values that the schema does not take; holds all faults of all layers."""

    default_code = "invalid-value"


class UnknownPathError(ConfigError, LookupError):
    """No value has this path."""

    default_code = "unknown-path"


class UnknownProfileError(InvalidConfigError):
    """No profile has this name."""

    default_code = "unknown-profile"


class LockedValueError(ConfigError):
    """Policy holds this value; a lower layer may not differ."""

    default_code = "locked-value"


class InterpolationError(ConfigError):
    """A `${...}` names nothing, or a chain of them closes a circle."""

    default_code = "interpolation"


class SecretError(ConfigError):
    """A secret is missing, or its value is not what its field takes."""

    default_code = "secret"


class StaleFileError(ConfigError):
    """The file changed since it was read, so it was not written."""

    default_code = "stale-file"


class NotAllowedError(ConfigError):
    """Code of this workspace was not allowed to run."""

    default_code = "not-allowed"


class LockMismatchError(ConfigError):
    """The lock file and the workspace disagree, or the lock was altered."""

    default_code = "lock-mismatch"


class RegistryError(OneiricError):
    """Something about components."""

    default_code = "registry"


class NoCandidateError(RegistryError, LookupError):
    """No candidate can provide this component; the faults tell why each was refused."""

    default_code = "no-candidate"
    exit_code = 1


class AmbiguousError(RegistryError):
    """Only names decided between candidates, and strict mode forbids that."""

    default_code = "ambiguous"


class SelectionError(RegistryError):
    """A selection names a provider that is unknown or was refused."""

    default_code = "selection"


class RequirementError(RegistryError):
    """Requirements between components cannot be met, or form a cycle."""

    default_code = "requirement"


class InvalidCandidateError(RegistryError, ValueError):
    """A candidate's own data contradict each other or are malformed."""

    default_code = "invalid-candidate"


class FactoryRefusedError(RegistryError):
    """A factory may not run: not allowed by prefix, or a module that never may."""

    default_code = "factory-refused"


class LifecycleError(OneiricError):
    """Something about components that run."""

    default_code = "lifecycle"


class NotActiveError(LifecycleError, LookupError):
    """A component that was not activated yet."""

    default_code = "not-active"


class PausedError(LifecycleError):
    """A component of which nobody may begin a lease now."""

    default_code = "paused"


class ActivationError(LifecycleError):
    """A component that could not be built, or is not healthy."""

    default_code = "activation-failed"


class TrustError(OneiricError):
    """Something about keys, roots, policies and signatures."""

    default_code = "trust"


class KeyRefusedError(TrustError, ValueError):
    """A key that must not be trusted, or that cannot be used."""

    default_code = "key-refused"


class PassphraseError(TrustError):
    """A private key could not be opened or locked by what was given as passphrase."""

    default_code = "passphrase"


class DocumentRefusedError(TrustError):
    """A signed document that is not what its format demands."""

    default_code = "document-refused"


class PolicyError(TrustError):
    """A local policy that contradicts the root, or asks for less than it does."""

    default_code = "policy"


class UntrustedError(TrustError):
    """A release that was not verified; the faults are the checks that failed."""

    default_code = "untrusted"
    exit_code = 1


class InvalidSignatureError(UntrustedError):
    """A signature that is not by its key, or not of these bytes."""

    default_code = "invalid-signature"


class UnknownKeyError(UntrustedError):
    """A signature by a key that the root does not name for this role."""

    default_code = "unknown-key"


class ThresholdError(UntrustedError):
    """Fewer distinct signers than the threshold asks for."""

    default_code = "threshold"


class RevokedKeyError(UntrustedError):
    """A signature by a key that was revoked, without proof that it is older."""

    default_code = "revoked-key"


class StaleError(UntrustedError):
    """Nothing is wrong with it but its age: something expired or was not renewed."""

    default_code = "stale"
    exit_code = 3


class RemoteError(OneiricError):
    """Something about manifests from elsewhere."""

    default_code = "remote"
    exit_code = 1


class FetchError(RemoteError):
    """Something could not be fetched, or must not be; nothing was changed."""

    default_code = "fetch"


class LoadError(OneiricError):
    """A load test that could not be driven."""

    default_code = "load"
    exit_code = 3


class WorkflowError(OneiricError):
    """Something about tasks, workflows and their runs."""

    default_code = "workflow"


class TaskFailedError(WorkflowError):
    """A task raised, took longer than it may, or gave what cannot be kept."""

    default_code = "task-failed"
    exit_code = 1


class CodeChangedError(WorkflowError):
    """A run would go on with other code than it began with; nothing of it was run."""

    default_code = "code-changed"
    exit_code = 1


class CanonicalError(OneiricError, ValueError):
    """Bytes that are not the one form that is signed, or a value that has none."""

    default_code = "not-canonical"


class ManifestError(OneiricError):
    """A manifest is not what its schema demands; holds all its faults."""

    default_code = "invalid-manifest"


class ActionError(OneiricError):
    """An action could not do what it was asked, or was not allowed to."""

    default_code = "action-failed"
    exit_code = 1


class PluginError(OneiricError):
    """An installed plugin does not do what it should."""

    default_code = "plugin"


class DescriptorError(PluginError):
    """A plugin's descriptor cannot be read."""

    default_code = "descriptor"


class FileAccessError(OneiricError, OSError):
    """A file cannot be read or written as asked."""

    default_code = "file"


class StoreError(OneiricError):
    """The workspace's store cannot be used."""

    default_code = "store"


class JobCancelledError(OneiricError):
    """Long work was cancelled before it ended."""

    default_code = "cancelled"
    exit_code = 130


class MissingExtraError(OneiricError, ImportError):
    """An optional dependency is not installed."""

    default_code = "missing-extra"

    def __init__(self, faults: Fault | Iterable[Fault] | str, *, extra: str | None = None) -> None:
        """Take what needs the dependency, and the extra that brings it."""
        fix = f"pip install 'oneiric-lab[{extra}]'" if extra else None
        super().__init__(faults, fix=fix)
