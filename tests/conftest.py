"""What holds for every test: an environment of its own, and no silent skips in CI."""

from __future__ import annotations

import datetime as dt
import ipaddress
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    import ssl
    from collections.abc import Callable, Generator, Iterator

pytest_plugins = ["pytester"]

ALONE = (
    "browser",
    "cli/test_run.py",
    "cli/test_two_processes.py",
    "commands/test_load",
    "docs/test_examples.py",
    "faults",
    "jobs",
    "lab/test_host.py",
    "lab/test_load.py",
    "lab/test_probe_and_watch.py",
    "lab/test_running.py",
    "lifecycle",
    "loadlab",
    "notebook",
    "remote",
    "runtime",
    "testing",
)
"""Where the clock of this machine counts: these do not run beside others; see `make test`."""

_KEPT = {"ONEIRIC_CI", "ONEIRIC_GOLDEN"}


@pytest.fixture(scope="session", autouse=True)
def _own_environment(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Hide what the developer's machine says, and keep out of what it remembers."""
    with pytest.MonkeyPatch.context() as patch:
        for name in [n for n in os.environ if n.startswith("ONEIRIC_") and n not in _KEPT]:
            patch.delenv(name)
        patch.setenv("ONEIRIC_STATE_DIR", str(tmp_path_factory.mktemp("state")))
        patch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
        yield


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark what must run alone."""
    here = Path(__file__).parent
    for item in items:
        if item.path.is_relative_to(here) and item.path.relative_to(here).as_posix().startswith(
            ALONE
        ):
            item.add_marker(pytest.mark.alone)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave the benchmarks out unless they are named: `make bench` brings what they need."""
    if collection_path.name != "bench" or any("bench" in given for given in config.args):
        return None
    return True


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
