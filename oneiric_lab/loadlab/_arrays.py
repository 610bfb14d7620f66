"""What a run recorded as one `.npz` file, and back, byte for byte.

Members, each an array of little-endian numbers with n rows:

- `phase_statuses` (n, 2, 5): how many ended how, by operation, phase and status;
- `second_op`, `second_at`, and `second_counts` (n, 7): the series; offered, started, and
  the five statuses;
- `error_op`, `error_part`, `error_at`, `error_kind`, `error_count`: errors by class; part 0
  is the warm-up, 1 what was measured, 2 the second `at`;
- `hist_op`, `hist_part`, `hist_at`, `hist_clamped`, `hist_size`: one row a histogram; `PARTS`
  says of what, and it has as many slots as its size;
- `hist_slot`, `hist_count`: slots and counts of all histograms, one after the other;
- `raw_t_intended_ns`, `raw_lag_ns`, `raw_service_ns`, `raw_op`, `raw_phase`, `raw_status`: one
  row an operation, where they were kept.

Names of operations and of errors stand beside it in `run.json`; no member's name comes from
outside. Reading trusts nothing: members, types, shapes and sizes are compared with the
table before anything is inflated, and every number with what it can be.
"""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from oneiric_lab.errors import Fault, UsageError

from ._histogram import SLOTS, Histogram
from ._parts import METRICS, PHASES, STATUSES, Example, OpResult, Pause, PhaseResult, Second
from ._recorded import Raw, Recorded
from ._sparse import STEPS, Sparse

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import numpy.typing as npt

    from ._parts import Phase

    Arrays = dict[str, npt.NDArray[Any]]

PARTS: Final = (
    *(f"{phase} {metric}" for phase in PHASES for metric in METRICS),
    "second lag",
    "second service",
    "fifth response",
)
"""What the numbers of `hist_part` mean."""

MOST_OPS: Final = 200
"""Operations of a file; each takes 1.6 MB once it is read."""

INFLATED_LIMIT: Final = 1 << 30
"""Bytes of all members together; more is neither written nor inflated."""

FILE_LIMIT: Final = 1 << 29
"""Bytes of a file that is read."""

_LONGEST: Final = 1 << 31
"""Seconds, and fifths of one, that a run may have: sixty years."""

_MOST: Final = 1 << 62
"""Counts add up to less, so that no sum overflows."""

_LAG, _SERVICE, _FIFTH = 6, 7, 8
_SECOND: Final = 2
_ENTRY: Final = b"PK\x01\x02"
_DATE: Final = (1980, 1, 1, 0, 0, 0)
_LEVEL: Final = 4
_TABLE: Final[Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "phase_statuses": ("<i8", (len(PHASES), len(STATUSES))),
    "second_op": ("<i2", ()),
    "second_at": ("<i8", ()),
    "second_counts": ("<i8", (2 + len(STATUSES),)),
    "error_op": ("<i2", ()),
    "error_part": ("|u1", ()),
    "error_at": ("<i8", ()),
    "error_kind": ("<i2", ()),
    "error_count": ("<i8", ()),
    "hist_op": ("<i2", ()),
    "hist_part": ("|u1", ()),
    "hist_at": ("<i8", ()),
    "hist_clamped": ("<i8", ()),
    "hist_size": ("<i8", ()),
    "hist_slot": ("<u2", ()),
    "hist_count": ("<i8", ()),
}
_RAW: Final[Mapping[str, tuple[str, tuple[int, ...]]]] = {
    "raw_t_intended_ns": ("<i8", ()),
    "raw_lag_ns": ("<i8", ()),
    "raw_service_ns": ("<i8", ()),
    "raw_op": ("<i2", ()),
    "raw_phase": ("|u1", ()),
    "raw_status": ("|u1", ()),
}


def kinds_of(recorded: Recorded) -> list[str]:
    """Return the classes of errors that occurred, in the order of `error_kind`."""
    found: set[str] = set()
    for op in recorded.ops.values():
        for errors in (
            *(part.errors for part in op.phases.values()),
            *(second.errors for second in op.seconds.values()),
        ):
            found.update(errors)
    return sorted(found)


def pack(recorded: Recorded) -> bytes:
    """Return the file of *recorded*: the same bytes for the same counts.

    Raises:
        UsageError: It is larger than `unpack` reads.
    """
    arrays = _arrays(recorded)
    size = sum(array.nbytes for array in arrays.values())
    if size > INFLATED_LIMIT or len(recorded.ops) > MOST_OPS:
        raise UsageError(
            Fault(
                "oversized-run",
                f"the run takes {size:,} bytes with {len(recorded.ops)} operations; at most "
                f"{INFLATED_LIMIT:,} and {MOST_OPS} are kept",
                fix="keep fewer rows: plan.but(raw_limit=0)",
            )
        )
    out = io.BytesIO()
    # As numpy's own savez, but without the clock.
    with zipfile.ZipFile(out, "w") as archive:
        for name, array in arrays.items():
            member = io.BytesIO()
            np.lib.format.write_array(member, array, version=(1, 0), allow_pickle=False)
            archive.writestr(
                zipfile.ZipInfo(f"{name}.npy", _DATE),
                member.getvalue(),
                zipfile.ZIP_DEFLATED,
                _LEVEL,
            )
    return out.getvalue()


