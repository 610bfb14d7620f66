"""A run as a folder: `run.json`, which people and programs read, and `run.npz`, its counts.

`run.json` is what `--json` prints and, below it, what reading back needs; it ends with a
digest of itself, and holds one of `run.npz`. So a run is whole, or it is refused. Nothing
of a file is imported or unpickled: the scenario is a description.

    {"schema": 1, "id": …, "started": …, "plan": {…}, …, "exit_code": 0,
     "generators": […], "recorded": {…}, "data": {"file", "bytes", "digest"}, "digest": …}
"""

from __future__ import annotations

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, NamedTuple

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from oneiric_lab.errors import Fault, FileAccessError, Origin, ParseError, UsageError
from oneiric_lab.files import digest, is_sealed, read, seal, write_atomic

from ._about import ID, LABEL, About
from ._drive import Driven  # noqa: TC001 - a field of what is validated
from ._extra import need_numpy
from ._objective_text import parse_objective
from ._objectives import Judged, Window
from ._plan import Plan, plan_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from ._recorded import Recorded

SCHEMA: Final = 1
JSON: Final = "run.json"
DATA: Final = "run.npz"

JSON_LIMIT: Final = 1 << 24
"""Bytes of a `run.json` that is read."""

_SHORT = Annotated[str, Field(max_length=1000)]
_DIGEST = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]


class _Part(BaseModel):
    # What a later version adds and does not need is passed over.
    model_config = ConfigDict(strict=True, extra="ignore", allow_inf_nan=False)


class _Objective(_Part):
    objective: _SHORT
    ok: bool | None
    measured: float | None
    shown: _SHORT
    window: tuple[float, float] | None
    reason: _SHORT


class _Invariant(_Part):
    name: _SHORT
    wrong: str | None


class _Example(_Part):
    at_ns: int
    text: _SHORT


class _Op(_Part):
    name: _SHORT
    examples: dict[_SHORT, _Example]


class _Warmup(_Part):
    seconds: float
    steady: bool | None


class _Recorded(_Part):
    ops: list[_Op]
    kinds: list[_SHORT]
    raw_limit: int
    raw_complete: bool
    pauses: list[tuple[int, int]]
    step: int


class _Data(_Part):
    file: Literal["run.npz"]
    bytes: int
    digest: _DIGEST


def _utc(value: datetime) -> datetime:
    if value.utcoffset() != timedelta(0):
        raise ValueError("a time in UTC is needed")
    return value.astimezone(UTC)


class _Head(_Part):
    schema_: int = Field(alias="schema")


class File(_Part):
    """What `run.json` says, as far as it is read back or listed."""

    id: Annotated[str, Field(pattern=f"^{ID.pattern}$")]
    started: Annotated[datetime, AfterValidator(_utc)]
    versions: dict[_SHORT, _SHORT]
    revision: _SHORT | None
    label: Annotated[str, Field(pattern=f"^({LABEL.pattern})?$")] = ""
    plan: dict[str, Any]
    machine: dict[_SHORT, _SHORT]
    warmup: _Warmup
    limited_by: Annotated[str, Field(pattern="^[a-z_]{1,40}$")]
    objectives: list[_Objective]
    invariants: list[_Invariant]
    exit_code: int
    generators: Annotated[list[Driven], Field(min_length=1, max_length=1000)]
    recorded: _Recorded
    data: _Data


class Parts(NamedTuple):
    """What a run is made of; see `Run`."""

    plan: Plan
    recorded: Recorded
    driven: Driven
    limited_by: str
    judged: tuple[Judged, ...]
    broken: tuple[tuple[str, str], ...]
    machine: dict[str, str]
    workers: tuple[Driven, ...]
    warmup: float
    steady: bool | None
    about: About


def write(
    folder: Path,
    name: str,
    shape: dict[str, object],
    recorded: Recorded,
    generators: Sequence[Driven],
) -> Path:
    """Write a run below *folder*, whole or not at all, and return its own folder.

    Args:
        folder: Made where it is missing.
        name: The run's.
        shape: What `--json` prints of it.
        recorded: What was counted.
        generators: What they saw of themselves: the sum, then each.

    Raises:
        UsageError: It is larger than what is read back.
        FileAccessError: It cannot be written.
    """
    from ._arrays import kinds_of, pack  # noqa: PLC0415 - brings numpy

    data = pack(recorded)
    content = {
        "schema": SCHEMA,
        **shape,
        "generators": [asdict(driven) for driven in generators],
        "recorded": {
            "ops": [
                {"name": name, "examples": {k: asdict(e) for k, e in op.examples.items()}}
                for name, op in recorded.ops.items()
            ],
            "kinds": kinds_of(recorded),
            "raw_limit": recorded.raw_limit,
            "raw_complete": recorded.raw_complete,
            "pauses": [(pause.begin, pause.end) for pause in recorded.pauses],
            "step": recorded.step,
        },
        "data": {"file": DATA, "bytes": len(data), "digest": digest(data)},
    }
    del content["saved"]
    own = folder / name
    try:
        own.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise FileAccessError(
            Fault(
                "file-unwritable",
                f"cannot make {own}: {error.strerror}",
                Origin("", file=str(own)),
                fix="make room or grant the right, or save it elsewhere",
            )
        ) from error
    # The counts first: a folder without `run.json` is no run.
    write_atomic(own / DATA, data)
    write_atomic(own / JSON, seal(_encodable(content)))
    return own


