"""What holds for every test: an environment of its own, and no silent skips in CI."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
import signal
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator
    from contextlib import AbstractContextManager

pytest_plugins = ["pytester"]

_PAGE = "docs/test_examples.py::TestPages::test_examples_do_what_they_say[docs/how-to/{}.md]"

ALONE = (
    "commands/test_load.py",
    "commands/test_load_compare.py",
    "commands/test_load_runs.py",
    *map(_PAGE.format, ("compare-runs", "load", "load-notebook", "scenario")),
    "lab/test_load.py",
    "loadlab/test_dask.py",
    "loadlab/test_floor.py",
    "loadlab/test_honesty.py",
    "loadlab/test_pause.py",
    "loadlab/test_repeat.py",
    "loadlab/test_run.py",
    "loadlab/test_wire.py",
    "loadlab/test_worker.py",
    "notebook/test_load_chart.py",
)
"""Files, or tests, where a system is driven at a stated rate, and the clock of this machine
counts: these do not run beside others; see `make test`."""

TOGETHER = (
    "browser/",
    "faults/test_runs_killed.py",
    "notebook/test_canary.py",
    "docs/test_shapes.py",
    "docs/test_reference.py",
)
"""Where the tests of a file share a browser, a server or a kernel: each file runs in one worker.
They begin before all others and in this order, since what is longest must not begin last."""

HERE = Path(__file__).parent
_KEPT = {"ONEIRIC_CI", "ONEIRIC_GOLDEN"}


def pytest_configure(config: pytest.Config) -> None:
    """Let no property fail by a clock; the benchmarks have no Hypothesis."""
    if config.pluginmanager.hasplugin("hypothesispytest"):
        from hypothesis import settings

        settings.register_profile("unhurried", deadline=None)
        settings.load_profile("unhurried")


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide what the developer's machine says, and keep out of what it remembers."""
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        # So it is in the background of a script, and so it would be in every process we start.
        signal.signal(signal.SIGINT, signal.default_int_handler)
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("ONEIRIC_") and n not in _KEPT]:
            patch.delenv(name)
        patch.setenv("ONEIRIC_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Be nobody for the time of the block, where this is root."""
    if os.getuid() != 0:
        yield
        return
    os.setresuid(65534, 65534, 0)
    try:
        yield
    finally:
        os.setresuid(0, 0, 0)


@pytest.fixture
def unprivileged() -> Callable[[], AbstractContextManager[None]]:
    """A block in which permissions count: root becomes nobody for its time."""
    return _as_nobody


def among(nodeid: str, parts: tuple[str, ...]) -> int:
    """Return to which of the *parts* of this folder a test belongs; their number, if to none."""
    place = nodeid.removeprefix("tests/")
    return next((n for n, part in enumerate(parts) if place.startswith(part)), len(parts))


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Mark what must run alone; a worker begins with what must run together."""
    for item in items:
        if among(item.nodeid, ALONE) < len(ALONE):
            item.add_marker(pytest.mark.alone)
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: among(item.nodeid, TOGETHER))


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give workers one class of tests after the other, or a file whose tests run together."""
    from xdist.scheduler import LoadScopeScheduling

    def unit(nodeid: str) -> str:
        is_whole = among(nodeid, TOGETHER) < len(TOGETHER)
        return nodeid.partition("::")[0] if is_whole else nodeid.rpartition("::")[0]

    config.option.loadscopereorder = False
    found = LoadScopeScheduling(config, log)
    # Units of work by their place: no test needs a mark, nor another name.
    found._split_scope = unit
    return found


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Import only what will run: not what is marked otherwise, nor benchmarks without a name.

    `make bench` brings what these need.
    """
    if collection_path.name == "bench" and not any("bench" in given for given in config.args):
        return True
    if collection_path.suffix == ".py" and collection_path.is_relative_to(HERE):
        place = collection_path.relative_to(HERE).as_posix()
        if config.option.markexpr == "not alone":
            return place in ALONE or None
        if config.option.markexpr == "alone":
            return not any(part.startswith(place) for part in ALONE) or None
    return None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Where everything is installed (`ONEIRIC_CI`), a skipped test is a failed one.

    What no machine can install is exempt: vectors that stand outside this repository, and
    what a platform lacks (a reason that starts with `only on`).
    """
    report = yield
    if os.environ.get("ONEIRIC_CI") and report.skipped and not hasattr(report, "wasxfail"):
        reason = str(report.longrepr[-1] if isinstance(report.longrepr, tuple) else report.longrepr)
        reason = reason.removeprefix("Skipped: ")
        if "vectors" not in reason and not reason.startswith("only on"):
            report.outcome = "failed"
            report.longrepr = f"{item.nodeid} was skipped, which CI takes as a failure: {reason}"
    return report


@pytest.fixture(scope="session")
def certify(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[ssl.SSLContext, Path]]:
    """Make the context of a server, and the file of the authority that vouches for it."""
    import ssl

    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.x509.oid import NameOID

    def make(name: str = "localhost", *, days: int = 1) -> tuple[ssl.SSLContext, Path]:
        folder = tmp_path_factory.mktemp("tls")
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        now = dt.datetime.now(dt.UTC)
        names: list[x509.GeneralName] = [x509.DNSName(name)]
        if name == "localhost":
            names.append(x509.IPAddress(ipaddress.ip_address("127.0.0.1")))
        certificate = (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(subject)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now - dt.timedelta(days=10))
            .not_valid_after(now + dt.timedelta(days=days))
            .add_extension(x509.SubjectAlternativeName(names), critical=False)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(key, hashes.SHA256())
        )
        pem = certificate.public_bytes(serialization.Encoding.PEM)
        (folder / "cert.pem").write_bytes(pem)
        (folder / "key.pem").write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.NoEncryption(),
            )
        )
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(folder / "cert.pem", folder / "key.pem")
        return context, folder / "cert.pem"

    return make