def unpack(
    data: bytes,
    *,
    names: Sequence[str],
    kinds: Sequence[str],
    examples: Mapping[str, Mapping[str, Example]],
    raw_limit: int,
    raw_complete: bool,
    pauses: tuple[Pause, ...],
    step: int,
) -> Recorded:
    """Return what *data*, as `pack` gave it, recorded.

    Args:
        data: The file.
        names: Of the operations, in their order.
        kinds: As `kinds_of` gave them.
        examples: By operation and class of error.
        raw_limit: As of `Recorded`.
        raw_complete: As of `Recorded`.
        pauses: As of `Recorded`.
        step: As of `Recorded`.

    Raises:
        DamagedError: It cannot be what `pack` gave.
    """
    if len(names) > MOST_OPS or len(set(names)) < len(names):
        raise DamagedError(f"{len(names)} operations are too many, or one is named twice")
    arrays = _read(data)
    begins = (arrays["second_at"], arrays["hist_at"])
    if step not in STEPS or any(bool((at % step).any()) for at in begins):
        raise DamagedError(f"its series does not stand in stretches of {step} s")
    ops = _ops(arrays, names, kinds, examples)
    raw = _raw(arrays, tuple(names)) if "raw_op" in arrays else None
    if (raw is not None) != raw_complete or (raw is not None and len(raw) > raw_limit):
        raise DamagedError("its raw rows are not those that run.json tells of")
    return Recorded(ops, raw, raw_complete, raw_limit, pauses=pauses, step=step)


class DamagedError(ValueError):
    """Why a file cannot be what `pack` gave."""


# --- out --------------------------------------------------------------------------------


def _arrays(recorded: Recorded) -> Arrays:
    kind_of = {kind: number for number, kind in enumerate(kinds_of(recorded))}
    statuses: list[list[list[int]]] = []
    seconds: list[tuple[int, int]] = []
    counts: list[list[int]] = []
    errors: list[tuple[int, int, int, int, int]] = []
    rows: list[tuple[int, int, int, int, int]] = []
    slots: list[npt.NDArray[np.int64]] = []
    many: list[npt.NDArray[np.int64]] = []

    def take(op: int, part: int, at: int, held: Histogram | Sparse) -> None:
        used, count = held.nonzero() if isinstance(held, Histogram) else held.arrays()
        if len(used) or held.clamped:
            rows.append((op, part, at, held.clamped, len(used)))
            slots.append(used)
            many.append(count)

    for number, op in enumerate(recorded.ops.values()):
        statuses.append([_counted(op.phases[phase].statuses) for phase in PHASES])
        for place, phase in enumerate(PHASES):
            part = op.phases[phase]
            errors += [(number, place, 0, kind_of[k], n) for k, n in part.errors.items()]
            for metric, held in enumerate((part.lag, part.service, part.response)):
                take(number, place * len(METRICS) + metric, 0, held)
        for at, second in op.seconds.items():
            seconds.append((number, at))
            counts.append([second.offered, second.started, *_counted(second.statuses)])
            errors += [(number, _SECOND, at, kind_of[k], n) for k, n in second.errors.items()]
            take(number, _LAG, at, second.lag)
            take(number, _SERVICE, at, second.service)
        for at, sparse in op.fifths.items():
            take(number, _FIFTH, at, sparse)
    none = [np.empty(0, np.int64)]
    columns: dict[str, object] = {
        "phase_statuses": statuses,
        **_columns("second", ("op", "at"), seconds),
        "second_counts": counts,
        **_columns("error", ("op", "part", "at", "kind", "count"), errors),
        **_columns("hist", ("op", "part", "at", "clamped", "size"), rows),
        "hist_slot": np.concatenate([*none, *slots]),
        "hist_count": np.concatenate([*none, *many]),
    }
    if recorded.raw is not None:
        columns |= {f"raw_{name}": column for name, column in recorded.raw.columns.items()}
    return {
        name: np.asarray(columns[name]).astype(kind).reshape(-1, *inner)
        for name, (kind, inner) in {**_TABLE, **_RAW}.items()
        if name in columns
    }


def _counted(statuses: Mapping[Any, int]) -> list[int]:
    return [statuses.get(status, 0) for status in STATUSES]