def _encodable(content: dict[str, object]) -> dict[str, object]:
    """Return *content* with `?` for half a surrogate pair, as names that are no UTF-8 have."""
    text = json.dumps(content, ensure_ascii=False)
    whole: dict[str, object] = json.loads(text.encode("utf-8", "replace"))
    return whole


def read_parts(path: Path) -> Parts:
    """Return the run that stands in folder *path*; nothing of it is imported.

    Raises:
        FileAccessError: A file is missing or cannot be read.
        ParseError: It is no run (`damaged-run`), one of another schema (`other-run`), or
            was altered after it was written (`altered-run`).
        MissingExtraError: Without the extra `load`.
    """
    need_numpy()
    from ._arrays import FILE_LIMIT, DamagedError, unpack  # noqa: PLC0415 - brings numpy
    from ._parts import Example, Pause  # noqa: PLC0415 - see above

    file = read_file(path)
    name = str(path / DATA)
    data = read(path / DATA, limit=FILE_LIMIT).data
    if (len(data), digest(data)) != (file.data.bytes, file.data.digest):
        raise altered(name, f"its digest is not the one that {JSON} has of it")
    try:
        recorded = unpack(
            data,
            names=[op.name for op in file.recorded.ops],
            kinds=file.recorded.kinds,
            examples={
                op.name: {kind: Example(e.at_ns, e.text) for kind, e in op.examples.items()}
                for op in file.recorded.ops
            },
            raw_limit=file.recorded.raw_limit,
            raw_complete=file.recorded.raw_complete,
            pauses=tuple(Pause(*pause) for pause in file.recorded.pauses),
            step=file.recorded.step,
        )
    except DamagedError as error:
        raise damaged(name, str(error), error) from None
    try:
        plan = plan_of(file.plan)
        judged = tuple(
            Judged(
                parse_objective(o.objective),
                o.ok,
                o.measured,
                o.shown,
                None if o.window is None else Window(*o.window),
                o.reason,
            )
            for o in file.objectives
        )
    except UsageError as error:
        raise damaged(str(path / JSON), error.faults[0].message, error) from None
    return Parts(
        plan,
        recorded,
        file.generators[0],
        file.limited_by,
        judged,
        tuple((i.name, i.wrong) for i in file.invariants if i.wrong is not None),
        file.machine,
        tuple(file.generators[1:]),
        file.warmup.seconds,
        file.warmup.steady,
        About(file.id, file.started, file.versions, file.revision, file.label),
    )


def read_file(path: Path) -> File:
    """Return what `run.json` of folder *path* says, checked but for its counts.

    Raises:
        FileAccessError: It is missing or cannot be read.
        ParseError: As `read_parts`.
    """
    name = str(path / JSON)
    data = read(path / JSON, limit=JSON_LIMIT).data
    try:
        schema = _Head.model_validate_json(data).schema_
        if schema == SCHEMA:
            file = File.model_validate_json(data)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"]))
        raise damaged(name, f"{where}: {first['msg']}" if where else first["msg"]) from None
    if schema != SCHEMA:
        raise ParseError(
            Fault(
                "other-run",
                f"{name} is of schema {schema}; this version reads {SCHEMA}",
                origin=Origin("", file=name),
                fix="pip install --upgrade oneiric-lab",
            )
        )
    if not is_sealed(data):
        raise altered(name, "its digest does not cover what it says now")
    return file


def damaged(name: str, why: str, cause: Exception | None = None) -> ParseError:
    """Return the error of a file that is no run, or a damaged one."""
    error = ParseError(
        Fault(
            "damaged-run",
            f"{name} is no run, or a damaged one",
            origin=Origin("", file=name),
            why=why,
            fix="take the folder from where the run was saved, or run the plan again",
        )
    )
    error.__cause__ = cause
    return error


def altered(name: str, why: str) -> ParseError:
    """Return the error of a file that is not as it was written."""
    return ParseError(
        Fault(
            "altered-run",
            f"{name} was altered after it was written",
            origin=Origin("", file=name),
            why=why,
            fix="take the folder from where the run was saved, or run the plan again",
        )
    )
