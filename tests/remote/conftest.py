"""What the tests of remote share."""

from __future__ import annotations

import datetime as dt
import ipaddress
import ssl
from typing import TYPE_CHECKING

import anyio
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from oneiric_lab.remote import Buffer, Fetched, Request, Rules, SafeFetcher

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

QUICK = Rules(base_delay=0.01, max_delay=0.02, deadline=5, connect_timeout=1, read_timeout=1)
"""Rules under which a test of a retry ends at once."""

Certify = "Callable[..., tuple[ssl.SSLContext, Path]]"


def fetch(request: Request, rules: Rules = QUICK) -> tuple[Fetched, bytes]:
    """Fetch *request* with a fetcher of its own."""

    async def main() -> tuple[Fetched, bytes]:
        sink = Buffer()
        async with SafeFetcher(rules) as fetcher:
            return await fetcher.fetch(request, sink), sink.data

    return anyio.run(main)


@pytest.fixture(scope="session")
def certify(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[ssl.SSLContext, Path]]:
    """Make the context of a server, and the file of the authority that vouches for it."""

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