def _columns(lead: str, names: Iterable[str], rows: Sequence[tuple[int, ...]]) -> dict[str, object]:
    return {f"{lead}_{n}": [row[place] for row in rows] for place, n in enumerate(names)}


# --- in ---------------------------------------------------------------------------------


def _read(data: bytes) -> Arrays:
    """Return the members, each of the type and shape that the table says."""
    # Every entry of the directory is an object once it is read; a file may hold millions.
    if data.count(_ENTRY) > 2 * len({**_TABLE, **_RAW}) + 64:
        raise DamagedError("it has more members than a run")
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            return _members(archive)
    except DamagedError:
        raise
    except (
        zipfile.BadZipFile,
        zlib.error,
        struct.error,
        EOFError,
        IndexError,
        NotImplementedError,
        OSError,
        OverflowError,
        RuntimeError,
        SyntaxError,
        TypeError,
        ValueError,
    ) as error:
        # Whatever zipfile and numpy say of bytes that are none of theirs.
        raise DamagedError(f"it cannot be read: {error}") from error


def _members(archive: zipfile.ZipFile) -> Arrays:
    infos = archive.infolist()
    found = sorted(info.filename.removesuffix(".npy") for info in infos)
    if found not in (sorted(_TABLE), sorted({**_TABLE, **_RAW})):
        odd = sorted({*found} - {*_TABLE, *_RAW}) or sorted({*_TABLE} - {*found}) or found
        raise DamagedError(f"its members are not those of a run: {odd[0]!r}")
    size = sum(info.file_size for info in infos)
    if size > INFLATED_LIMIT:
        raise DamagedError(f"it takes {size:,} bytes inflated; a run at most {INFLATED_LIMIT:,}")
    return {
        info.filename.removesuffix(".npy"): _array(archive, info)
        for info in sorted(infos, key=lambda info: info.filename)
    }


def _array(archive: zipfile.ZipFile, info: zipfile.ZipInfo) -> npt.NDArray[Any]:
    name = info.filename.removesuffix(".npy")
    kind, inner = {**_TABLE, **_RAW}[name]
    with archive.open(info) as stream:
        blob = stream.read(info.file_size + 1)
    member = io.BytesIO(blob)
    if np.lib.format.read_magic(member) != (1, 0):
        raise DamagedError(f"{name} is of another format than ours")
    shape, by_column, dtype = np.lib.format.read_array_header_1_0(member)
    fits = dtype == np.dtype(kind) and len(shape) == 1 + len(inner) and shape[1:] == inner
    if not fits or by_column or min(shape) < 0:
        raise DamagedError(f"{name}: expected {kind} {('n', *inner)}, found {dtype.str} {shape}")
    # What the header says is not believed before it was counted.
    body = blob[member.tell() :]
    count = int(np.prod([int(n) for n in shape], dtype=object))
    if count * dtype.itemsize != len(body):
        raise DamagedError(
            f"{name}: {shape} needs {count * dtype.itemsize:,} bytes, there are {len(body):,}"
        )
    return np.frombuffer(body, dtype).reshape(shape).astype(dtype.newbyteorder("="))


def _ops(
    arrays: Arrays,
    names: Sequence[str],
    kinds: Sequence[str],
    examples: Mapping[str, Mapping[str, Example]],
) -> dict[str, OpResult]:
    _checked(arrays, len(names), len(kinds))
    held = _histograms(arrays)
    errors = _errors(arrays, kinds)
    none = Sparse()
    fifths: list[dict[int, Sparse]] = [{} for _ in names]
    for key in [key for key in held if key[1] == _FIFTH]:
        fifths[key[0]][key[2]] = held.pop(key)
    seconds: list[dict[int, Second]] = [{} for _ in names]
    for (op, at), row in zip(
        _rows(arrays, "second", "op", "at"), arrays["second_counts"].tolist(), strict=True
    ):
        seconds[op][at] = Second(
            row[0],
            row[1],
            _statuses(row[2:]),
            errors.pop((op, _SECOND, at), {}),
            held.pop((op, _LAG, at), none),
            held.pop((op, _SERVICE, at), none),
        )
    out: dict[str, OpResult] = {}
    for op, name in enumerate(names):
        phases: dict[Phase, PhaseResult] = {}
        for place, phase in enumerate(PHASES):
            lag, service, response = (
                held.pop((op, place * len(METRICS) + metric, 0), none).histogram()
                for metric in range(len(METRICS))
            )
            phases[phase] = PhaseResult(
                lag,
                service,
                response,
                _statuses(arrays["phase_statuses"][op, place].tolist()),
                errors.pop((op, place, 0), {}),
            )
        out[name] = OpResult(name, phases, seconds[op], fifths[op], examples.get(name, {}))
    if errors or held:
        raise DamagedError("a row belongs to a second that is not there")
    return out


def _checked(arrays: Arrays, ops: int, kinds: int) -> None:
    """Refuse numbers that cannot be: nothing is built before all are looked at."""
    if len(arrays["phase_statuses"]) != ops:
        raise DamagedError(f"{len(arrays['phase_statuses'])} operations, run.json names {ops}")
    bounds = {"op": ops, "kind": kinds, "part": _SECOND + 1}
    for lead in ("second", "error", "hist"):
        columns = {n: a for n, a in arrays.items() if n.startswith(f"{lead}_")}
        if lead == "hist":
            pools = columns.pop("hist_slot"), columns.pop("hist_count")
            bounds["part"] = len(PARTS)
            sizes = columns["hist_size"]
            if len(pools[0]) != len(pools[1]) or int(sizes.astype(object).sum()) != len(pools[0]):
                raise DamagedError("its histograms are longer or shorter than their slots")
        if len({len(column) for column in columns.values()}) > 1:
            raise DamagedError(f"its columns of {lead} differ in length")
        for name, column in columns.items():
            is_time = name.endswith("_at")
            most = bounds.get(name.rpartition("_")[2], _LONGEST if is_time else _MOST)
            least = -_LONGEST if is_time else 0
            if column.size and not least <= int(column.min()) <= int(column.max()) < most:
                raise DamagedError(f"{name} goes from {column.min()} to {column.max()}")
    if arrays["phase_statuses"].size and int(arrays["phase_statuses"].min()) < 0:
        raise DamagedError("a count is below 0")
    for name in ("phase_statuses", "second_counts", "error_count", "hist_clamped", "hist_count"):
        if float(arrays[name].astype(np.float64).sum()) >= _MOST:
            raise DamagedError(f"{name} is more than can be counted")
    _checked_slots(arrays)


def _checked_slots(arrays: Arrays) -> None:
    slots = arrays["hist_slot"].astype(np.int64)
    if not len(slots):
        return
    if int(slots.max()) >= SLOTS or int(arrays["hist_count"].min()) < 1:
        raise DamagedError("a histogram has a slot or a count that cannot be")
    rises = np.diff(slots) > 0
    # From one histogram to the next the slots begin anew.
    starts = np.cumsum(arrays["hist_size"])[:-1] - 1
    rises[starts[(starts >= 0) & (starts < len(rises))]] = True
    if not bool(rises.all()):
        raise DamagedError("the slots of a histogram do not rise")


def _rows(arrays: Arrays, lead: str, *names: str) -> Iterator[tuple[int, ...]]:
    """Yield the rows of a table, in their order, each at most once."""
    rows = list(zip(*(arrays[f"{lead}_{name}"].tolist() for name in names), strict=True))
    if any(after <= before for before, after in pairwise(rows)):
        raise DamagedError(f"the rows of {lead} are not in their order")
    yield from rows


def _histograms(arrays: Arrays) -> dict[tuple[int, int, int], Sparse]:
    out: dict[tuple[int, int, int], Sparse] = {}
    start = 0
    slots, counts = arrays["hist_slot"].astype(np.int64), arrays["hist_count"]
    clamped, sizes = arrays["hist_clamped"].tolist(), arrays["hist_size"].tolist()
    keys = zip(*(arrays[f"hist_{n}"].tolist() for n in ("op", "part", "at")), strict=True)
    for key, outside, size in zip(keys, clamped, sizes, strict=True):
        if key in out:
            raise DamagedError("a histogram is there twice")
        end = start + size
        out[key] = Sparse.of(slots[start:end], counts[start:end], outside)
        start = end
    return out


def _errors(arrays: Arrays, kinds: Sequence[str]) -> dict[tuple[int, int, int], dict[str, int]]:
    out: dict[tuple[int, int, int], dict[str, int]] = {}
    names = ("op", "part", "at", "kind", "count")
    for op, part, at, kind, count in zip(
        *(arrays[f"error_{name}"].tolist() for name in names), strict=True
    ):
        held = out.setdefault((op, part, at), {})
        if kinds[kind] in held:
            raise DamagedError("an error is counted twice")
        held[kinds[kind]] = count
    return out


def _statuses(row: Sequence[int]) -> dict[Any, int]:
    return {status: count for status, count in zip(STATUSES, row, strict=True) if count}


def _raw(arrays: Arrays, names: tuple[str, ...]) -> Raw:
    columns = {name.removeprefix("raw_"): arrays[name] for name in _RAW}
    if len({len(column) for column in columns.values()}) > 1:
        raise DamagedError("its columns of raw rows differ in length")
    for name, most in (("op", len(names)), ("phase", len(PHASES)), ("status", len(STATUSES))):
        column = columns[name]
        if len(column) and not 0 <= int(column.min()) <= int(column.max()) < most:
            raise DamagedError(f"raw_{name} goes from {column.min()} to {column.max()}")
    return Raw(names, columns)
